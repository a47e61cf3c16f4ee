//! Questions about the loggers, each answered with one line.

use crate::replay::{Failed, Replay};
use crate::text::{json, quoted};
use sawmill::config::{Map, Node};

/// Answers one question: the words of the question, then the answer.
pub(crate) fn answer(replay: &mut Replay, line: &Map) -> Result<String, Failed> {
    let what = line.get("what").and_then(Node::as_str).ok_or(Failed)?;
    let own_name = line.get("logger").map(json).unwrap_or_else(|| "null".into());
    let named = |line: &Map, key: &str| {
        line.get(key).and_then(Node::as_str).map(str::to_owned).ok_or(Failed)
    };
    let list = |names: Vec<String>| json(&Node::list(names));
    let words = match what {
        "level" if line.contains("handler") => {
            let handler = replay.handler(line)?;
            vec![json(line.get("handler").ok_or(Failed)?), handler.level().as_i32().to_string()]
        }
        "level_name" => {
            let level = line.get("level").ok_or(Failed)?;
            vec![json(level), json(&replay.level_name(level)?)]
        }
        "level_names" => {
            let mut names: Vec<(i32, String)> = replay
                .runtime()
                .level_names()
                .into_iter()
                .map(|(name, level)| (level.as_i32(), name.to_string()))
                .collect();
            names.sort();
            names.into_iter().map(|(level, name)| format!("{name}={level}")).collect()
        }
        "handler_names" => vec![list(replay.handler_names())],
        "manager_disable" => vec![replay.runtime().disabled_level().as_i32().to_string()],
        "same" => {
            let (a, b) = (named(line, "a")?, named(line, "b")?);
            let root = replay.runtime().root();
            let same = root.child(&a) == root.child(&b);
            vec![quoted(&a), quoted(&b), same.to_string()]
        }
        _ => {
            let logger = replay.logger(line, "logger")?;
            let mut words = vec![own_name];
            words.extend(match what {
                "effective_level" => vec![logger.effective_level().as_i32().to_string()],
                "is_enabled_for" => {
                    let level = replay.level(line.get("level").ok_or(Failed)?)?;
                    vec![level.as_i32().to_string(), logger.is_enabled_for(level).to_string()]
                }
                "has_handlers" => vec![logger.has_handlers().to_string()],
                "level" => vec![logger.level().as_i32().to_string()],
                "name" => vec![quoted(logger.name())],
                "parent" => vec![logger.parent().map_or("-".into(), |it| quoted(it.name()))],
                "children" => {
                    let mut names: Vec<String> =
                        logger.children().iter().map(|it| it.name().to_string()).collect();
                    names.sort();
                    vec![list(names)]
                }
                "propagate" => vec![logger.propagate().to_string()],
                "disabled" => vec![logger.disabled().to_string()],
                "handlers" => {
                    let name = |name: Option<_>| {
                        name.map_or(Node::Null, |it: std::sync::Arc<str>| Node::from(&*it))
                    };
                    let names = logger.handlers().iter().map(|it| name(it.name())).collect();
                    vec![json(&Node::List(names))]
                }
                "get_child" => {
                    let suffix = named(line, "suffix")?;
                    vec![quoted(&suffix), quoted(logger.child(&suffix).name())]
                }
                _ => return Err(Failed),
            });
            words
        }
    };
    Ok(std::iter::once(what.to_owned()).chain(words).collect::<Vec<_>>().join(" "))
}
