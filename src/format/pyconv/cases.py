#!/usr/bin/env python3
"""Makes cases.jsonl: what CPython 3.11 gives for random values, conversions and specifications.

    python3 cases.py 1500 1 > cases.jsonl        # how many, and the seed

Each line: "%", "{" or "r"; the value (a float as {"f": its bits}); the conversion, specification
or nothing; the text, or null; the error's text, or null.
"""
import json
import random
import struct
import sys

count, seed = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
chance = lambda n: random.randrange(n) == 0


def number():
    kind = random.randrange(6)
    if kind == 0:
        return random.choice([0, 1, -1, 7, 10, 255, -255, 2**63 - 1, -2**63, 2**64 - 1])
    if kind < 3:
        return random.randrange(-10 ** random.randrange(1, 18), 10 ** random.randrange(1, 18))
    return real()


def real():
    kind = random.randrange(8)
    sign = random.choice([1, -1])
    if kind == 0:
        return struct.unpack('<d', struct.pack('<Q', random.getrandbits(64)))[0]
    if kind == 1:
        return sign * random.randrange(1 << 30) / (1 << random.randrange(30))
    if kind == 2:
        return sign * (random.randrange(100000) + 0.5) / 10 ** random.randrange(6)
    if kind == 3:
        return sign * random.randrange(1000) * 10.0 ** random.randrange(-20, 20)
    if kind == 4:
        return 1700000000 + random.randrange(10 ** 6) / 10 ** 6
    if kind == 5:
        return sign * (random.randrange(1 << 33) + random.randrange(1 << 20) / (1 << 20))
    return sign * random.choice([0.0, 1.0, 1e16, 1e15, 9999999999999998.0, 0.0001, 0.00001, 1e22,
                                 5e-324, 1.7976931348623157e308, float('inf'), float('nan'), 0.5,
                                 999999.5, 99999.95, 123456.0, 1e5, 1e6])


def text():
    pool = ['a', 'b', 'INFO', ' ', "'", '"', '\\', '\n', '\r', '\t', '\0', '\x1b', '\x7f', '\x85',
            '\xa0', '\xad', 'é', 'ß', '漢', '😀', '\u200b', '\u2028', '\ufeff', '\U000e0001',
            chr(random.choice([random.randrange(0xd800), random.randrange(0xe000, 0x110000)]))]
    return ''.join(random.choice(pool) for _ in range(random.randrange(6)))


def value():
    kind = random.randrange(10)
    if kind < 5:
        return number()
    if kind < 8:
        return text()
    return random.choice([None, True, False, [], {}, [1, 'a', None, 1.5, [True]],
                          {'k': [1.0, "it's"], 'é': {}}])


def percent():
    flags = ''.join(c for c in '-+ #0' if chance(4))
    width = random.choice(['', '', str(random.randrange(20))])
    precision = random.choice(['', '', '.', '.%d' % random.randrange(25)])
    return '%' + flags + width + precision + random.choice('diouxXeEfFgGcrsasrdfy%')


def brace():
    fill = random.choice(['', '', random.choice('* 0é<') ]) 
    align = random.choice(['', fill and '<', '<', '>', '^', '='])
    return ((fill if align else '') + align + random.choice(['', '', '+', '-', ' ', 'z'])
            + random.choice(['', '', '#']) + random.choice(['', '', '0'])
            + random.choice(['', '', str(random.randrange(25))])
            + random.choice(['', '', '', ',', '_']) + random.choice(['', '', '.', '.%d' % random.randrange(12)])
            + random.choice(['', '', 's', 'd', 'd', 'f', 'f', 'g', 'e', 'x', 'X', 'o', 'b', 'c', 'n', '%', 'G', 'E', 'F', 'y', 'zz']))


def plain(v):
    if isinstance(v, float):
        return {'f': struct.unpack('<Q', struct.pack('<d', v))[0]}
    if isinstance(v, list):
        return [plain(each) for each in v]
    if isinstance(v, dict):
        return {'d': [[key, plain(each)] for key, each in v.items()]}
    return v


for _ in range(count):
    door, v = random.choice('%%%{{{r'), value()
    try:
        if door == '%':
            how = percent()
            shown = how % (v,) if how != '%%' else how % ()
        elif door == '{':
            how = brace()
            shown = format(v, how)
        else:
            how, shown = '', repr(v)
        shown.encode()
        print(json.dumps([door, plain(v), how, shown, None]))
    except UnicodeEncodeError:
        continue
    except Exception as error:
        print(json.dumps([door, plain(v), how, None, str(error)]))
