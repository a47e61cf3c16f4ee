//! Makes a case: a seed, changed.

use crate::corpus::Seed;
use crate::random::Random;
use crate::target::Target;
use crate::write;
use sawmill::config::{Map, Node};

/// Beyond this a case does not grow, but for one in a thousand.
const USUAL: usize = 64 << 10;
const LARGE: usize = 1 << 20;

pub(crate) fn case(format: Target, corpus: &[Seed], random: &mut Random) -> Vec<u8> {
    let seed = random.pick(corpus);
    let limit = if random.one_in(1000) { LARGE } else { USUAL };
    let by_tree = random.below(100) < 55;
    let mut bytes = match &seed.tree {
        Some(tree) if by_tree => {
            let mut tree = tree.clone();
            for _ in 0..1 + random.below(8) {
                change_tree(&mut tree, corpus, random);
            }
            written(format, &tree, random).into_bytes()
        }
        _ => seed.text.clone().into_bytes(),
    };
    if !by_tree || seed.tree.is_none() || random.one_in(6) {
        // One change alone often still makes a configuration.
        let changes = if random.one_in(2) { 1 } else { 1 + random.below(12) };
        for _ in 0..changes {
            change_bytes(&mut bytes, corpus, limit, random);
        }
    }
    bytes.truncate(limit);
    if format == Target::Messages {
        frame(&mut bytes, random);
    }
    bytes
}

/// Puts the length before a message, right or wrong.
fn frame(bytes: &mut Vec<u8>, random: &mut Random) {
    let right = bytes.len() as u32;
    let length = match random.below(8) {
        0 => random.next() as u32,
        1 => right.wrapping_add(1),
        2 => right.saturating_sub(1),
        3 => *random.pick(&[0, 1, u32::MAX, 1 << 31, 1 << 20, (1 << 20) + 1]),
        _ => right,
    };
    bytes.splice(0..0, length.to_be_bytes());
    if random.one_in(10) {
        bytes.truncate(random.below(6));
    }
}

fn written(format: Target, tree: &Node, random: &mut Random) -> String {
    match format {
        Target::Toml => write::toml(tree),
        Target::Yaml if random.one_in(3) => write::json(tree),
        Target::Yaml => {
            let mut places = |most: usize| -> Vec<usize> {
                (0..random.below(most)).map(|_| 1 + random.below(40)).collect()
            };
            write::yaml(tree, &places(3), &places(4))
        }
        _ => write::json(tree),
    }
}

// --- trees -----------------------------------------------------------------------------------

fn change_tree(tree: &mut Node, corpus: &[Seed], random: &mut Random) {
    let size = count(tree);
    let chosen = random.below(size);
    match random.below(9) {
        0 | 1 => {
            let value = interesting(random);
            at(tree, chosen, &mut |node| *node = value.clone());
        }
        2 => {
            let other = &random.pick(corpus).tree;
            let Some(other) = other else { return };
            let graft = nth(other, random.below(count(other))).cloned().unwrap_or_default();
            at(tree, chosen, &mut |node| *node = graft.clone());
        }
        3 => {
            let graft = nth(tree, random.below(size)).cloned().unwrap_or_default();
            if count(&graft) * size < 4000 {
                at(tree, chosen, &mut |node| *node = graft.clone());
            }
        }
        4 => at(tree, chosen, &mut |node| remove_one(node, random)),
        5 => {
            let key = (*random.pick(KEYS)).to_owned();
            let value = interesting(random);
            at(tree, chosen, &mut |node| match node {
                Node::Map(map) => {
                    map.insert(key.clone(), value.clone());
                }
                Node::List(items) => items.push(value.clone()),
                _ => {}
            });
        }
        6 => at(tree, chosen, &mut |node| {
            if let Node::Map(map) = node {
                rename_one(map, random);
            }
        }),
        7 => at(tree, chosen, &mut |node| {
            if let Node::Str(text) = node {
                let mut bytes = std::mem::take(text).into_bytes();
                change_bytes(&mut bytes, corpus, 4096, random);
                *text = String::from_utf8_lossy(&bytes).into_owned();
            }
        }),
        _ => {
            // Deeper, so deep that readers must say no.
            let depth = *random.pick(&[1, 2, 50, 130, 300]);
            at(tree, chosen, &mut |node| {
                for level in 0..depth {
                    let inner = std::mem::take(node);
                    *node = match level % 2 {
                        0 => Node::List(vec![inner]),
                        _ => Node::map([("k", inner)]),
                    };
                }
            });
        }
    }
}

