#!/usr/bin/env python3
"""Compare `sawmill replay` with a reference implementation over random cases.

    python3 fuzz.py --oracle PATH/oracle.py --cases 5000 --seed 1 -- COMMAND replay

The reference is a Python file with a function `replay(config, events)`; it is loaded once and
forked for each case. A difference prints its case's folder, which is kept. At the end the
coverage is printed; too little of anything is a failure. Needs the standard library only.
"""
import argparse
import collections
import importlib.util
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL', 'NOTSET', 'WARN', 'FATAL']
NUMBERS = [0, 5, 10, 15, 20, 25, 30, 35, 40, 50, 55]
NAMES = ['', 'a', 'a.b', 'a.b.c', 'a.bc', 'd', 'd.e.f', 'root', 'x..y', 'é']
WHENS = ['S', 'M', 'H', 'D', 'h', 'midnight', 'MIDNIGHT', 'W0', 'W3', 'w6']
CLASSES = ['logging.StreamHandler', 'logging.FileHandler', 'logging.NullHandler',
           'logging.handlers.RotatingFileHandler', 'logging.handlers.TimedRotatingFileHandler',
           'logging.handlers.WatchedFileHandler', 'logging.handlers.MemoryHandler',
           'logging.handlers.QueueHandler', 'sawmill.testing.TaggedStreamHandler',
           'sawmill.testing.make_file_handler', 'sawmill.testing.make_rotating_handler']
FACTORIES = ('sawmill.testing.make_file_handler', 'sawmill.testing.make_rotating_handler')
QUERIES = ['effective_level', 'level', 'name', 'parent', 'children', 'propagate', 'disabled',
           'has_handlers', 'is_enabled_for', 'get_child', 'same', 'level_name', 'level_names',
           'manager_disable', 'handlers']
CONTROLS = ['configure', 'basic_config', 'set_level', 'disable', 'add_level_name', 'get_logger',
            'set_propagate', 'set_disabled', 'add_handler', 'remove_handler', 'add_filter',
            'remove_filter', 'set_formatter', 'set_target', 'set_stream', 'flush',
            'flush_handler', 'close', 'rollover', 'shutdown', 'raise_exceptions', 'last_resort',
            'clock', 'query']
EVENT_KEYS = ['logger', 'level', 'msg', 'args', 'created', 'pathname', 'lineno', 'funcName',
              'thread', 'threadName', 'process', 'processName', 'taskName', 'exc_text',
              'stack_info', 'extra', 'adapter', 'via']
FIELDS = ['name', 'levelno', 'levelname', 'pathname', 'filename', 'module', 'lineno', 'funcName',
          'thread', 'threadName', 'process', 'processName', 'message', 'rid']


