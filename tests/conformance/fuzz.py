#!/usr/bin/env python3
"""Compare `sawmill replay` with a reference implementation over random cases.

    python3 fuzz.py --oracle PATH/oracle.py --cases 5000 --seed 1 -- COMMAND replay

The reference is a Python file with a function `replay(config, events)`; it is loaded once and
forked for each case. Two things that Python leaves to chance are settled for it: its listeners'
threads have emptied their queues before the next line of a case, and no handler vanishes because
memory is collected.

A difference prints its case's folder, which is kept; `--shrink` takes away lines and keys for as
long as a difference remains. At the end the coverage is printed; too little of anything is a
failure. Needs the standard library; with PyYAML, which the reference reads YAML by, YAML is
tried too.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import copy
import gc
import importlib.util
import json
import logging.handlers
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import cases

try:
    # Here rather than in each fork.
    import yaml
except ImportError:
    yaml = None

WANTED = (['event ' + k for k in cases.EVENT_KEYS] + ['control ' + k for k in cases.CONTROLS]
          + ['query ' + k for k in cases.QUERIES] + ['class ' + k for k in cases.CLASSES]
          + ['filter ' + k for k in cases.FILTERS] + ['style ' + k for k in '%{$']
          + sorted({'when ' + k.upper() for k in cases.WHENS})
          + ['ini', 'yaml', 'incremental', 'cfg://'])
LEAST = 50
INPUTS = ('.json', '.jsonl', '.ini', '.yaml')


def tree(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob('*'))
            if p.is_file() and p.suffix not in INPUTS and not p.name.startswith('std')}


class Case:
    """A configuration, its events, further files, a time zone; all of it text."""

    def __init__(self, number, seen):
        generator = cases.Generator(number, seen)
        self.config_name, self.config, self.lines = generator.case()
        if yaml is None and self.config_name == 'config.yaml':
            self.config_name = 'config.json'
        self.files, self.zone = generator.files, generator.zone

    def prepare(self, folder):
        folder.mkdir(parents=True)
        (folder / self.config_name).write_text(self.config, encoding='utf-8')
        (folder / 'events.jsonl').write_text(''.join(json.dumps(x) + '\n' for x in self.lines), encoding='utf-8')
        for name, (text, mtime) in self.files.items():
            (folder / name).write_text(text, encoding='utf-8')
            if mtime is not None:
                os.utime(folder / name, (mtime, mtime))

    def again(self, lines=None, config=None):
        other = copy.copy(self)
        other.lines = self.lines if lines is None else lines
        other.config = self.config if config is None else config
        return other


def settle(module):
    """Makes the reference's listeners begin when a line is done, and finish before the next."""
    turn = threading.Lock()
    handle = logging.handlers.QueueListener.handle

    def in_turn(self, record):
        with turn:
            handle(self, record)
    logging.handlers.QueueListener.handle = in_turn

    def after(function):
        def run(line):
            try:
                with turn if function is log else contextlib.nullcontext():
                    function(line)
            finally:
                for listener in module.LISTENERS:
                    queue = listener.queue
                    while listener._thread and listener._thread.is_alive() and queue.unfinished_tasks:
                        time.sleep(0)
        return run
    log = module.log
    module.log = after(log)
    module.control = after(module.control)


def run_oracle(module, case, folder):
    case.prepare(folder)
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            gc.disable()
            resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
            os.chdir(folder)
            os.environ['TZ'] = case.zone
            time.tzset()
            for number, name in ((1, 'stdout'), (2, 'stderr')):
                fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(fd, number)
            sys.stdout = open(1, 'w', encoding='utf-8', newline='\n', closefd=False)
            sys.stderr = open(2, 'w', encoding='utf-8', errors='backslashreplace', newline='\n', closefd=False)
            settle(module)
            code = module.replay(case.config_name, 'events.jsonl')
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException as error:
            try:
                sys.stderr.write('oracle: %r\n' % error)
                sys.stderr.flush()
            finally:
                os._exit(99)
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    read = lambda name: (folder / name).read_bytes()
    return os.waitstatus_to_exitcode(status), read('stdout'), read('stderr'), tree(folder)


