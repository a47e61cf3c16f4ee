"""Random cases for `fuzz.py`: configurations, events and controls over the documented surface.

What is left out, because the reference itself leaves it to chance or does not pin it: see the
comments that begin with "Not".
"""
import json
import random

LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL', 'NOTSET', 'WARN', 'FATAL']
NUMBERS = [0, 5, 10, 15, 20, 25, 30, 35, 40, 50, 55, -5, 1, 100, 2000000000]
NAMES = ['', 'a', 'a.b', 'a.b.c', 'a.bc', 'd', 'd.e.f', 'root', 'x..y', 'é', 'a b', '.', 'root.k']
WHENS = ['S', 'M', 'H', 'D', 's', 'm', 'h', 'd', 'midnight', 'MIDNIGHT', 'Midnight',
         'W0', 'W1', 'W2', 'W3', 'w4', 'W5', 'w6']
ZONES = ['UTC', 'UTC', 'Europe/Paris', 'EST5EDT,M3.2.0,M11.1.0', 'Asia/Kolkata', 'America/New_York',
         'Australia/Lord_Howe', 'XYZ-3:30', 'America/St_Johns', 'Pacific/Apia']
STREAMS = ['logging.StreamHandler', 'sawmill.testing.TaggedStreamHandler']
FILES = ['logging.FileHandler', 'logging.handlers.WatchedFileHandler',
         'sawmill.testing.make_file_handler']
SIZED = ['logging.handlers.RotatingFileHandler', 'sawmill.testing.make_rotating_handler']
TIMED = 'logging.handlers.TimedRotatingFileHandler'
MEMORY = 'logging.handlers.MemoryHandler'
BUFFERING = 'logging.handlers.BufferingHandler'
QUEUE = 'logging.handlers.QueueHandler'
NULL = 'logging.NullHandler'
CLASSES = STREAMS + FILES + SIZED + [TIMED, MEMORY, QUEUE, NULL]
FACTORIES = ('sawmill.testing.make_file_handler', 'sawmill.testing.make_rotating_handler')
QUERIES = ['effective_level', 'level', 'name', 'parent', 'children', 'propagate', 'disabled',
           'has_handlers', 'is_enabled_for', 'get_child', 'same', 'level_name', 'level_names',
           'manager_disable', 'handlers', 'handler_names']
CONTROLS = ['configure', 'basic_config', 'set_level', 'disable', 'add_level_name', 'get_logger',
            'set_propagate', 'set_disabled', 'add_handler', 'remove_handler', 'add_filter',
            'remove_filter', 'set_formatter', 'set_target', 'set_stream', 'flush',
            'flush_handler', 'close', 'rollover', 'shutdown', 'raise_exceptions', 'last_resort',
            'clock', 'query']
EVENT_KEYS = ['logger', 'level', 'msg', 'args', 'created', 'pathname', 'lineno', 'funcName',
              'thread', 'threadName', 'process', 'processName', 'taskName', 'exc_text',
              'stack_info', 'extra', 'adapter', 'via']
FILTERS = ['name', 'LevelRangeFilter', 'RejectLevelsFilter', 'RedactFilter', 'AddFieldsFilter',
           'EveryNthFilter', 'CopyFilter', 'max_level_filter']
TEXT_FIELDS = ['name', 'levelname', 'pathname', 'filename', 'module', 'funcName', 'threadName',
               'processName', 'message', 'asctime']
INT_FIELDS = ['levelno', 'lineno', 'thread', 'process']
FLOAT_FIELDS = ['created', 'msecs', 'relativeCreated']
ANY_FIELDS = ['msg', 'args', 'taskName', 'exc_text', 'stack_info', 'exc_info', 'rid', 'user', 'z']
ENCODINGS = ['utf-8', 'UTF8', 'u8', 'latin-1', 'ascii', 'us-ascii', 'utf-16', 'utf-16-le', 'utf_16_be',
             'utf-32', 'cp1252', 'cp1251', 'cp437', 'koi8-r', 'iso8859-15', 'utf-8-sig', 'mac-roman',
             'ISO_8859-7', 'windows-1250']
ERRORS = ['strict', 'replace', 'backslashreplace', 'ignore', 'xmlcharrefreplace',
          'surrogateescape', 'surrogatepass']
DIRECTIVES = list('aAbBcdHIjmMpSUwWxXyYzZGuVCDeFghklnPrRtTs%')
KEYWORDS = ['format', 'datefmt', 'style', 'validate', 'defaults']