class Generator:
    def __init__(self, seed, seen):
        self.r = random.Random(seed)
        self.seen = seen
        self.spoils = False
        self.now = 1700000000 + self.r.randrange(0, 400 * 86400)
        self.zone = self.r.choice(['UTC', 'UTC', 'Europe/Paris', 'EST5EDT,M3.2.0,M11.1.0',
                                   'Asia/Kolkata', 'America/New_York'])

    def one_in(self, n):
        return self.r.randrange(n) == 0

    def level(self):
        return self.r.choice(LEVELS) if self.one_in(2) else self.r.choice(NUMBERS)

    # --- values --------------------------------------------------------------------

    def value(self, depth=0):
        r = self.r
        pick = r.randrange(9 if depth < 2 else 6)
        if pick == 0:
            return r.choice([0, 1, -1, 7, 42, -300, 2**31, -2**63, 2**63 - 1, r.randrange(10**6)])
        if pick == 1:
            return r.choice([0.0, 1.5, -2.25, 0.1, 1e16, 1e-5, 123456.789, 2.5, 1e100])
        if pick in (2, 3):
            return r.choice(['', 'x', 'it\'s', 'say "hi"', 'é', '日本', 'a\nb', 'tab\t', '%s', '{x}',
                             'both \' and "', '\x7f\x00', '😀', 'plain text'])
        if pick == 4:
            return r.choice([True, False])
        if pick == 5:
            return None
        if pick in (6, 7):
            return [self.value(depth + 1) for _ in range(r.randrange(4))]
        return {r.choice(['k', 'a', 'it\'s', 'é']): self.value(depth + 1) for _ in range(r.randrange(3))}

    def message(self):
        """A message and arguments, fitting each other more often than not."""
        r = self.r
        if self.one_in(4):
            return r.choice(['plain', '100% sure', 'é → ñ', '', 'two\nlines', '%d', '%s', 'ends\n']), None
        if self.one_in(12):
            return self.value(), None
        if self.one_in(6):
            keys = r.sample(['a', 'b', 'c'], r.randrange(1, 4))
            text = ' '.join('%%(%s)%s' % (k, r.choice(['s', 'r', '05d', '.2f', '-8s|'])) for k in keys)
            if self.one_in(8):
                text += ' %(missing)s'
            number = lambda: r.choice([3, 2.5, -7])
            return text, {k: number() for k in keys}
        parts, args = [], []
        for _ in range(r.randrange(1, 5)):
            kind = r.choice('sssrdaifgexXoc')
            flags = r.choice(['', '', '', '-', '0', '+', ' ', '#'])
            width = r.choice(['', '', '5', '12', '3'])
            precision = r.choice(['', '', '.2', '.0', '.5'])
            parts.append('%' + flags + width + precision + kind)
            if kind in 'sra':
                args.append(self.value())
            elif kind == 'c':
                args.append(r.choice(['z', 65, 'é']))
            elif kind in 'dixXo':
                args.append(r.choice([0, 7, -42, 255, 10**12, True]))
            else:
                args.append(r.choice([0.0, 1.5, -2.25, 1e10, 1e-7, 3, 0.1]))
        if self.one_in(12):
            args = args[:-1]
        elif self.one_in(20):
            args.append('extra')
        elif self.one_in(20) and args:
            args[0] = self.value()
        return r.choice(['%s', 'm %s', '%s end%%']) % r.choice([' ', ',', '|']).join(parts) \
            if self.one_in(3) else ' '.join(parts), args

    # --- configurations ----------------------------------------------------------------

    def pattern(self, style):
        r = self.r
        out = []
        for field in r.sample(FIELDS, r.randrange(1, 4)) + ['message'] * (not self.one_in(10)):
            if field == 'rid' and not self.one_in(4):
                continue
            if style == '%':
                number = field in ('lineno', 'levelno', 'thread', 'process')
                spec = r.choice(['d', '03d', '5d', 's']) if number else r.choice(['s', '-8s', '8s', '.3s'])
                out.append('%%(%s)%s' % (field, spec))
            elif style == '{':
                number = field in ('lineno', 'levelno', 'thread', 'process')
                spec = r.choice(['', ':d', ':05d', ':>6']) if number else r.choice(['', ':<8', ':^9', ':*>7', '!r'])
                out.append('{%s%s}' % (field, spec))
            else:
                out.append(r.choice(['$%s', '${%s}']) % field)
        if self.one_in(4):
            out.append({'%': '%(asctime)s', '{': '{asctime}', '$': '$asctime'}[style])
        if self.spoils and self.one_in(30):
            return 'no field'
        return r.choice([' ', '|', ' - ']).join(out) or {'%': '%(message)s', '{': '{message}', '$': '$message'}[style]

    def formatter(self):
        r = self.r
        style = r.choice('%%{$')
        self.seen['style ' + style] += 1
        f = {'format': self.pattern(style)}
        if style != '%' or self.one_in(5):
            f['style'] = style
        if self.one_in(4):
            f['datefmt'] = r.choice(['%H:%M:%S', '%Y-%m-%dT%H:%M:%S%z', '%d/%m/%y %I %p', '%j %U %a %b', '%c'])
        if self.one_in(8):
            f['defaults'] = {'rid': r.choice(['-', 7, None])}
        if self.spoils and self.one_in(15):
            f['validate'] = False
        if self.one_in(5):
            f['()'] = r.choice(['logging.Formatter', 'sawmill.testing.UTCFormatter',
                                'sawmill.testing.OneLineExceptionFormatter'])
            if self.one_in(2):
                f['fmt'] = f.pop('format')
            if self.one_in(3):
                f['.'] = {'default_msec_format': r.choice([None, '%s.%03d']),
                          'default_time_format': '%H-%M-%S'}
        return f

    def filter(self):
        r = self.r
        pick = r.randrange(8)
        if pick == 0:
            return {'name': r.choice(['a', 'a.b', '', 'd'])}
        t = 'sawmill.testing.'
        return [None,
                {'()': t + 'LevelRangeFilter', 'low': r.choice([0, 10, 'INFO']), 'high': r.choice([30, 'ERROR', 100])},
                {'()': t + 'RejectLevelsFilter', 'levels': [r.choice([20, 'WARNING', 40])]},
                {'()': t + 'RedactFilter', 'needle': r.choice(['a', 'plain', '1'])},
                {'()': t + 'AddFieldsFilter', 'rid': self.value(2)},
                {'()': t + 'EveryNthFilter', 'n': r.randrange(1, 4)},
                {'()': t + 'CopyFilter', 'prefix': 'C:'},
                {'()': t + 'max_level_filter', 'level': r.choice(['INFO', 'ERROR'])}][pick]

    def handler(self, name, others, formatters, filters, first):
        r = self.r
        cls = r.choice(CLASSES)
        h = {'()' if cls in FACTORIES else 'class': cls}
        self.seen['class ' + cls] += 1
        file = 'f_%s.log' % (name if first else name + '2')
        if cls.endswith('StreamHandler'):
            h['stream'] = r.choice(['ext://sys.stdout', 'ext://sys.stdout', 'ext://sys.stderr'])
            if self.one_in(6):
                h['.'] = {'terminator': r.choice(['|\n', '\r\n'])}
            if 'Tagged' in cls and self.one_in(2):
                h['tag'] = 'T'
                h.pop('.', None)
        elif cls in ('logging.FileHandler', 'logging.handlers.WatchedFileHandler',
                     'sawmill.testing.make_file_handler'):
            h['filename'] = file
            if self.one_in(3):
                h['mode'] = r.choice('aw')
            if self.one_in(3):
                h['encoding'] = r.choice(['utf-8', 'latin-1', 'ascii', 'utf-16', 'cp1252', 'utf-8-sig'])
            if cls != 'sawmill.testing.make_file_handler':
                # CPython empties a watched file of mode w twice if it is opened late.
                if self.one_in(4) and not ('Watched' in cls and h.get('mode') == 'w'):
                    h['delay'] = r.choice([True, False])
                if self.one_in(6):
                    h['errors'] = r.choice(['replace', 'backslashreplace', 'ignore', 'xmlcharrefreplace'])
        elif cls.endswith('RotatingFileHandler') and 'Timed' not in cls or cls.endswith('rotating_handler'):
            h['filename'] = file
            h['maxBytes'] = r.choice([0, 30, 60, 100, 1000])
            h['backupCount'] = r.choice([0, 1, 2, 5])
            if cls in FACTORIES and self.one_in(2):
                h.update(suffix='.z', shout=r.choice([True, False]))
        elif 'Timed' in cls:
            h.update(filename=file, when=r.choice(WHENS), backupCount=r.choice([0, 0, 2]))
            self.seen['when ' + h['when'].upper()] += 1
            if h['when'].upper() in 'SMHD':
                h['interval'] = r.choice([1, 2, 5, 30])
            if self.one_in(3):
                h['utc'] = True
            if h['when'].upper() == 'MIDNIGHT' and self.one_in(3):
                h['atTime'] = 'ext://sawmill.testing.time_13_30_07'
        elif 'Memory' in cls:
            h['capacity'] = r.choice([1, 2, 5, 100])
            if others:
                h['target'] = r.choice(others)
            if self.one_in(3):
                h['flushLevel'] = self.level()
            if self.one_in(4):
                h['flushOnClose'] = False
        elif 'Queue' in cls:
            # Several writers of one stream from a queue would race in the reference.
            h['handlers'] = r.sample(others, min(len(others), r.randrange(1, 3))) if others else []
            if self.one_in(3):
                h['respect_handler_level'] = True
        if formatters and not self.one_in(4):
            h['formatter'] = r.choice(formatters)
        if self.one_in(3):
            h['level'] = self.level()
        if filters and self.one_in(4):
            h['filters'] = r.sample(filters, 1)
        return h

    def config(self, first):
        r = self.r
        # What a refused reconfiguration leaves behind is not pinned.
        self.spoils = first
        formatters = {f: self.formatter() for f in r.sample(['f', 'g', 'h'], r.randrange(3))}
        filters = {f: self.filter() for f in r.sample(['p', 'q', 's'], r.randrange(3))}
        handlers = {}
        plain = []
        for name in r.sample(['ha', 'hb', 'hc', 'hd'], r.randrange(1, 5)):
            h = self.handler(name, plain, list(formatters), list(filters), first)
            handlers[name] = h
            cls = h.get('class', '')
            # A listener's thread may be late: its rotation by time is no fact of the reference.
            if ('File' in cls and 'Timed' not in cls) or 'Null' in cls:
                plain.append(name)
        queued = {n for h in handlers.values() if 'Queue' in h.get('class', '') for n in h['handlers']}
        direct = [n for n in handlers if n not in queued]
        # A handler behind a queue is used by that queue alone, lest two threads race.
        for name, h in list(handlers.items()):
            if h.get('target') in queued:
                del h['target']
        seen_queue = set()
        for h in handlers.values():
            if 'Queue' in h.get('class', ''):
                h['handlers'] = [n for n in h['handlers'] if n not in seen_queue]
                seen_queue.update(h['handlers'])

        def logger(root):
            x = {}
            if not self.one_in(3):
                x['level'] = self.level()
            if direct and (root or self.one_in(2)):
                x['handlers'] = r.sample(direct, r.randrange(1, len(direct) + 1))
            if not root and self.one_in(4):
                x['propagate'] = r.choice([True, False, 0, 1])
            if filters and self.one_in(5):
                x['filters'] = r.sample(list(filters), 1)
            return x
        config = {'version': 1, 'formatters': formatters, 'filters': filters, 'handlers': handlers,
                  'loggers': {n: logger(False) for n in r.sample(NAMES[1:7], r.randrange(3))},
                  'root': logger(True)}
        if not first and self.one_in(2):
            config['disable_existing_loggers'] = r.choice([True, False])
        if self.spoils and self.one_in(8):
            self.spoil(config)
        return config

    def spoil(self, config):
        r = self.r
        pick = r.randrange(8)
        if pick == 0:
            config['version'] = r.choice([2, '1', None])
        elif pick == 1:
            config['root']['level'] = r.choice(['debug', 'LOUD', 1.5, []])
        elif pick == 2:
            config['root']['handlers'] = ['nosuch']
        elif pick == 3 and config['handlers']:
            r.choice(list(config['handlers'].values()))['bogus'] = 1
        elif pick == 4 and config['handlers']:
            r.choice(list(config['handlers'].values()))['formatter'] = 'nosuch'
        elif pick == 5:
            config['formatters']['bad'] = {'format': '{message', 'style': '{'}
        elif pick == 6:
            config['filters']['bad'] = {'()': 'no.such.Filter'}
        else:
            config['loggers']['q'] = {'level': 'cfg://no.way'}

    # --- events ------------------------------------------------------------------------

    def event(self):
        r = self.r
        msg, args = self.message()
        e = {'logger': r.choice(NAMES), 'level': self.level(), 'msg': msg}
        if args is not None:
            e['args'] = args
        if self.one_in(2):
            self.now += r.choice([0.25, 0.5, 1, 1, 2, 30, 3600, 40000, 90000])
            e['created'] = self.now
        if self.one_in(3):
            e.update(pathname=r.choice(['/p/q.py', 'x.y.py', 'noext', '.hidden']), lineno=r.randrange(500))
        for key, value in (('funcName', 'f'), ('thread', 7), ('threadName', 'T-1'), ('process', 9),
                           ('processName', 'P'), ('taskName', 'K'), ('exc_text', 'Trace\n  x'),
                           ('stack_info', 'Stack\n  y'), ('extra', {'rid': self.value(2)})):
            if self.one_in(7):
                e[key] = value
        if self.one_in(15):
            e['adapter'] = {'extra': {'rid': 'ad', 'z': 1}, 'merge_extra': r.choice([True, False])}
        if self.one_in(12):
            e['via'] = 'handle'
        if self.one_in(60):
            e['extra'] = {'name': 1}
        if self.one_in(60):
            e['level'] = 'nope'
        self.seen.update('event ' + key for key in e)
        return e

    def control(self, config):
        r = self.r
        kind = r.choice(CONTROLS)
        self.seen['control ' + kind] += 1
        c = {'control': kind}
        handlers = list(config.get('handlers') or {})
        handler = r.choice(handlers) if handlers else 'none'
        # Names lead to handlers that nobody holds until Python collects them: leave those alone.
        held = set()
        for logger in [config.get('root') or {}, *(config.get('loggers') or {}).values()]:
            held.update(logger.get('handlers') or [])
        handler = r.choice(sorted(held)) if held else 'none'
        if kind == 'configure':
            c['config'] = self.config(False)
            return c, c['config']
        if kind == 'basic_config':
            if self.one_in(2):
                c['force'] = True
            c.update(r.choice([{}, {'level': 'DEBUG'}, {'stream': 'stdout'}, {'format': '{message}', 'style': '{'},
                               {'filename': 'basic.log'}, {'style': '!'}, {'filename': 'b.log', 'stream': 'stdout'}]))
        elif kind == 'set_level':
            c['level'] = r.choice([self.level(), 'bad', 10.5]) if self.one_in(6) else self.level()
            c.update({'handler': handler} if self.one_in(2) else {'logger': r.choice(NAMES)})
        elif kind == 'disable':
            c['level'] = r.choice(['NOTSET', 0, 0, 10, 'INFO'])
        elif kind == 'add_level_name':
            c.update(level=r.choice([25, 15, 30]), name=r.choice(['NOTICE', 'FINE', 'careful']))
        elif kind in ('get_logger',):
            c['logger'] = r.choice(NAMES)
        elif kind in ('set_propagate', 'set_disabled'):
            c.update(logger=r.choice(NAMES), value=r.choice([True, False]))
        elif kind in ('add_handler',):
            c.update(logger=r.choice(NAMES), handler=handler)
        elif kind == 'remove_handler':
            # Removed from a logger that does not hold it: the reference may else free it.
            c.update(logger='never.held', handler=handler)
        elif kind in ('add_filter', 'remove_filter'):
            c['name'] = r.choice(['a', 'a.b', 'd'])
            c.update({'handler': handler} if self.one_in(2) else {'logger': r.choice(NAMES)})
        elif kind == 'set_formatter':
            f = self.formatter()
            c.update(handler=handler, **{k: f[k] for k in ('format', 'datefmt', 'style', 'validate', 'defaults') if k in f})
        elif kind == 'set_target':
            c.update(handler=handler, target=None)
        elif kind == 'set_stream':
            c.update(handler=handler, stream=r.choice(['stdout', 'stderr']))
            cls = config['handlers'].get(handler, {}).get('class', '') if handlers else ''
            if 'Stream' not in cls:
                c['handler'] = 'none'
        elif kind in ('flush_handler', 'close', 'rollover'):
            c['handler'] = handler
        elif kind == 'raise_exceptions':
            c['value'] = r.choice([True, True, False])
        elif kind == 'last_resort':
            c['level'] = r.choice([None, 'WARNING', 10])
        elif kind == 'clock':
            self.now += r.choice([1, 60, 4000])
            c['now'] = self.now
        elif kind == 'query':
            c['what'] = r.choice(QUERIES)
            if c['what'] in ('level_names', 'manager_disable'):
                pass
            elif c['what'] == 'level_name':
                c['level'] = r.choice([10, 25, 'INFO', 'nope', 17])
            elif c['what'] == 'same':
                c.update(a=r.choice(NAMES), b=r.choice(NAMES))
            else:
                c['logger'] = r.choice(NAMES)
                if c['what'] == 'is_enabled_for':
                    c['level'] = self.level()
                if c['what'] == 'get_child':
                    # CPython's root has a child '' that is not the root.
                    c['suffix'] = r.choice(['k', 'k.l'] + [''] * (c['logger'] not in ('', 'root')))
        return c, config

    def case(self):
        config = self.config(True)
        lines, current = [], config
        for _ in range(self.r.randrange(12, 45)):
            if self.one_in(4):
                line, current = self.control(current)
                lines.append(line)
            else:
                lines.append(self.event())
        if not any('created' in x or 'now' in x for x in lines[:1]):
            lines.insert(0, {'control': 'clock', 'now': self.now - 1000000 % 997})
        return config, lines


