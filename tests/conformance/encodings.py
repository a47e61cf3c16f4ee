"""Holds sawmill's text encodings to CPython's codecs, byte for byte, over all code points.

    python3 tests/conformance/encodings.py -- target/release/sawmill replay
    python3 tests/conformance/encodings.py --only gbk --only utf_7 -- target/release/sawmill replay
    python3 tests/conformance/encodings.py --step 61 -- target/release/sawmill replay   # a sample
    python3 tests/conformance/encodings.py --make src/handler/file/multibyte/tables.bin

Each name that Python has for an encoding is tried with each error handler: every code point goes
through a file handler of that encoding, and the file is compared with what Python's text file of
that encoding holds. `--make` writes the tables of the encodings of several bytes anew, and the
names that no character has, beside their folder.
"""

import argparse
import encodings.aliases
import io
import json
import os
import pkgutil
import subprocess
import sys
import tempfile

ERRORS = ["ignore", "replace", "backslashreplace", "xmlcharrefreplace", "namereplace"]
# What Python has and sawmill refuses by name: nobody writes log files in them.
REFUSED = {"idna", "punycode"}
PLAIN = (
    "big5 big5hkscs cp932 cp949 cp950 euc_jp euc_jis_2004 euc_jisx0213 euc_kr gb2312 gbk gb18030"
    " johab shift_jis shift_jis_2004 shift_jisx0213"
).split()
COMBINING = [0x300, 0x301, 0x304, 0x30C, 0x309A, 0x2E5, 0x2E9]


def points():
    return (cp for cp in range(0x110000) if not 0xD800 <= cp < 0xE000)


# --- the tables ---------------------------------------------------------------------------------


def table(codec):
    """Code points with their bytes, as a number."""
    out = {}
    for cp in points():
        try:
            out[cp] = int.from_bytes(chr(cp).encode(codec), "big")
        except UnicodeEncodeError:
            pass
    return out


def pairs(codec, singles):
    """Two code points that have bytes of their own."""
    out = []
    for cp in sorted(singles):
        for mark in COMBINING:
            try:
                both = int.from_bytes((chr(cp) + chr(mark)).encode(codec), "big")
            except UnicodeEncodeError:
                continue
            if mark not in singles or both < 0x10000:
                out.append((cp, mark, both))
    return out


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def zigzag(n):
    return varint(2 * n if n >= 0 else -2 * n - 1)


def runs(entries):
    """`(key, value)` sorted: how many runs, then for each the gap before it, its length, and the
    values as differences to the one expected."""
    blocks = []
    for key, value in entries:
        if blocks and key == blocks[-1][0] + len(blocks[-1][1]):
            blocks[-1][1].append(value)
        else:
            blocks.append((key, [value]))
    out, end, last = bytearray(varint(len(blocks))), 0, -1
    for first, values in blocks:
        out += zigzag(first - end) + varint(len(values))
        end = first + len(values)
        for value in values:
            out += zigzag(value - last - 1)
            last = value
    return bytes(out)


def spans(keys):
    """Keys, sorted, as gaps and lengths."""
    blocks = []
    for key in sorted(keys):
        if blocks and key == blocks[-1][0] + blocks[-1][1]:
            blocks[-1][1] += 1
        else:
            blocks.append([key, 1])
    out, end = bytearray(varint(len(blocks))), 0
    for first, count in blocks:
        out += varint(first - end) + varint(count)
        end = first + count
    return bytes(out)


def patch(wanted, base, both=()):
    """What turns one table into another: entries to set, to remove, and pairs."""
    put = sorted((code, cp) for cp, code in wanted.items() if base.get(cp) != code)
    removed = [cp for cp in base if cp not in wanted]
    marks = varint(len(both)) + b"".join(varint(n) for pair in both for n in pair)
    return runs(put) + spans(removed) + marks


def high(code):
    """Both bytes of two stand in the upper half of the code table."""
    return code < 0x80 or (0xA1A1 <= code <= 0xFFFF and code & 0xFF >= 0xA1)


SECOND_PLANE = [1, 8, 3, 4, 5, 12, 13, 14, 15, *range(78, 95)]


def shifted(code):
    """A code of EUC-JP as Shift JIS has it; None if it has none."""
    if code < 0x80:
        return code
    if code >> 8 == 0x8E:
        return code & 0xFF
    row, cell = (code >> 8 & 0xFF) - 0xA0, (code & 0xFF) - 0xA1
    if code <= 0xFFFF:
        place, lead = row - 1, 0x81
    elif row in SECOND_PLANE:
        place, lead = SECOND_PLANE.index(row), 0xF0
    else:
        return None
    lead += place // 2
    if 0xA0 <= lead < 0xF0 and code <= 0xFFFF:
        lead += 0x40
    trail = cell + (94 if place % 2 else 0)
    trail += 0x40 if trail < 0x3F else 0x41
    return lead << 8 | trail


