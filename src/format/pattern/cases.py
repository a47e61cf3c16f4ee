#!/usr/bin/env python3
"""Makes cases.jsonl: what CPython 3.11's logging.Formatter makes of random patterns and records.

    python3 cases.py 800 1 > cases.jsonl         # how many, and the seed

Each line: the formatter's arguments and zone, the record's attributes, and one of "refused",
"text", "error".
"""
import json
import logging
import os
import random
import sys
import time

count, seed = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
chance = lambda n: random.randrange(n) == 0

NAMES = ['name', 'levelno', 'levelname', 'pathname', 'filename', 'module', 'lineno', 'funcName',
         'created', 'msecs', 'relativeCreated', 'thread', 'threadName', 'process', 'processName',
         'taskName', 'message', 'message', 'message', 'asctime', 'asctime', 'msg', 'args',
         'exc_info', 'exc_text', 'stack_info', 'rid', 'user', 'items', 'ratio', 'missing', 'd']
LITERALS = ['', ' ', ' - ', '|', 'é', '\n', '%%', '{{', '}}', '$$', '%', '{', '}', '$', '[x]']
PLAIN = ['', ' ', ' - ', '|', 'é', '\n', ':', '[', ']']
ZONES = ['UTC', 'EST5EDT,M3.2.0,M11.1.0', 'XYZ-5:30', '<+03>-3', 'Europe/Paris', 'Asia/Kolkata']
LETTERS = 'aAbBcdDeFgGHIjklmMnprRsStTuUVwWxXyYzZ%'


def percent():
    flags = ''.join(c for c in '-+ #0' if chance(6))
    width = random.choice(['', '', '', str(random.randrange(14)), '*'])
    precision = random.choice(['', '', '', '.%d' % random.randrange(8), '.', '.*'])
    if chance(12):
        return random.choice(['%s', '%d', '%(', '%(name', '%()s', '%(name)', '%5%', '%(name)%'])
    letter = random.choice('ssssssddiuoxXeEfFgGcra') if not chance(20) else random.choice('yzQ%')
    return '%(' + random.choice(NAMES) + ')' + flags + width + precision + letter


def brace():
    if chance(12):
        return random.choice(['{}', '{0}', '{name', '{name!}', '{name!x}', '{name:{levelno}}',
                              '{ name}', '{name:{name:{name}}}', '{na me}', '{[0]}', '{name.}',
                              '{args[}', '{name[0]x}', '{-1}', '{name!r', '{name:{d[w]}}'])
    path = ''
    name = random.choice(NAMES)
    if chance(8):
        path = random.choice(['[0]', '[1]', '[9]', '[k]', '[k][0]', '.foo', '[no]', '[-1]'])
    conversion = random.choice(['', '', '', '!r', '!s', '!a']) if not chance(30) else '!x'
    spec = ''
    if chance(2):
        spec = ':' + (random.choice(['', '', '<', '>', '^', '=', '*^', 'é<', '0='])
                      + random.choice(['', '', '', '+', '-', ' ', 'z']) + random.choice(['', '', '#'])
                      + random.choice(['', '', '0']) + random.choice(['', '5', '12', '{n}', '{rid}'])
                      + random.choice(['', '', '', ',', '_'])
                      + random.choice(['', '', '', '.3', '.{n}'])
                      + random.choice(['', '', 's', 'd', 'f', 'g', 'x', 'e', '%', 'Z', 'c', 'b']))
    return '{' + name + path + conversion + spec + '}'


def dollar():
    name = random.choice(NAMES)
    return random.choice(['$' + name, '${' + name + '}', '$' + name, '${' + name + '}',
                          '$5', '${' + name, '$-', '${é}', '$_x'] if chance(8) else
                         ['$' + name, '${' + name + '}'])


def pattern(style):
    make = {'%': percent, '{': brace, '$': dollar}[style]
    pool = LITERALS if chance(5) else PLAIN
    return ''.join(random.choice(pool) + make() for _ in range(random.randrange(1, 4))) + random.choice(pool)