class Generator:
    def __init__(self, seed, seen):
        self.r = random.Random(seed)
        self.seen = seen
        self.files = {}
        self.first = True
        self.rounds = 0
        self.handler_classes = {}
        self.opened = set()
        self.now = 1700000000 + self.r.randrange(0, 400 * 86400)
        if self.one_in(12):
            self.now += self.r.choice([0.5, 0.125, 0.001, 0.999, 0.123456])
        if self.one_in(25):
            self.now = self.r.choice([0, 1, -5.5, 86399, 951782400, 2**31 - 1, 4102444800])
        self.zone = self.r.choice(ZONES)

    def one_in(self, n):
        return self.r.randrange(n) == 0

    def pick(self, *items):
        return self.r.choice(items)

    def level(self):
        return self.r.choice(LEVELS) if self.one_in(2) else self.r.choice(NUMBERS)

    # --- values --------------------------------------------------------------------------------

    def integer(self):
        return self.r.choice([0, 1, -1, 7, 42, -300, 255, 65, 2**31, -2**63, 2**63 - 1, 10**12,
                              self.r.randrange(10**6), self.r.randrange(-2**62, 2**62)])

    def real(self):
        r = self.r
        return r.choice([0.0, -0.0, 1.5, -2.25, 0.1, 1e16, 1e-5, 123456.789, 2.5, 0.5, 1e100, 1e22, 1e-300,
                         5e-324, 1.7976931348623157e308, 9999999999999998.0, 0.0001, 0.00001234,
                         100000.0, 1e15, 123456789012345680.0, r.random(), r.uniform(-1e9, 1e9),
                         r.random() * 10.0 ** r.randrange(-30, 30)])

    def text(self):
        r = self.r
        return r.choice(['', 'x', 'it\'s', 'say "hi"', 'é', '日本', 'a\nb', 'tab\t', '%s', '{x}', '$y', '\\',
                         'both \' and "', '\x7f\x00', '😀', 'plain text', '\u2028', '\x85', '\xa0', '\xad',
                         '\u200b', '\r\n', '\x1b[0m', 'ﬁ', '\U000e0001', '\u0378', 'ß', 'A' * 40, 'e\u0301'])

    def value(self, depth=0):
        pick = self.r.randrange(10 if depth < 3 else 6)
        if pick == 0:
            return self.integer()
        if pick == 1:
            return self.real()
        if pick in (2, 3):
            return self.text()
        if pick == 4:
            return self.pick(True, False)
        if pick == 5:
            return None
        if pick in (6, 7, 8):
            return [self.value(depth + 1) for _ in range(self.r.randrange(4))]
        return {self.pick('k', 'a', 'it\'s', 'é', '', 'a b'): self.value(depth + 1)
                for _ in range(self.r.randrange(3))}

    def placeholder(self, key=''):
        """A conversion, and a value that fits it more often than not."""
        r = self.r
        kind = r.choice('sssrdaiufgeGEFxXocsd')
        flags = ''.join(r.sample('-0+ #', r.choice([0, 0, 0, 1, 1, 2, 3])))
        width = r.choice(['', '', '', '5', '12', '3', '1', '30'])
        precision = r.choice(['', '', '', '.2', '.0', '.5', '.', '.12', '.20'])
        length = r.choice(['', '', '', '', '', '', 'l', 'h', 'L'])
        if kind in 'sra':
            value = self.value()
        elif kind == 'c':
            value = r.choice(['z', 65, 'é', 0x65e5, 'ab', '', 0, -1, 1114112, True])
        elif kind in 'diuxXo':
            value = r.choice([self.integer(), True, 0, 3.0, 2.5, -7.9, 1e20]) if not self.one_in(10) else self.value()
        else:
            value = r.choice([self.real(), self.integer(), True]) if not self.one_in(10) else self.value()
        stars = []
        if not key:
            if self.one_in(15):
                width = '*'
                stars.append(r.choice([0, 7, -7, 20, True]))
            if self.one_in(15):
                precision = '.*'
                stars.append(r.choice([0, 2, 7, -3]))
        return '%' + ('(%s)' % key if key else '') + flags + width + precision + length + kind, stars + [value]

    def message(self):
        """A message and arguments, fitting each other more often than not."""
        r = self.r
        if self.one_in(5):
            return r.choice(['plain', '100% sure', 'é → ñ', '', 'two\nlines', '%d', '%s', 'ends\n', '%', '%%',
                             'a' * 70, '日本語', self.text()]), r.choice([None, None, []])
        if self.one_in(12):
            return self.value(), r.choice([None, [], [self.value()]])
        if self.one_in(6):
            keys = r.sample(['a', 'b', 'c', 'a b', 'é', '', 'x(y)'], r.randrange(1, 4))
            parts, mapping = [], {}
            for key in keys:
                part, values = self.placeholder(key or 'a')
                parts.append(part)
                if not self.one_in(25):
                    mapping[key or 'a'] = values[-1]
            if self.one_in(12):
                parts.append(r.choice(['%(missing)s', '%s', '%(a', '%(a)', '%(a)%', '%%']))
            text = r.choice([' ', ',']).join(parts)
            return text, r.choice([mapping, [mapping], mapping, [mapping, 1]] if self.one_in(6) else [mapping])
        parts, args = [], []
        for _ in range(r.randrange(1, 5)):
            part, values = self.placeholder()
            parts.append(part)
            args += values
        # Not: a width of any size, for which the reference takes the memory.
        if '*' in ''.join(parts):
            pass
        elif self.one_in(14):
            args = args[:-1]
        elif self.one_in(20):
            args.append('extra')
        elif self.one_in(20) and args:
            args[0] = self.value()
        if self.one_in(25):
            parts.append(r.choice(['%', '%q', '%5', '%.', '%(k)s', '% ', '%é', '%5%', '%-%', '%y', '%b', '%(', '%l']))
        text = r.choice([' ', ',', '|', '']).join(parts)
        return r.choice(['%s', 'm %s', '%s end', 'é%s']).replace('%s', text) if self.one_in(3) else text, args

    # --- formatters ----------------------------------------------------------------------------

    def percent_field(self):
        r = self.r
        group = r.choice([TEXT_FIELDS, TEXT_FIELDS, INT_FIELDS, INT_FIELDS, FLOAT_FIELDS, ANY_FIELDS])
        field = r.choice(group)
        if group is ANY_FIELDS and not self.one_in(3):
            field = 'taskName'
        if group is INT_FIELDS:
            spec = r.choice(['d', '03d', '5d', 's', '-6d|', 'x', '#x', '+d', 'i', 'c', 'r', 'o', '08.3f', ' d', 'e', 'u'])
            if spec == 'c' and not self.one_in(8):
                spec = 'g'
        elif group is FLOAT_FIELDS:
            spec = r.choice(['f', '.3f', '015.3f', 's', 'd', '03d', 'e', '.0f', 'g', '+.2f', 'r', '.10g', 'E', '-20f|'])
        else:
            spec = r.choice(['s', 's', 's', '-8s', '8s', '.3s', '-10.4s', 'r', 'a', '12r', '.5a', '05s'])
            if self.one_in(60):
                spec = r.choice(['d', 'f', 'x'])
        return '%%(%s)%s' % (field, spec)

    def brace_field(self):
        r = self.r
        group = r.choice([TEXT_FIELDS, TEXT_FIELDS, INT_FIELDS, INT_FIELDS, FLOAT_FIELDS, ANY_FIELDS])
        field = r.choice(group)
        if group is ANY_FIELDS and not self.one_in(3):
            field = 'taskName'
        if group is INT_FIELDS:
            spec = r.choice(['', ':d', ':05d', ':>6', ':<6', ':^7d', ':x', ':#06x', ':b', ':#b', ':o', ':+d', ': d', ':,',
                             ':_', ':_x', ':e', ':.2f', ':%', ':*=+8d', ':n', '!r', '!s:>5', ':010,', ':X', ':.1%', ':g'])
        elif group is FLOAT_FIELDS:
            spec = r.choice(['', ':f', ':.3f', ':015.3f', ':e', ':.0f', ':g', ':+.2f', '!r', ':,.2f', ':_', ':%', ':.3',
                             ':>20', ':*^24.1f', ':n', ':#.0f', ':E', ':G', ':0=+20', ':.1e', ':-.4g', ':,'])
        else:
            spec = r.choice(['', '', '', ':<8', ':^9', ':*>7', '!r', '!a', '!s', ':.3', ':8.2', ':s', '!r:>12', ':é<9', ':08', ':10s', ':<08s'])
            if self.one_in(60):
                spec = r.choice([':d', ':,', ':+', ':=8', ':f'])
        if field == 'args' and self.one_in(2):
            field = r.choice(['args[0]', 'args[k]', 'args[1]'])
        if self.one_in(60):
            spec = ':{levelno}'
        if field in ANY_FIELDS and spec and not self.one_in(4):
            spec = r.choice(['!r', '!s', '!a', '!s:>10'])
        return '{%s%s}' % (field, spec)

    def dollar_field(self):
        field = self.r.choice(TEXT_FIELDS + INT_FIELDS + FLOAT_FIELDS + ANY_FIELDS[:3])
        return self.pick('$%s', '${%s}', '${%s}') % field

    def pattern(self, style):
        r = self.r
        make = {'%': self.percent_field, '{': self.brace_field, '$': self.dollar_field}[style]
        message = {'%': '%(message)s', '{': '{message}', '$': '$message'}[style]
        out = [make() for _ in range(r.randrange(0, 4))]
        if not self.one_in(10) or not out:
            out.insert(r.randrange(len(out) + 1), message)
        if self.one_in(12):
            out.append({'%': '%%', '{': '{{}}', '$': '$$'}[style])
        if self.one_in(30):
            out.append({'%': '%(nosuch)s', '{': '{nosuch}', '$': '$nosuch'}[style])
        if self.first and self.one_in(60):
            return r.choice(['no field', message[:-1], '%(message)', '{message!x}', '{}', '$', '{0}', '%(message)y',
                             '{message:!}', '${message', '{', '}', '%', '{message[', ''])
        return r.choice([' ', '|', ' - ', 'é', '\n']).join(out)

    def datefmt(self):
        r = self.r
        if self.one_in(2):
            return r.choice(['%H:%M:%S', '%Y-%m-%dT%H:%M:%S%z', '%d/%m/%y %I %p', '%j %U %a %b', '%c', '', 'é %Y',
                             '%%', 'no directive', '%H:%M %Z'])
        flag = lambda: r.choice(['', '', '', '', '', '', '-', '_', '0', '^', '#', 'E', 'O', '10', '_5', '-3', '05'])
        return ' '.join('%' + flag() + r.choice(DIRECTIVES) for _ in range(r.randrange(1, 5)))

    def defaults(self):
        return {k: self.pick('-', 7, None, 2.5, [1], 'é') for k in self.r.sample(['rid', 'user', 'z', 'nosuch', 'name'],
                                                                              self.r.randrange(1, 4))}

    def formatter(self, class_too=True):
        r = self.r
        style = r.choice('%%{$')
        self.seen['style ' + style] += 1
        f = {'format': self.pattern(style)}
        if style != '%' or self.one_in(5):
            f['style'] = style
        if self.one_in(3):
            f['datefmt'] = self.datefmt()
        if self.one_in(5):
            f['defaults'] = self.defaults()
        if self.one_in(15):
            f['validate'] = self.pick(True, False, 0, 1, '', 'no') if self.first else True
        if self.one_in(20):
            del f['format']
        if class_too and self.one_in(3):
            key = self.pick('()', 'class')
            f[key] = r.choice(['logging.Formatter', 'sawmill.testing.UTCFormatter',
                               'sawmill.testing.OneLineExceptionFormatter'])
            if key == '()':
                if self.one_in(2) and 'format' in f:
                    f['fmt'] = f.pop('format')
                if self.one_in(3):
                    f['.'] = {'default_msec_format': r.choice([None, '%s.%03d', '', '%s,%5d', '[%s|%d]']),
                              'default_time_format': r.choice(['%H-%M-%S', '%Y %j'])}
            elif self.one_in(10):
                f['.'] = {'ignored': 1}
        elif class_too and self.one_in(12):
            f = {'()': 'sawmill.testing.make_formatter', 'format': f.get('format') or self.pattern(style),
                 'style': style, 'label': self.pick('L ', 'é', '100%% ')}
            if style != '%':
                f['label'] = 'L '
        return f

    # --- filters -------------------------------------------------------------------------------

    def added(self):
        """Attributes for AddFieldsFilter: new ones, and ones that every record has."""
        r = self.r
        fields = {}
        for _ in range(r.randrange(1, 3)):
            pick = r.randrange(9)
            if pick < 4:
                fields[r.choice(['rid', 'user', 'z'])] = self.value(2)
            elif pick == 4:
                fields[r.choice(['name', 'levelname', 'pathname', 'filename', 'module', 'funcName', 'threadName',
                                 'processName', 'taskName', 'message', 'asctime'])] = r.choice(['a', 'N.é', '', 'd'])
            elif pick == 5:
                fields[r.choice(['lineno', 'thread', 'process'])] = r.choice([0, 5, 12345])
            elif pick == 6:
                fields['levelno'] = r.choice([10, 20, 45])
            elif pick == 7:
                fields[r.choice(['msecs', 'relativeCreated'])] = r.choice([0, 5, 250.0, 99.9])
                if self.one_in(3):
                    fields['created'] = r.choice([0, 1700000000.5, 86400])
            else:
                fields[r.choice(['exc_text', 'stack_info'])] = r.choice(['Set\n  here', '', None])
                if self.one_in(3):
                    fields['msg'] = r.choice(['set %s', 'set', 7])
                if self.one_in(4):
                    fields['args'] = r.choice([[], [1], 'x', {'a': 1}, None, 5])
        return fields

    def filter(self):
        r = self.r
        kind = r.choice(FILTERS)
        self.seen['filter ' + kind] += 1
        if kind == 'name':
            f = {'name': r.choice(['a', 'a.b', '', 'd', 'root', 'x.'])}
            if self.one_in(3):
                f['()'] = 'logging.Filter'
            elif self.one_in(5):
                f = {}
            return f
        f = {'()': 'sawmill.testing.' + kind}
        if kind == 'LevelRangeFilter':
            f.update(low=r.choice([0, 10, 'INFO', -10]), high=r.choice([30, 'ERROR', 100]))
        elif kind == 'RejectLevelsFilter':
            f.update(levels=r.sample([20, 'WARNING', 40, 'DEBUG'], r.randrange(3)))
        elif kind == 'RedactFilter':
            f.update(needle=r.choice(['a', 'plain', '1', 'é', '']))
            if self.one_in(2):
                f['replacement'] = r.choice(['', '%s', 'XX'])
        elif kind == 'AddFieldsFilter':
            f.update(self.added())
        elif kind == 'EveryNthFilter':
            f.update(n=r.randrange(1, 4))
            if self.one_in(5):
                f['.'] = {'seen': 1}
        elif kind == 'CopyFilter':
            f.update(prefix=r.choice(['C:', '', '%s', 'é']))
        elif self.one_in(2):
            f.update(level=r.choice(['INFO', 'ERROR', 25]))
        return f

    # --- handlers ------------------------------------------------------------------------------

    def file_arguments(self, h, name, cls, mode=True):
        r = self.r
        self.rounds += 1
        h['filename'] = 'f_%s_%d.log' % (name, self.rounds)
        if self.one_in(12):
            h['filename'] = self.pick('./', './././') + h['filename']
        there = sorted(n for n in self.files if n.endswith('.log') and n not in self.opened)
        if self.one_in(10) and there and cls != TIMED:
            # A file that is there already. Not: one that another handler has open.
            h['filename'] = r.choice(there)
        self.opened.add(h['filename'].replace('./', ''))
        if self.first and self.one_in(4):
            self.files[h['filename'].replace('./', '')] = (self.pick('old\n', 'no newline', '', 'é\nx\n'),
                                         int(self.now) - r.choice([0, 1, 59, 3600, 90000, 700000]))
        if mode and self.one_in(3):
            h['mode'] = r.choice(['a', 'w', 'a', 'w', 'at', 'a+'] if self.one_in(3) else ['a', 'w'])
        if self.one_in(3):
            h['encoding'] = r.choice(ENCODINGS)
        if cls != 'sawmill.testing.make_file_handler':
            # Not: a watched file of mode w that is opened late; CPython empties it twice.
            if self.one_in(4) and not ('Watched' in cls and 'w' in h.get('mode', 'a')):
                h['delay'] = r.choice([True, False, 0, 1])
            if self.one_in(5):
                h['errors'] = r.choice(ERRORS)

    def timed_arguments(self, h, name):
        r = self.r
        self.file_arguments(h, name, TIMED, mode=False)
        h['when'] = r.choice(WHENS)
        self.seen['when ' + h['when'].upper()] += 1
        if self.one_in(12):
            h.pop('when')
        when = h.get('when', 'h').upper()
        if when in 'SMHD' and not self.one_in(4):
            h['interval'] = r.choice([1, 2, 5, 30, 7])
        if not self.one_in(3):
            h['backupCount'] = r.choice([0, 1, 2, 3])
        if self.one_in(3):
            h['utc'] = r.choice([True, False, 1])
        # Not: a time of day equal to the start, or a rollover onto a name that is there.
        if (when == 'MIDNIGHT' or when[0] == 'W') and self.one_in(3):
            h['atTime'] = r.choice(['ext://sawmill.testing.time_13_30_07', 'ext://sawmill.testing.time_00_00_01',
                                    'ext://sawmill.testing.time_23_59_59', 'ext://sawmill.testing.time_02_30_00'])
        if self.first and h.get('backupCount') and self.one_in(3):
            base = h['filename'].replace('./', '')
            for day in r.sample(range(1, 28), 3):
                stamp = '2019-03-%02d' % day
                suffix = {'S': '_10-00-00', 'M': '_10-00', 'H': '_10'}.get(when, '')
                self.files['%s.%s%s' % (base, stamp, r.choice([suffix, suffix, '', '_x', suffix + '.gz']))] = ('b\n', 1500000000)

    def handler(self, name, ids, formatters, filters):
        r = self.r
        cls = r.choice(CLASSES + [TIMED])
        if self.one_in(60):
            cls = BUFFERING
        # Not: two queues, whose threads run against each other.
        while cls == QUEUE and QUEUE in self.handler_classes.values():
            cls = r.choice(CLASSES)
        h = {'()' if cls in FACTORIES or self.one_in(25) and cls not in (MEMORY, QUEUE) else 'class': cls}
        self.seen['class ' + cls] += 1
        attributes = {}
        if cls in STREAMS:
            if not self.one_in(6):
                h['stream'] = r.choice(['ext://sys.stdout', 'ext://sys.stdout', 'ext://sys.stderr', None])
            if 'Tagged' in cls and self.one_in(2):
                h['tag'] = self.pick('T', '', 'é%s')
        elif cls in FILES:
            self.file_arguments(h, name, cls)
            if cls in FACTORIES:
                h = {k: v for k, v in h.items() if k in ('()', 'filename', 'mode', 'encoding')}
        elif cls in SIZED:
            self.file_arguments(h, name, cls)
            h['maxBytes'] = r.choice([0, 30, 60, 100, 1000, 'ext://sawmill.testing.EIGHTY'])
            h['backupCount'] = r.choice([0, 1, 2, 5])
            if cls in FACTORIES:
                h = {k: v for k, v in h.items() if k in ('()', 'filename', 'maxBytes', 'backupCount')}
                if self.one_in(2):
                    h['suffix'] = self.pick('.z', '.gz', '~')
                if self.one_in(2):
                    h['shout'] = r.choice([True, False])
            elif self.one_in(15):
                attributes['maxBytes'] = r.choice([40, 0])
            if self.first and self.one_in(4):
                for number in r.sample([1, 2, 3, 7], 2):
                    self.files['%s.%d' % (h['filename'].replace('./', ''), number)] = ('old %d\n' % number, 1600000000)
        elif cls == TIMED:
            self.timed_arguments(h, name)
        elif cls == MEMORY:
            h['capacity'] = r.choice([1, 2, 5, 100, 0, -1])
            # Not: chains of references forward, of which CPython follows one.
            targets = [n for n in ids if n != name and (n < name and not self.forward.get(n) or n > name and n in self.plain)]
            if targets and not self.one_in(6):
                h['target'] = r.choice(targets)
                self.forward[name] = h['target'] > name
            if self.one_in(3):
                h['flushLevel'] = self.level()
            if self.one_in(3):
                h['flushOnClose'] = r.choice([True, False, False, 0])
            if self.one_in(15):
                attributes['capacity'] = 3
        elif cls == BUFFERING:
            h['capacity'] = r.choice([1, 3])
        elif cls == QUEUE:
            targets = [n for n in ids if n != name and (n < name and not self.forward.get(n) or n > name and n in self.plain)]
            h['handlers'] = r.sample(targets, min(len(targets), r.randrange(0, 3)))
            self.forward[name] = any(n > name for n in h['handlers'])
            if self.one_in(4):
                del h['handlers']
                self.forward[name] = False
            if self.one_in(3):
                h['respect_handler_level'] = r.choice([True, False, 1, 'yes'])
            if self.one_in(3):
                h['queue'] = r.choice([None, 'queue.Queue', {'()': 'queue.Queue', 'maxsize': r.choice([0, 5, 8, 50])}])
            if self.one_in(5):
                h['listener'] = r.choice([None, 'logging.handlers.QueueListener'])
        if cls in STREAMS + FILES + SIZED + [TIMED] and self.one_in(9):
            attributes['terminator'] = r.choice(['|\n', '\r\n', '', 'é\n'])
        if attributes or self.one_in(30):
            h['.'] = attributes
        if formatters and not self.one_in(4):
            h['formatter'] = r.choice(formatters)
        if self.one_in(3):
            h['level'] = self.level()
        if filters and self.one_in(3):
            h['filters'] = r.sample(filters, r.randrange(1, len(filters) + 1))
        self.handler_classes[name] = cls
        return h

    # --- configurations ------------------------------------------------------------------------

    def logger(self, ids, filters, root=False):
        r = self.r
        x = {}
        if not self.one_in(3):
            x['level'] = self.level()
        if ids and (root or self.one_in(2)):
            x['handlers'] = r.sample(ids, r.randrange(1, len(ids) + 1))
        if not root and self.one_in(3):
            x['propagate'] = r.choice([True, False, 0, 1, None, 'no', ''])
        if filters and self.one_in(4):
            x['filters'] = r.sample(filters, r.randrange(1, len(filters) + 1))
        if self.one_in(25):
            x['ignored'] = self.value()
        return x

    def config(self, first):
        r = self.r
        self.first = first
        self.forward = {}
        self.opened = set()
        self.handler_classes = {}
        if not first and self.one_in(4):
            return self.incremental()
        formatters = {f: self.formatter() for f in r.sample(['f', 'g', 'h'], r.randrange(4))}
        filters = {f: self.filter() for f in r.sample(['p', 'q', 's'], r.randrange(4))}
        ids = sorted(r.sample(['ha', 'hb', 'hc', 'hd', 'He', '1'], r.randrange(1, 5)))
        # The later ones come first: what they are decides whether they may be referred to.
        self.plain = set()
        handlers = {}
        for name in reversed(ids):
            handlers[name] = None
        order = ids[:]
        kinds = {}
        for name in order:
            kinds[name] = self.one_in(2)
        self.plain = {n for n in ids if kinds[n]}
        for name in order:
            for _ in range(50):
                h = self.handler(name, ids, list(formatters), list(filters))
                forwards = self.handler_classes[name] in (MEMORY, QUEUE)
                if not (kinds[name] and forwards):
                    break
            handlers[name] = h
        if self.one_in(2):
            handlers = {n: handlers[n] for n in r.sample(ids, len(ids))}
        config = {'version': 1, 'formatters': formatters, 'filters': filters, 'handlers': handlers,
                  'loggers': {n: self.logger(ids, list(filters)) for n in r.sample(NAMES[1:], r.randrange(4))},
                  'root': self.logger(ids, list(filters), True)}
        for key in list(config):
            if key != 'version' and config[key] == {} and self.one_in(2):
                del config[key]
        if first and self.one_in(20):
            config.pop('root', None)
        elif not first:
            # Not: handlers of before that stay with the root, whose names are others' by now.
            config['root'] = config.get('root') or {'level': 'INFO'}
        if self.one_in(2):
            config['disable_existing_loggers'] = r.choice([True, False, False, 0, 'no', None])
        if self.one_in(3):
            self.refer(config)
        if first and self.one_in(8):
            self.spoil(config)
        return config

    def incremental(self):
        self.seen['incremental'] += 1
        r = self.r
        ids = sorted(self.known)
        return {'version': 1, 'incremental': r.choice([True, 1, 'yes']),
                'handlers': {n: {'level': self.level()} for n in r.sample(ids, min(len(ids), r.randrange(2)))},
                'loggers': {n: {k: v for k, v in (('level', self.level()), ('propagate', self.pick(True, False)))
                                if self.one_in(2)} for n in r.sample(NAMES[1:], r.randrange(3))},
                'root': self.pick({}, {'level': self.level()}, {'level': 'INFO', 'handlers': ['ignored']})}

    def refer(self, config):
        """Puts values aside and refers to them."""
        self.seen['cfg://'] += 1
        r = self.r
        aside, items = {}, []
        config['aside'] = aside
        aside['items'] = items

        def put(owner, key):
            if key not in owner or isinstance(owner[key], str) and '://' in owner[key]:
                return
            how = r.randrange(4)
            if how == 0:
                items.append(owner[key])
                owner[key] = 'cfg://aside.items[%d]' % (len(items) - 1)
            else:
                name = 'v%d' % len(aside)
                aside[name] = owner[key]
                owner[key] = r.choice(['cfg://aside.%s', 'cfg://aside[%s]']) % name
        for h in config.get('handlers', {}).values():
            for key in ('maxBytes', 'filename', 'level', 'capacity', 'when', 'backupCount', 'filters'):
                if self.one_in(4):
                    put(h, key)
        for f in config.get('formatters', {}).values():
            for key in ('format', 'datefmt', 'defaults'):
                if self.one_in(4):
                    put(f, key)
        for x in list(config.get('loggers', {}).values()) + [config.get('root', {})]:
            for key in ('level', 'handlers', 'filters'):
                if self.one_in(4):
                    put(x, key)
            if self.one_in(6) and 'level' in x:
                x['level'] = r.choice(['ext://logging.DEBUG', 'ext://logging.WARNING', 'ext://sawmill.testing.EIGHTY'])

    def spoil(self, config):
        # Not: values of a wrong kind that CPython takes, and trips over at a later record.
        r = self.r
        handlers = list(config.get('handlers', {}).values()) or [{}]
        handler = r.choice(handlers)
        root = config.setdefault('root', {})
        pick = r.randrange(22)
        if pick == 0:
            config['version'] = r.choice([2, '1', None, 1.5, True, 1.0])
        elif pick == 1:
            root['level'] = r.choice(['debug', 'LOUD', 1.5, [], {}, '', None, False, '10'])
        elif pick == 2:
            root['handlers'] = r.choice([['nosuch'], 5, 'ha', [None], {}, None, [[]], {'ha': 1}])
        elif pick == 3:
            handler['bogus'] = 1
        elif pick == 4:
            handler['formatter'] = r.choice(['nosuch', '', None, 5, []])
        elif pick == 5:
            config.setdefault('formatters', {})['bad'] = r.choice(
                [{'format': '{message', 'style': '{'}, {'style': '!'}, {'format': 5}, {'class': 'no.Such'}, {'()': 'no.such'},
                 {'format': '%(message)s', 'style': ''}, {'bogus': 1}, {'validate': 0, 'format': 'x'}, 7, None,
                 {'style': '{', 'format': '{message!z}'}, {'defaults': {}}])
        elif pick == 6:
            config.setdefault('filters', {})['bad'] = r.choice([{'()': 'no.such.Filter'}, {'bogus': 1}, 5, None, {'name': None},
                                                                {'()': 'sawmill.testing.EveryNthFilter'}])
        elif pick == 7:
            config.setdefault('loggers', {})['q'] = r.choice([{'level': 'cfg://no.way'}, {'level': 'cfg://version'}, {'level': 'ext://no.way'},
                                                              {'filters': ['nosuch']}, {'filters': 'p'}, {'propagate': []}, {}, None, 5])
        elif pick == 8:
            handler['level'] = r.choice(['', 'x', None, 1.5, True, 'cfg://version', 'ext://logging.INFO'])
        elif pick == 9:
            handler['filters'] = r.choice([['nosuch'], 'p', None, [], 5, [5]])
        elif pick == 10:
            handler['not an identifier'] = 1
        elif pick == 11:
            handler['.'] = r.choice([{'level': 30}, {'anything': 1}, {}, None, 7])
        elif pick == 12:
            config['handlers'] = r.choice([None, [], 'x', {'z': None}, {'z': {}}, {'z': {'class': 5}}, {'z': {'class': 'StreamHandler'}},
                                           {'z': {'class': 'logging.NullHandler', 'x': 1}}, {5: {'class': 'logging.NullHandler'}}])
        elif pick == 13:
            config.update(r.choice([{'loggers': None}, {'root': None}, {'root': 5}, {'formatters': None}, {'filters': []},
                                    {'loggers': []}, {'incremental': 'x'}, {'incremental': 0}]))
        elif pick == 14 and handler.get('()') not in FACTORIES:
            handler.update(r.choice([{'filename': 'no/dir/x.log', 'delay': False},
                                     {'encoding': None}, {'filename': None}]))
        elif pick == 15:
            handler.update(r.choice([{'when': 'X'}, {'when': 'W7'}, {'when': 'W'}, {'when': 5}, {'interval': 0}, {'interval': '1'},
                                     {'atTime': '13:00'}, {'backupCount': -1}]))
        elif pick == 16:
            handler.update(r.choice([{'capacity': '5'}, {'capacity': None}, {'flushLevel': 'nosuch'}, {'target': 'nosuch'}, {'target': None},
                                     {'flushLevel': None}, {'flushOnClose': None}, {'target': 5}]))
        elif pick == 17:
            handler.update(r.choice([{'queue': 'no.such'}, {'queue': 5}, {'listener': 5}, {'listener': 'no.such'}, {'handlers': ['nosuch']},
                                     {'handlers': None}, {'handlers': 'ha'}, {'queue': {'maxsize': 3}}, {'queue': {'()': 'queue.Queue', 'x': 1}}]))
        elif pick == 18:
            handler.update({'stream': 'ext://sys.nothing'})
        elif pick == 19:
            config['odd'] = self.value()
            config['loggers'] = {**(config.get('loggers') or {}), '': {'level': 'INFO'}}
        elif pick == 20:
            handler.update(r.choice([{'maxBytes': -3}, {'maxBytes': True}]))
        else:
            handler['class'] = r.choice(['logging.handlers.NoSuch', 'logging', '', None, 'os.path', 'logging.Logger'])

    # --- INI -----------------------------------------------------------------------------------

    def ini(self, first):
        """A configuration in the form of `fileConfig`, as text."""
        self.seen['ini'] += 1
        r = self.r
        self.first = first
        self.handler_classes = {}
        ids = sorted(r.sample(['ha', 'hb', 'hc'], r.randrange(1, 4)))
        formatters = r.sample(['f', 'g'], r.randrange(3))
        names = r.sample(['a', 'a.b', 'd', 'é', 'root.k'], r.randrange(3))
        spaces = lambda words: r.choice([',', ', ', ' , ']).join(words)
        out = []
        if self.one_in(4):
            out += ['[DEFAULT]', 'where = stdout', 'lvl: INFO', '']
        has_default = bool(out)
        out += ['[loggers]', 'keys%s%s' % (self.pick('=', ' = ', ': '), spaces(['root'] + ['L%d' % i for i in range(len(names))])),
                '', '; a remark', '[handlers]', 'keys=' + spaces(ids), '', '# another', '[formatters]', 'keys=' + spaces(formatters), '']
        out += ['[logger_root]', 'handlers=' + spaces(r.sample(ids, r.randrange(len(ids) + 1)))]
        if not self.one_in(3):
            out.append('level=' + ('%(lvl)s' if has_default and self.one_in(2) else r.choice(LEVELS)))
        for at, name in enumerate(names):
            out += ['', '[logger_L%d]' % at, 'qualname=' + name, 'handlers=' + spaces(r.sample(ids, r.randrange(len(ids))))]
            if self.one_in(2):
                out.append('level=' + r.choice(LEVELS))
            if self.one_in(2):
                out.append('propagate=' + r.choice(['0', '1', ' 1 ']))
        for name in ids:
            out += ['', '[handler_%s]' % name]
            out += self.ini_handler(name, ids)
            if formatters and not self.one_in(3):
                out.append('formatter=' + r.choice(formatters))
            if self.one_in(3):
                out.append('level=' + r.choice(LEVELS))
        for name in formatters:
            out += ['', '[formatter_%s]' % name]
            style = r.choice('%%{$')
            self.seen['style ' + style] += 1
            out.append('format=' + self.pattern(style).replace('\n', '\n  '))
            if style != '%':
                out.append('style=' + style)
            if self.one_in(3):
                out.append('datefmt=' + self.datefmt().replace('\n', ' '))
            if self.one_in(4):
                out.append('class=' + r.choice(['logging.Formatter', 'sawmill.testing.UTCFormatter']))
            if self.one_in(4):
                out.append('defaults=' + repr(self.defaults()))
        if first and self.one_in(10):
            at = r.randrange(len(out))
            out[at:at + 1] = r.choice([[], [out[at], out[at]], ['[broken'], ['no value'], ['x = %(nosuch)s'], [out[at].replace('=', '')]])
        return '\n'.join(out) + '\n'

    def ini_handler(self, name, ids):
        r = self.r
        cls = r.choice(['StreamHandler', 'FileHandler', 'handlers.RotatingFileHandler', 'handlers.TimedRotatingFileHandler',
                        'handlers.MemoryHandler', 'NullHandler', 'logging.StreamHandler', 'sawmill.testing.TaggedStreamHandler'])
        full = cls if '.' in cls and not cls.startswith('handlers') else 'logging.' + cls
        self.handler_classes[name] = full
        self.seen['class ' + full] += 1
        h, kwargs = [], {}
        self.rounds += 1
        file = 'i_%s_%d.log' % (name, self.rounds)
        quote = lambda word: r.choice(["'%s'", '"%s"', "u'%s'" if self.one_in(6) else "'%s'"]) % word
        if 'Stream' in cls:
            args = r.choice(['(sys.stdout,)', '(sys.stderr,)', '()', '[sys.stdout]', '(None,)'])
            if 'Tagged' in cls and self.one_in(2):
                kwargs['tag'] = 'T'
        elif cls == 'FileHandler':
            args = '(%s%s)' % (quote(file), r.choice([',', ", 'w'", ", 'a', 'utf-8'", ", 'w', None, True"]))
        elif 'Timed' in cls:
            when = r.choice(['S', 'H', 'midnight', 'W2'])
            self.seen['when ' + when.upper()] += 1
            args = "('%s', '%s', 1, 2)" % (file, when)
        elif 'Rotating' in cls:
            args = "('%s', 'a', %s, %d)" % (file, r.choice(['60', '80', '0x40', '1_00']), r.choice([0, 2]))
            if self.one_in(3):
                kwargs['encoding'] = 'latin-1'
        elif 'Memory' in cls:
            args = '(%d%s)' % (r.choice([1, 3]), r.choice([',', ', ERROR', ', 30', ', WARNING, None, False', ',']))
            others = [n for n in ids if n != name]
            if others and not self.one_in(4):
                # Not: memory handlers that target each other.
                target = others[0] if others[0] < name else None
                if target:
                    h.append('target=' + target)
        else:
            args = '()'
        h.insert(0, 'class=' + cls)
        if args != '()' or self.one_in(2):
            h.append('args=' + args)
        if kwargs:
            h.append('kwargs=' + repr(kwargs))
        return h

    # --- events --------------------------------------------------------------------------------

    def created(self):
        r = self.r
        step = r.choice([0, 0.25, 0.5, 1, 1, 1, 2, 30, 60, 3600, 40000, 90000, 0.001, 0.0625])
        if self.one_in(30):
            step = r.choice([-1, -3600, 86400 * 8, 86400 * 40, r.random() * 1000])
        self.now += step
        return self.now

    def event(self):
        r = self.r
        msg, args = self.message()
        e = {'logger': r.choice(NAMES), 'level': self.level(), 'msg': msg}
        if self.one_in(3):
            e['logger'] = r.choice(['', 'a', 'a.b'])
        if args is not None:
            e['args'] = args
        if self.one_in(2):
            e['created'] = self.created()
        if self.one_in(3):
            e.update(pathname=r.choice(['/p/q.py', 'x.y.py', 'noext', '.hidden', '...x', '..a.b', 'dir/', '', '/', 'a//b.c.d',
                                        'é/ü.py', 'C:\\x\\y.py', 'dir.d/f']), lineno=r.choice([0, 1, 77, r.randrange(5000), 2**31]))
        for key, values in (('funcName', ['f', '<module>', 'é', '']), ('thread', [7, 0, 140735000000001, 2**63 - 1]),
                            ('threadName', ['T-1', '', 'Thread é']), ('process', [9, 0, 4194304]), ('processName', ['P', '']),
                            ('taskName', ['K', None, 'Task-1', '']), ('exc_text', ['Trace\n  x', 'ends\n', '', None, 'é']),
                            ('stack_info', ['Stack\n  y', 'ends\n', '', None])):
            if self.one_in(8):
                e[key] = r.choice(values)
        if self.one_in(6):
            e['extra'] = {k: self.value(1) for k in r.sample(['rid', 'user', 'z', 'a b', 'é', 'nosuch'], r.randrange(3))}
        if self.one_in(12):
            e['adapter'] = {'extra': r.choice([{'rid': 'ad', 'z': 1}, {}, {'user': [1]}])}
            if self.one_in(2):
                e['adapter']['merge_extra'] = r.choice([True, False, 1, 0])
            if self.one_in(12):
                e['adapter']['extra'] = None
        if self.one_in(12):
            e['via'] = r.choice(['handle', 'handle', 'log'])
        if self.one_in(60):
            e['extra'] = {r.choice(['name', 'message', 'asctime', 'args', 'msecs']): 1}
        if self.one_in(60):
            e['level'] = r.choice(['nope', 'info', '', '20'])
        if self.one_in(80):
            e['args'] = r.choice(['text', 5, None, True, {}, [{}], [[]], [None], ''])
        self.seen.update('event ' + key for key in e)
        return e

    # --- controls ------------------------------------------------------------------------------

    def basic(self):
        r = self.r
        c = {}
        if self.one_in(2):
            c['force'] = r.choice([True, True, False])
        if self.one_in(3):
            self.rounds += 1
            c['filename'] = 'basic_%d.log' % r.randrange(3)
            for key, values in (('filemode', ['a', 'w']), ('encoding', ['utf-8', 'latin-1', None, 'ascii']),
                                ('errors', ['strict', 'replace', None])):
                if self.one_in(3):
                    c[key] = r.choice(values)
        elif self.one_in(3):
            c['stream'] = r.choice(['stdout', 'stderr'])
        if self.one_in(2):
            style = r.choice('%%{$')
            if not self.one_in(3):
                c['format'] = self.pattern(style)
            if style != '%':
                c['style'] = style
        if self.one_in(4):
            c['datefmt'] = self.datefmt()
        if self.one_in(2):
            c['level'] = self.level()
        if self.one_in(12):
            c.update(r.choice([{'style': '!'}, {'filename': 'b.log', 'stream': 'stdout'}, {'bogus': 1}, {'level': 'bad'},
                               {'format': 'nothing'}, {'handlers': None}, {'level': None}]))
        return c

    def control(self):
        r = self.r
        kind = r.choice(CONTROLS)
        self.seen['control ' + kind] += 1
        c = {'control': kind}
        handler = r.choice(sorted(self.known) or ['none']) if not self.one_in(20) else 'none'
        where = lambda: {'handler': handler} if self.one_in(2) else {'logger': r.choice(NAMES)}
        if kind == 'configure':
            if self.one_in(4):
                c['file'] = 'again%d.ini' % self.r.randrange(10**6)
                self.files[c['file']] = (self.ini(False), None)
                self.counted = True
                if self.one_in(2):
                    c['disable_existing_loggers'] = r.choice([True, False])
                self.known = dict(self.handler_classes)
            else:
                c['config'] = self.config(False)
                if not c['config'].get('incremental'):
                    self.counted = False
                    self.known = dict(self.handler_classes)
                if self.one_in(4):
                    c['file'] = 'again%d.json' % self.r.randrange(10**6)
                    self.files[c['file']] = (json.dumps(c.pop('config')), None)
        elif kind == 'basic_config':
            c.update(self.basic())
        elif kind == 'set_level':
            c['level'] = r.choice([self.level(), 'bad', 10.5, None, 'info']) if self.one_in(6) else self.level()
            c.update(where())
        elif kind == 'disable':
            if not self.one_in(8):
                c['level'] = r.choice(['NOTSET', 0, 0, 0, 10, 'INFO', 'bad', -1])
        elif kind == 'add_level_name':
            c.update(level=r.choice([25, 15, 30, 0, 45]), name=r.choice(['NOTICE', 'FINE', 'careful', 'é', 'INFO']))
        elif kind == 'get_logger':
            c['logger'] = r.choice(NAMES)
        elif kind in ('set_propagate', 'set_disabled'):
            c.update(logger=r.choice(NAMES), value=r.choice([True, False, 0, 1, None, 'x']))
        elif kind in ('add_handler', 'remove_handler'):
            c.update(logger=r.choice(NAMES), handler=handler)
            # Not: an INI file's handler that nobody holds any more; CPython frees it at once.
            if kind == 'remove_handler' and self.counted:
                c['logger'] = 'never.held'
        elif kind in ('add_filter', 'remove_filter'):
            c['name'] = r.choice(['a', 'a.b', 'd', ''])
            c.update(where())
        elif kind == 'set_formatter':
            self.first = self.one_in(4)
            f = self.formatter(class_too=False)
            c.update(handler=handler, **{k: f[k] for k in KEYWORDS if k in f})
        elif kind == 'set_target':
            c.update(handler=handler, target=None)
            memories = [n for n, cls in self.known.items() if cls == MEMORY]
            targets = [n for n, cls in self.known.items() if cls not in (MEMORY, QUEUE, NULL)]
            if memories and not self.one_in(4):
                c['handler'] = r.choice(memories)
                # Not: circles.
                if targets and self.one_in(2):
                    c['target'] = r.choice(targets)
        elif kind == 'set_stream':
            c.update(handler=handler, stream=r.choice(['stdout', 'stderr']))
            # Not: a file handler, which would close standard output in the end.
            if 'File' in self.known.get(handler, '') or 'file' in self.known.get(handler, '') or 'rotating' in self.known.get(handler, ''):
                c['handler'] = 'none'
        elif kind in ('flush_handler', 'close', 'rollover'):
            c['handler'] = handler
        elif kind == 'raise_exceptions':
            c['value'] = r.choice([True, True, False, 1, 0])
        elif kind == 'last_resort':
            c['level'] = r.choice([None, 'WARNING', 10, 'bad'])
        elif kind == 'clock':
            self.now += r.choice([1, 60, 4000])
            c['now'] = self.now
        elif kind == 'query':
            self.query(c, handler)
        if self.one_in(60) and len(c) > 1 and kind not in ('remove_filter', 'query'):
            del c[r.choice([k for k in c if k != 'control'])]
        if kind == 'clock' and 'now' not in c:
            c['now'] = self.now
        if kind == 'basic_config' and c.get('filename') and self.one_in(2):
            c.pop('stream', None)
        return c

    def query(self, c, handler):
        r = self.r
        what = c['what'] = r.choice(QUERIES)
        self.seen['query ' + what] += 1
        if what in ('level_names', 'manager_disable', 'handler_names'):
            return
        if what == 'level_name':
            c['level'] = r.choice([10, 25, 'INFO', 'nope', 17, 0, -3, '', 'NOTICE'])
        elif what == 'same':
            c.update(a=r.choice(NAMES), b=r.choice(NAMES))
        elif what == 'level' and self.one_in(2):
            c['handler'] = handler
        else:
            c['logger'] = r.choice(NAMES)
            if what == 'is_enabled_for':
                c['level'] = self.level()
            if what == 'get_child':
                # Not: CPython's root has a child '' that is not the root.
                c['suffix'] = r.choice(['k', 'k.l', 'é', '.'] + [''] * (c['logger'] not in ('', 'root')))

    # --- a case --------------------------------------------------------------------------------

    def case(self):
        """The name and text of the configuration, the lines of the events, and further files."""
        self.known = {}
        start = self.now
        self.counted = False
        if self.one_in(6):
            self.counted = True
            name, text = 'config.ini', self.ini(True)
        else:
            config = self.config(True)
            name, text = 'config.json', json.dumps(config, ensure_ascii=self.one_in(2))
            if self.one_in(5) and '\\ud' not in json.dumps(config):
                # JSON is YAML too. Not: surrogates, which PyYAML takes one by one.
                self.seen['yaml'] += 1
                name, text = 'config.yaml', json.dumps(config)
        self.known = dict(self.handler_classes)
        lines = []
        for _ in range(self.r.randrange(18, 50)):
            lines.append(self.control() if self.one_in(4) else self.event())
        if not any('created' in x or 'now' in x for x in lines[:1]) and not self.one_in(10):
            lines.insert(0, {'control': 'clock', 'now': start})
        return name, text, lines