def shift_all(base):
    return {cp: code for cp, full in base.items() if (code := shifted(full)) is not None}


FIRST = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
MIDDLE = [3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 23, 26, 27, 28, 29]
LAST = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26,
        27, 28, 29]


def johab(base):
    """A code of EUC-KR as Johab has it."""
    out = {}
    for cp, code in base.items():
        if 0xAC00 <= cp < 0xD7A4:
            at = cp - 0xAC00
            first, middle, last = FIRST[at // 588], MIDDLE[at // 28 % 21], LAST[at % 28]
            out[cp] = 0x8000 | first << 10 | middle << 5 | last
        elif code < 0x80:
            out[cp] = code
        else:
            row, cell = (code >> 8) - 0xA1, (code & 0xFF) - 0xA1
            place = row + (0x1B2 if row < 0x29 else 0x197)
            trail = cell + (0x5E if place & 1 else 0)
            out[cp] = place >> 1 << 8 | trail + (0x31 if trail < 0x4E else 0x43)
    return out


def private_names():
    """Names that `namereplace` gives to private characters: CPython keeps aliases there, and the
    names of sequences."""
    for cp in range(0xF0000, 0xF1000):
        text = chr(cp).encode("ascii", "namereplace").decode()
        if text.startswith("\\N{"):
            yield f"{cp:x} {text[3:-1]}"


def make(path):
    have = {codec: table(codec) for codec in PLAIN}
    parts = []

    def add(wanted, base, codec=None):
        both = pairs(codec, have[codec]) if codec else []
        parts.append(patch(wanted, base, both))

    wide = {cp: code for cp, code in have["gb18030"].items() if code > 0xFFFF}
    narrow = {cp: code for cp, code in have["gb18030"].items() if code <= 0xFFFF}
    add(narrow, {})
    # The codes of four bytes count on, digit by digit, as the code points do.
    steps = []
    for cp, code in sorted(wide.items()):
        a, b, c, d = code.to_bytes(4, "big")
        place = ((a - 0x81) * 10 + b - 0x30) * 1260 + (c - 0x81) * 10 + d - 0x30
        if not steps or cp - steps[-1][0] != place - steps[-1][1] or cp != steps[-1][2] + 1:
            steps.append([cp, place, cp])
        steps[-1][2] = cp
    parts.append(varint(len(steps)) + b"".join(
        varint(first) + varint(place) + varint(last - first + 1) for first, place, last in steps))
    add(have["gbk"], narrow)
    add(have["gb2312"], {cp: code for cp, code in have["gbk"].items() if high(code)})
    add(have["big5"], {})
    add(have["cp950"], have["big5"])
    add(have["big5hkscs"], have["big5"], "big5hkscs")
    add(have["cp949"], {})
    kept = {cp: code for cp, code in have["cp949"].items() if high(code)}
    two = {cp: code for cp, code in have["euc_kr"].items() if code <= 0xFFFF}
    add(two, kept)
    add(have["johab"], johab(have["cp949"]))
    add(have["euc_jp"], {})
    first = shift_all({cp: code for cp, code in have["euc_jp"].items() if code <= 0xFFFF})
    add(have["shift_jis"], first)
    add(have["cp932"], first)
    base = {cp: code for cp, code in have["euc_jp"].items() if code <= 0xFFFF}
    add(have["euc_jis_2004"], base, "euc_jis_2004")
    add(have["euc_jisx0213"], have["euc_jis_2004"], "euc_jisx0213")
    for codec, euc in [("shift_jis_2004", "euc_jis_2004"), ("shift_jisx0213", "euc_jisx0213")]:
        add(have[codec], shift_all(have[euc]), codec)
    names = os.path.join(os.path.dirname(path), "..", "private_names.txt")
    with open(names, "w") as out:
        out.writelines(line + "\n" for line in private_names())
    with open(path, "wb") as out:
        for part in parts:
            out.write(len(part).to_bytes(4, "little") + part)
        print([len(part) for part in parts], out.tell(), "bytes")


# --- the comparison -----------------------------------------------------------------------------


def names():
    found = set(encodings.aliases.aliases) | set(encodings.aliases.aliases.values())
    found |= {module.name for module in pkgutil.iter_modules(encodings.__path__)}
    return sorted(found - {"aliases"})


def opens(name):
    """Whether a text file may have this encoding."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=name)
        return True
    except (LookupError, ImportError):
        return False


def texts(step):
    """Records: all code points in a row, then line by line, then what belongs together."""
    chosen = [cp for cp in points() if cp < 0x500 or cp % step == 0]
    chosen += [cp for cp in chosen if cp >= 0x80][:5000][::-1]
    for at in range(0, len(chosen), 1000):
        yield "".join(map(chr, chosen[at : at + 1000]))
    joined = [chr(a) + chr(b) for a in (0xCA, 0xEA, 0xE6, 0x2E5, 0x2E9, 0x304B, 0x30C8, 0x31F7, 0x41)
              for b in COMBINING]
    yield "".join(joined)
    yield from joined
    for mixed in ["a\u4e00b\uac00c\u3042d\xe9e~f\\g+h-i\uff71j", "\u4e00", "", "\uac00\uac01", "\xa5\u203e"]:
        yield mixed
        yield mixed[::-1]


def expected(name, errors, records):
    raw = io.BytesIO()
    try:
        out = io.TextIOWrapper(raw, encoding=name, errors=errors, newline="")
    except (LookupError, ImportError):
        return None
    for text in records:
        try:
            out.write(text + "\n")
        except UnicodeError:
            pass
        out.flush()
    return raw.getvalue()


def compare(name, jobs, command, verbose=True):
    """Gives each `(errors, records)` a file, and replays them all at once."""
    handlers, loggers, events = {}, {}, []
    for number, (errors, records) in enumerate(jobs):
        handlers[f"h{number}"] = {"class": "logging.FileHandler", "filename": f"{number}.log",
                                  "encoding": name, "errors": errors}
        loggers[f"l{number}"] = {"level": 1, "handlers": [f"h{number}"], "propagate": False}
        events += [{"logger": f"l{number}", "level": 20, "msg": text} for text in records]
    config = {"version": 1, "handlers": handlers, "loggers": loggers}
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "config.json"), "w") as out:
            json.dump(config, out)
        with open(os.path.join(folder, "events.jsonl"), "w") as out:
            out.writelines(json.dumps(event) + "\n" for event in events)
        done = subprocess.run([*command, "--config", "config.json", "events.jsonl"], cwd=folder,
                              capture_output=True, check=False)
        if done.returncode:
            return [f"{name}: {done.stderr.decode(errors='replace').strip()}"]
        for number, (errors, records) in enumerate(jobs):
            with open(os.path.join(folder, f"{number}.log"), "rb") as file:
                found = file.read()
            want = expected(name, errors, records)
            if found != want:
                at = next((i for i, (a, b) in enumerate(zip(found, want)) if a != b),
                          min(len(found), len(want)))
                wrong.append(f"{name}, {errors}: at byte {at} {found[at - 12 : at + 12]!r}"
                             f" in place of {want[at - 12 : at + 12]!r}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--make", metavar="FILE", help="write the tables and end")
    parser.add_argument("--only", action="append", help="these encodings only")
    parser.add_argument("--step", type=int, default=1, help="each so-many-th code point only")
    parser.add_argument("command", nargs="*")
    args = parser.parse_args()
    if args.make:
        return make(args.make)
    command = [os.path.abspath(args.command[0]), *args.command[1:]]
    records = list(texts(args.step))
    single = [chr(cp) for cp in range(0x20, 0x3000, 37)] + [chr(cp) for cp in range(0x3000, 0x20000, 97)
                                                             if not 0xD800 <= cp < 0xE000]
    mixed = [f"a{one}b\u4e00{one}" for one in single]
    wrong, whole, aliases = [], 0, 0
    for name in args.only or names():
        if name in REFUSED:
            refused = compare(name, [("strict", ["a"])], command)
            wrong += [] if refused else [f"{name} is not refused"]
        elif not opens(name):
            refused = compare(name, [("strict", ["a"])], command)
            wrong += [] if refused else [f"{name} is no text encoding, and not refused"]
        elif name in encodings.aliases.aliases:
            # Another name of one that is compared whole.
            wrong += compare(name, [("replace", records[:1] + records[-80:] + mixed[:20])], command)
            aliases += 1
        else:
            jobs = [(errors, records) for errors in ERRORS] + [("strict", single + mixed)]
            found = compare(name, jobs, command)
            wrong += found
            whole += 1
            print(f"{name}: {'differs' if found else 'the same'}", flush=True)
    print(*wrong, sep="\n")
    print(f"{whole} encodings and {aliases} further names, {len(wrong)} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