def run_command(command, case, folder):
    case.prepare(folder)
    env = {'TZ': case.zone, 'LC_ALL': 'C.UTF-8', 'PATH': ''}
    try:
        done = subprocess.run([*command, '--config', case.config_name, 'events.jsonl'], cwd=folder, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        return done.returncode, done.stdout, done.stderr, tree(folder)
    except subprocess.TimeoutExpired:
        return 'timeout', b'', b'', {}


def differences(want, got, case):
    if want[0] == 99:
        # A filter failed while the reference shut down: there is nothing to compare with.
        return []
    if want[0] != 0:
        if got[0] in (0, 'timeout', 101) or got[1]:
            return ['accepted: ' + want[2].decode()[:300]]
        before = {name: text.encode() for name, (text, _) in case.files.items() if not name.endswith(INPUTS)}
        return ['a refused configuration changed files: %s' % sorted(got[3])] if got[3] != before else []
    out = []
    if got[0] != 0:
        out.append('exit %s: %s' % (got[0], got[2].decode('utf-8', 'replace')[:400]))
    for name, a, b in (('stdout', want[1], got[1]), ('stderr', want[2], got[2])):
        if a != b:
            x, y = a.split(b'\n'), b.split(b'\n')
            at = next((i for i, (p, q) in enumerate(zip(x, y)) if p != q), min(len(x), len(y)))
            out.append('%s line %d:\n        want %r\n        got  %r' % (name, at + 1, x[at:at + 2], y[at:at + 2]))
    for name in sorted(set(want[3]) | set(got[3])):
        a, b = want[3].get(name), got[3].get(name)
        if a != b:
            at = next((i for i, (p, q) in enumerate(zip(a or b'', b or b'')) if p != q), min(len(a or b''), len(b or b'')))
            at = max(0, at - 60)
            show = lambda text: '(none)' if text is None else '%d bytes, ..%r' % (len(text), text[at:at + 160])
            out.append('%s:\n        want %s\n        got  %s' % (name, show(a), show(b)))
    return out


MODULE = None


def work(task):
    """Runs one case; in a process of its own that goes on to the next one."""
    oracle, command, seed, number, scratch, shrink = task
    global MODULE
    if MODULE is None:
        spec = importlib.util.spec_from_file_location('oracle', oracle)
        MODULE = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(MODULE)
    seen = collections.Counter()
    case = Case(seed * 1000003 + number, seen)
    scratch = pathlib.Path(scratch)

    def compare(case, keep=False):
        a, b = scratch / ('%d-want' % number), scratch / ('%d-got' % number)
        for folder in (a, b):
            shutil.rmtree(folder, ignore_errors=True)
        want, got = run_oracle(MODULE, case, a), run_command(command, case, b)
        problems = differences(want, got, case)
        for folder in (a, b):
            if not (problems and keep):
                shutil.rmtree(folder)
        return want[0], problems

    code, problems = compare(case, keep=True)
    if problems and shrink:
        problems, case = shrunk(case, lambda it: compare(it)[1])
        compare(case, keep=True)
    events = sum('control' not in x for x in case.lines)
    return number, code, events, seen, problems, case.zone


def shrunk(case, different):
    """Takes away what a difference does not need."""
    problems = different(case)
    step = max(1, len(case.lines) // 2)
    while step:
        at = 0
        while at < len(case.lines):
            other = case.again(lines=case.lines[:at] + case.lines[at + step:])
            found = different(other) if other.lines else []
            if found:
                case, problems = other, found
            else:
                at += step
        step //= 2
    if case.config_name.endswith('.ini'):
        return problems, case
    config = json.loads(case.config)

    def drop(path):
        nonlocal case, problems
        owner = config
        for key in path:
            owner = owner[key]
        for key in list(owner) if isinstance(owner, dict) else []:
            kept = owner.pop(key)
            other = case.again(config=json.dumps(config))
            found = different(other)
            if found:
                case, problems = other, found
            else:
                owner[key] = kept
                drop(path + [key])
    drop([])
    return problems, case


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--oracle', required=True)
    parser.add_argument('--cases', type=int, default=5000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--only', type=int, help='the number of one case to run')
    parser.add_argument('--stop', type=int, default=10, help='differences after which to stop')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--shrink', action='store_true')
    parser.add_argument('command', nargs='+')
    options = parser.parse_args()
    command = [os.path.abspath(w) if os.path.isfile(w) else w for w in options.command]
    seen = collections.Counter()
    scratch = tempfile.mkdtemp(prefix='sawmill-fuzz-')
    different = refused = failed = events = done = 0
    numbers = range(options.cases) if options.only is None else [options.only]
    tasks = ((os.path.abspath(options.oracle), command, options.seed, n, scratch, options.shrink) for n in numbers)
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        for number, code, lines, its, problems, zone in pool.map(work, tasks, chunksize=4):
            done += 1
            refused += code == 1
            failed += code == 99
            events += lines
            seen.update(its)
            if problems:
                different += 1
                print('case %d (TZ=%s): %s/%d-want' % (number, zone, scratch, number))
                for problem in problems[:4]:
                    print('    ' + problem[:700])
                sys.stdout.flush()
                if different >= options.stop:
                    pool.shutdown(wait=True, cancel_futures=True)
                    break
    if not different:
        shutil.rmtree(scratch)
    print('%d cases, %d different, %d refused, %d without an answer of the reference, %.1f events a case'
          % (done, different, refused, failed, events / done))
    low = [k for k in WANTED if seen[k] < LEAST]
    print('coverage: ' + ', '.join('%s %d' % (k, seen[k]) for k in WANTED))
    if done >= 2000 and (low or refused > 0.3 * done or failed > 0.03 * done or events < 20 * done):
        print('too little coverage: %s' % (low or 'refusals, or events'))
        return 1
    return 1 if different else 0


if __name__ == '__main__':
    sys.exit(main())