fn count(node: &Node) -> usize {
    1 + match node {
        Node::Map(map) => map.iter().map(|(_, value)| count(value)).sum(),
        Node::List(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

fn nth(node: &Node, wanted: usize) -> Option<&Node> {
    fn search<'a>(node: &'a Node, left: &mut usize) -> Option<&'a Node> {
        if *left == 0 {
            return Some(node);
        }
        *left -= 1;
        match node {
            Node::Map(map) => map.iter().find_map(|(_, value)| search(value, left)),
            Node::List(items) => items.iter().find_map(|item| search(item, left)),
            _ => None,
        }
    }
    search(node, &mut { wanted })
}

/// Rebuilds the tree with the value at this place changed.
fn at(node: &mut Node, wanted: usize, change: &mut dyn FnMut(&mut Node)) {
    fn walk(node: &mut Node, left: &mut Option<usize>, change: &mut dyn FnMut(&mut Node)) {
        match left {
            None => return,
            Some(0) => {
                *left = None;
                return change(node);
            }
            Some(more) => *more -= 1,
        }
        match node {
            Node::Map(map) => {
                let pairs = std::mem::take(map).into_iter().map(|(key, mut value)| {
                    walk(&mut value, left, change);
                    (key, value)
                });
                *map = pairs.collect();
            }
            Node::List(items) => items.iter_mut().for_each(|item| walk(item, left, change)),
            _ => {}
        }
    }
    walk(node, &mut Some(wanted), change);
}

fn remove_one(node: &mut Node, random: &mut Random) {
    match node {
        Node::Map(map) if !map.is_empty() => {
            let gone = random.below(map.len());
            let pairs = std::mem::take(map).into_iter().enumerate();
            *map = pairs.filter(|(at, _)| *at != gone).map(|(_, pair)| pair).collect();
        }
        Node::List(items) if !items.is_empty() => {
            items.remove(random.below(items.len()));
        }
        other => *other = Node::Null,
    }
}

fn rename_one(map: &mut Map, random: &mut Random) {
    if map.is_empty() {
        return;
    }
    let renamed = random.below(map.len());
    let name = (*random.pick(KEYS)).to_owned();
    let pairs = std::mem::take(map).into_iter().enumerate();
    *map = pairs
        .map(|(at, (key, value))| (if at == renamed { name.clone() } else { key }, value))
        .collect();
}

fn interesting(random: &mut Random) -> Node {
    match random.below(6) {
        0 => Node::Int(*random.pick(&[
            0,
            1,
            -1,
            10,
            20,
            255,
            65536,
            i64::MAX as i128,
            i64::MIN as i128,
            u64::MAX as i128,
            1 << 40,
        ])),
        1 => Node::Float(*random.pick(&[0.0, -0.5, 1.5, 1e308, -1e308, 1e-320, 1e18])),
        2 => Node::Bool(random.one_in(2)),
        3 if random.one_in(4) => Node::Null,
        3 => Node::List((0..random.below(4)).map(|_| interesting(random)).collect()),
        _ => Node::from(*random.pick(TOKENS)),
    }
}

// --- bytes -----------------------------------------------------------------------------------

fn change_bytes(bytes: &mut Vec<u8>, corpus: &[Seed], limit: usize, random: &mut Random) {
    let place = random.below(bytes.len() + 1);
    let run = |random: &mut Random, most: usize| {
        let length = 1 + random.below(most);
        place..(place + length).min(bytes.len())
    };
    match random.below(11) {
        0 if place < bytes.len() => bytes[place] ^= 1 << random.below(8),
        1 if place < bytes.len() => bytes[place] = random.next() as u8,
        2 => {
            let range = run(random, 16);
            bytes.drain(range);
        }
        3 | 4 => {
            let token = random.pick(TOKENS).as_bytes();
            bytes.splice(place..place, token.iter().copied());
        }
        5 => {
            let token = random.pick(TOKENS).as_bytes();
            let range = run(random, token.len() + 1);
            bytes.splice(range, token.iter().copied());
        }
        6 => {
            // A run again and again.
            let range = run(random, 24);
            let times = *random.pick(&[1, 2, 3, 30, 300, 3000, 30_000]);
            let piece = bytes[range].to_vec();
            let room = limit.saturating_sub(bytes.len());
            let times = times.min(room / piece.len().max(1));
            bytes.splice(place..place, piece.repeat(times));
        }
        7 => {
            let range = run(random, 400);
            let piece = bytes[range].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        8 => {
            let other = random.pick(corpus).text.as_bytes();
            let from = random.below(other.len() + 1);
            let to = (from + random.below(400)).min(other.len());
            bytes.splice(place..place, other[from..to].iter().copied());
        }
        9 => lines(bytes, random),
        _ => {
            let text = random.below(1 << 20).to_string();
            bytes.splice(place..place, text.bytes());
        }
    }
    bytes.truncate(limit);
}

/// Doubles, removes or swaps lines.
fn lines(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (a, b) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(3) {
        0 => lines.insert(a, lines[b].clone()),
        1 => {
            lines.remove(a);
        }
        _ => lines.swap(a, b),
    }
    *bytes = lines.join(&b'\n');
}

const KEYS: &[&str] = &[
    "version",
    "formatters",
    "filters",
    "handlers",
    "loggers",
    "root",
    "incremental",
    "disable_existing_loggers",
    "sawmill",
    "class",
    "()",
    ".",
    "level",
    "formatter",
    "format",
    "datefmt",
    "style",
    "validate",
    "defaults",
    "stream",
    "filename",
    "mode",
    "encoding",
    "delay",
    "errors",
    "maxBytes",
    "backupCount",
    "when",
    "interval",
    "utc",
    "atTime",
    "capacity",
    "flushLevel",
    "flushOnClose",
    "target",
    "queue",
    "listener",
    "respect_handler_level",
    "propagate",
    "name",
    "k",
    "",
    "a.b",
    "<<",
    "unknown_keys",
    "overflow",
    "args",
    "host",
    "port",
];

const TOKENS: &[&str] = &[
    "",
    " ",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{feff}",
    "\u{2028}",
    "é",
    "日本",
    "𝄞",
    "'",
    "\"",
    "\\",
    "`",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    ":",
    ": ",
    ",",
    "#",
    ";",
    "=",
    "|",
    ">-",
    "- ",
    "? ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "&x ",
    "*x",
    "<<: *x\n",
    "!!int ",
    "!!binary ",
    "!x ",
    "~",
    "null",
    "true",
    "off",
    "yes",
    "0x1F",
    "0o17",
    "1:30",
    "-.inf",
    ".nan",
    "1e999",
    "1_000",
    "99999999999999999999999999999999999999999",
    "-0",
    "2001-12-14",
    "07:32:00",
    "ext://sys.stdout",
    "ext://sys.stderr",
    "ext://logging.INFO",
    "ext://logging.Filter",
    "ext://nowhere",
    "cfg://handlers",
    "cfg://handlers.h.level",
    "cfg://root",
    "cfg://",
    "cfg://a[0]",
    "cfg://x.y[z][0].w",
    "cfg://formatters[f]",
    "DEBUG",
    "INFO",
    "NOTSET",
    "Level 7",
    "logging.StreamHandler",
    "logging.FileHandler",
    "logging.NullHandler",
    "logging.Formatter",
    "logging.handlers.MemoryHandler",
    "logging.handlers.QueueHandler",
    "logging.Filter",
    "logging.handlers.RotatingFileHandler",
    "logging.handlers.TimedRotatingFileHandler",
    "logging.handlers.SysLogHandler",
    "midnight",
    "W0",
    "W6",
    "S",
    "M",
    "utf-8",
    "latin-1",
    "utf-16",
    "cp1252",
    "strict",
    "replace",
    "backslashreplace",
    "w",
    "a",
    "x",
    "%",
    "{",
    "$",
    "%%",
    "{{",
    "}}",
    "$$",
    "%(message)s",
    "%(asctime)s",
    "%(lineno)5d",
    "%(levelname)-8.3s",
    "%(process)#x",
    "%(x)*d",
    "%(created)+.20e",
    "%(message)1048576s",
    "%(message)99999999999s",
    "%(msecs)03d",
    "%(list)r",
    "{message}",
    "{message!r:>10}",
    "{lineno:+,d}",
    "{created:030.15g}",
    "{list[0]}",
    "{map[k]}",
    "{message:{lineno}}",
    "{message:1048576}",
    "{user.x}",
    "{0}",
    "{}",
    "{message!x}",
    "{a[",
    "${message}",
    "$name",
    "${",
    "$1",
    "%Y",
    "%f",
    "%-d",
    "%10000Y",
    "%E",
    "%",
    "[loggers]\n",
    "[handlers]\n",
    "[formatters]\n",
    "[DEFAULT]\n",
    "[handler_a]\n",
    "[logger_root]\n",
    "keys=",
    "keys=root\n",
    "args=(",
    "args=()\n",
    "args=('a', 1)\n",
    "kwargs={'a': 1}\n",
    "level=",
    "%(a)s",
    "%()s",
    "%(x",
    "class=StreamHandler\n",
    "qualname=",
    "sys.stdout",
    "'''",
    "\\x41",
    "\\N{DASH}",
    "0x",
    "1.",
    ".5",
    "1e5",
    "1j",
    "-",
    "+",
    "--1",
    "None",
    "True",
    "b'x'",
    "f'x'",
    "r'\\'",
    "u''",
];