def tree(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob('*'))
            if p.is_file() and p.suffix not in ('.json', '.jsonl') and not p.name.startswith('std')}


def prepare(folder, config, lines):
    folder.mkdir(parents=True)
    (folder / 'config.json').write_text(json.dumps(config), encoding='utf-8')
    (folder / 'events.jsonl').write_text(''.join(json.dumps(x) + '\n' for x in lines), encoding='utf-8')


def run_oracle(module, folder, zone):
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(folder)
            os.environ['TZ'] = zone
            import time
            time.tzset()
            for number, name in ((1, 'stdout'), (2, 'stderr')):
                fd = os.open(str(folder / name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(fd, number)
            sys.stdout = open(1, 'w', encoding='utf-8', newline='\n', closefd=False)
            sys.stderr = open(2, 'w', encoding='utf-8', errors='backslashreplace', newline='\n', closefd=False)
            code = module.replay('config.json', 'events.jsonl')
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException as error:
            sys.stderr.write('oracle: %r\n' % error)
            sys.stderr.flush()
            code = 99
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    read = lambda name: (folder / name).read_bytes()
    return os.waitstatus_to_exitcode(status), read('stdout'), read('stderr'), tree(folder)


def run_command(command, folder, zone):
    env = {'TZ': zone, 'LC_ALL': 'C.UTF-8', 'PATH': ''}
    try:
        done = subprocess.run([*command, '--config', 'config.json', 'events.jsonl'], cwd=folder, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        return done.returncode, done.stdout, done.stderr, tree(folder)
    except subprocess.TimeoutExpired:
        return 'timeout', b'', b'', {}


def differences(want, got):
    if want[0] == 99:
        # A filter failed while the reference shut down: there is nothing to compare with.
        return []
    if want[0] != 0:
        return [] if got[0] not in (0, 'timeout', 101) and not got[1] else ['accepted: ' + want[2].decode()[:300]]
    out = []
    if got[0] != 0:
        out.append('exit %s: %s' % (got[0], got[2].decode('utf-8', 'replace')[:400]))
    for name, a, b in (('stdout', want[1], got[1]), ('stderr', want[2], got[2])):
        if a != b:
            x, y = a.split(b'\n'), b.split(b'\n')
            at = next((i for i, (p, q) in enumerate(zip(x, y)) if p != q), min(len(x), len(y)))
            out.append('%s line %d: want %r got %r' % (name, at + 1, x[at:at + 1], y[at:at + 1]))
    for name in sorted(set(want[3]) | set(got[3])):
        if want[3].get(name) != got[3].get(name):
            out.append('%s: want %r got %r' % (name, (want[3].get(name) or b'(none)')[-200:],
                                               (got[3].get(name) or b'(none)')[-200:]))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--oracle', required=True)
    parser.add_argument('--cases', type=int, default=5000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--stop', type=int, default=10, help='differences after which to stop')
    parser.add_argument('command', nargs='+')
    options = parser.parse_args()
    command = [os.path.abspath(w) if os.path.isfile(w) else w for w in options.command]
    spec = importlib.util.spec_from_file_location('oracle', options.oracle)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    seen = collections.Counter()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix='sawmill-fuzz-'))
    different = refused = events = done = 0
    for case in range(options.cases):
        generator = Generator(options.seed * 1000003 + case, seen)
        config, lines = generator.case()
        events += len(lines)
        a, b = scratch / ('%d-want' % case), scratch / ('%d-got' % case)
        prepare(a, config, lines)
        prepare(b, config, lines)
        want = run_oracle(module, a, generator.zone)
        got = run_command(command, b, generator.zone)
        refused += want[0] != 0
        done += 1
        problems = differences(want, got)
        if problems:
            different += 1
            print('case %d (TZ %s): %s' % (case, generator.zone, a))
            for problem in problems[:4]:
                print('    ' + problem[:600])
            sys.stdout.flush()
            if different >= options.stop:
                break
        else:
            shutil.rmtree(a)
        shutil.rmtree(b)
    print('%d cases, %d different, %d refused, %.1f lines a case' % (done, different, refused, events / done))
    wanted = (['event ' + k for k in EVENT_KEYS] + ['control ' + k for k in CONTROLS]
              + ['class ' + k for k in CLASSES] + ['style ' + k for k in '%{$']
              + sorted({'when ' + k.upper() for k in WHENS}))
    low = [k for k in wanted if seen[k] < 50]
    print('coverage: ' + ', '.join('%s %d' % (k, seen[k]) for k in wanted))
    if options.cases >= 1000 and (low or refused > 0.3 * done or events < 20 * done):
        print('too little coverage: %s' % (low or 'refusals or lengths'))
        return 1
    return 1 if different else 0


if __name__ == '__main__':
    sys.exit(main())