def date_format():
    def one():
        flag = random.choice(['', '', '', '', '-', '_', '0', '^', '#']) if chance(3) else ''
        return '%' + flag + random.choice(LETTERS)
    return random.choice(['', ' ', 'T', '%f ', '%Q']) .join(one() for _ in range(random.randrange(1, 5)))


def record():
    created = random.choice([1700000000 + random.randrange(10 ** 6) / 64, random.randrange(4 * 10 ** 9) + random.randrange(64) / 64,
                             1699163999.5, 1710054000.0, 951782400.25, 0.5])
    r = {'name': random.choice(['root', 'a.b', 'é']), 'levelno': random.choice([10, 20, 30, 45, 50, -3]),
         'pathname': random.choice(['/srv/app/engine.py', 'x.tar.gz', '(unknown file)', '.hidden', 'dir/', 'a\\b.py']),
         'lineno': random.choice([0, 7, 137]), 'funcName': random.choice(['run', '<module>']),
         'msg': random.choice(['hello', 'it\'s "q" é', '', 'two\nlines', '%s and %s']),
         'args': [], 'created': created, 'thread': random.choice([1, 140234]),
         'threadName': random.choice(['MainThread', 'W-1']), 'process': random.choice([1, 4242]),
         'processName': 'MainProcess', 'taskName': random.choice([None, None, 'Task-7']),
         'exc_text': random.choice([None, None, None, '', 'E: e\nx', 'nl\n']),
         'stack_info': random.choice([None, None, None, '', 'S'])}
    if r['msg'].startswith('%'):
        r['args'] = [random.choice(['x', 5, 2.5, None]), {'k': 'v'}]
    return r


def extra():
    e = {'n': random.choice([3, 8]), 'd': {'k': ['v', 1], 'w': 6}}
    for name, values in [('rid', ['r-1', 7, None, 12.5]), ('user', ['ada', "o'b"]),
                         ('items', [[1, 2], [], ['a', None, True]]), ('ratio', [0.5, 1e20, -0.001])]:
        if not chance(4):
            e[name] = random.choice(values)
    return e


START = 1699999990.5
made = 0
while made < count:
    style = random.choice('%%{{$')
    case = {'style': style, 'fmt': pattern(style), 'datefmt': date_format() if chance(3) else None,
            'validate': not chance(6), 'tz': random.choice(ZONES),
            'defaults': {'rid': 'default', 'message': 'never', 'items': [3]} if chance(3) else None,
            'record': record(), 'extra': extra()}
    if style == '%' and ('%s' in case['fmt'] or '%d' in case['fmt'] or '%5%' in case['fmt']):
        continue  # a placeholder without a key takes the record's whole dictionary: refused here
    os.environ['TZ'] = case['tz']
    time.tzset()
    logging._startTime = START
    given = case['record']
    r = logging.LogRecord(given['name'], given['levelno'], given['pathname'], given['lineno'],
                          given['msg'], tuple(given['args']), None, given['funcName'])
    r.created = given['created']
    r.msecs = int((r.created - int(r.created)) * 1000) + 0.0
    r.relativeCreated = (r.created - START) * 1000
    for key in ('thread', 'threadName', 'process', 'processName', 'taskName', 'exc_text', 'stack_info'):
        setattr(r, key, given[key])
    for key, value in case['extra'].items():
        setattr(r, key, value)
    case['levelname'] = r.levelname
    try:
        f = logging.Formatter(case['fmt'], case['datefmt'], style, case['validate'], defaults=case['defaults'])
    except Exception as error:
        case['refused'] = str(error)
        if not chance(4):
            continue
    else:
        try:
            case['text'] = f.format(r)
        except Exception as error:
            case['error'] = str(error)
            if not chance(4):
                continue
    made += 1
    print(json.dumps(case))
