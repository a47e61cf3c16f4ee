//! Frames of another process's lanes.
//!
//! They name call sites and derived types by that process's numbers, so each becomes a described
//! record here: the message rendered, derived types as maps, and a field that says where it comes
//! from.

use super::DrainBooks;
use super::frames::{Frames, damaged};
use super::generations::Generations;
use super::recorder::Place;
use super::stage::Stage;
use crate::callsite;
use crate::decode::{self, Value};
use crate::lane::LaneState;
use crate::lane::frame::{self, HEADER_WORDS, Head as FrameHead};
use crate::lane::keep::{Foreign, ForeignSite};
use crate::level::Level;
use crate::record::{
    Body, Described, DescribedBuf, Field, Head, LogRecord, Names, SiteValues, ValueBuf, Without,
    exception_text, split_changes, write_site,
};
use crate::sync::{Arc, lock};
use crate::value::{Role, tag};

/// The field that marks a record taken over from a dead process.
const MARK: &str = "recovered";

impl Frames {
    /// Delivers a record of another process.
    #[cold]
    pub(super) fn foreign(
        &mut self,
        lane: &mut LaneState,
        head: FrameHead,
        frame: &[u64],
        generations: &mut Generations,
        stage: &mut Stage,
    ) {
        let Some(foreign) = lane.foreign.clone() else { return damaged(lane, stage) };
        let [_, stamp, ids, ..] = frame else {
            DrainBooks::add(&stage.books.recovered, 1);
            return damaged(lane, stage);
        };
        let read = self.foreign_record(&foreign, head, frame, *ids, &lane.context);
        let Some((level, logger_number, changes, body)) = read else {
            DrainBooks::add(&stage.books.recovered, 1);
            return damaged(lane, stage);
        };
        let checked = head.kind & (frame::KIND | frame::WITH_CHECK) != frame::DESCRIBED;
        let recorded = checked && foreign.is_for_recorder(logger_number, head.generation, level);
        if recorded {
            let already = lock(&foreign.recorded).get(&lane.shared.number).copied();
            if already.is_some_and(|already| lane.sequence < already) {
                // Its twin was in the recorder's ring.
                return lane.count_taken();
            }
        }
        DrainBooks::add(&stage.books.recovered, 1);
        let described = Described::read(body.words());
        let time_ns = described.made_ns();
        lane.count_taken();
        self.recovered += 1;
        if recorded {
            let time_ns = time_ns.unwrap_or_else(|| foreign.clock.ns_after(*stamp, &mut lane.last));
            let (thread, sequence) = (&lane.shared.thread, lane.sequence);
            let place = Place { time_ns, thread, lane: lane.shared.number, sequence };
            let target = self.dump_target(generations);
            let body = body.words();
            return self.deliver_foreign_recorded(
                &foreign,
                level,
                logger_number,
                place,
                changes,
                body,
                target,
                generations,
                stage,
            );
        }
        let logger = logger(&foreign, logger_number, generations);
        let newest = generations.newest().generation;
        let (snapshot, route) = generations.find(newest, logger);
        let unnamed;
        let level_name = match described.level_name {
            Some(name) => name,
            None => {
                unnamed = snapshot.level_names.text(level);
                &*unnamed
            }
        };
        let run = &foreign.dictionary.run;
        let head = Head {
            logger: &route.name,
            level,
            level_name,
            names: Names::default(),
            time_ns: time_ns.unwrap_or_else(|| foreign.clock.ns_after(*stamp, &mut lane.last)),
            start_ns: run.start_ns,
            thread: &lane.shared.thread,
            process: &run.process,
            lane: lane.shared.number,
            sequence: lane.sequence,
            late: false,
            without: Without::default(),
            context: &[],
        };
        let mut record = LogRecord::new(head, Body::Described(described), None);
        if !changes.is_empty() {
            callsite::with_shapes(&foreign.shapes, || record.apply_foreign_changes(changes));
        }
        stage.route_any(route, &snapshot.table, 0, &mut record);
    }
}

impl Frames {
    /// Reads a frame of another process: its level, that process's number of its logger, and
    /// what a
    /// record factory changed, and everything else as a described record. `None` if it makes no sense.
    pub(super) fn foreign_record<'f>(
        &self,
        foreign: &Arc<Foreign>,
        head: FrameHead,
        frame: &'f [u64],
        ids: u64,
        context: &[u64],
    ) -> Option<(Level, u32, &'f [u64], DescribedBuf)> {
        let low = ids as u32;
        let mut rest = frame.get(HEADER_WORDS..)?;
        let mut level = Level::new(low as i32);
        let mut site = None;
        if head.kind & frame::KIND == frame::SITE {
            let found = foreign.dictionary.sites.get(&low)?;
            level = found.level.unwrap_or(Level::NOTSET);
            site = Some(found);
        }
        if head.kind & frame::WITH_LEVEL != 0 {
            let (word, after) = rest.split_first()?;
            (level, rest) = (Level::new(*word as u32 as i32), after);
        }
        if head.kind & frame::WITH_ORIGIN != 0 {
            rest = rest.get(1..).unwrap_or_default();
        }
        let mut changes = &[][..];
        if head.kind & frame::WITH_CHANGES != 0 {
            changes = split_changes(&mut rest)?;
        }
        let body = callsite::with_shapes(&foreign.shapes, || match site {
            Some(site) => of_site(site, rest, context, !foreign.is_live),
            None => of_described(rest, context, !foreign.is_live),
        });
        Some((level, (ids >> 32) as u32, changes, body))
    }
}

/// This process's logger of the same name.
pub(super) fn logger(foreign: &Arc<Foreign>, number: u32, generations: &Generations) -> u32 {
    *lock(&foreign.loggers).entry(number).or_insert_with(|| {
        let name = foreign.dictionary.loggers.get(&number);
        name.map_or(0, |name| generations.logger(name))
    })
}

fn of_site(site: &ForeignSite, words: &[u64], context: &[u64], marked: bool) -> DescribedBuf {
    let mut message = Vec::new();
    if let Err(error) = write_site(&site.pieces, site.roles.len(), words, &mut message) {
        message.extend_from_slice(format!(" ({error})").as_bytes());
    }
    let mut body = DescribedBuf::default();
    body.push(Field::Message, &*String::from_utf8_lossy(&message))
        .push(Field::Pathname, &*site.file)
        .push(Field::Line, &u64::from(site.line))
        .push(Field::Function, &*site.function)
        .push(Field::ModulePath, &*site.module);
    let mut fields = of_context(context);
    if let Some(mut values) = SiteValues::new(site.roles.len(), words) {
        for role in &site.roles {
            let Some(value) = values.next() else { break };
            match (role, value) {
                (Role::Key(key), value) => set(&mut fields, key, value),
                (Role::Pair, Value::Tuple(pair)) => {
                    let mut pair = pair.iter();
                    if let (Some(Value::Str(key)), Some(value)) = (pair.next(), pair.next()) {
                        set(&mut fields, key, value);
                    }
                }
                (Role::Exception, value) => {
                    body.push(Field::Exception, &*exception_text(value));
                }
                (Role::Stack, value) => {
                    let text = value.to_string();
                    if !text.is_empty() {
                        body.push(Field::Stack, &*text);
                    }
                }
                _ => {}
            }
        }
    }
    if marked {
        set(&mut fields, MARK, Value::Bool(true));
    }
    body.push_fields(fields.iter().map(|(key, value)| (&**key, value.clone())));
    body
}

fn of_described(words: &[u64], context: &[u64], marked: bool) -> DescribedBuf {
    let record = Described::read(words);
    let mut message = Vec::new();
    if record.write_message(None, &mut message).is_err() {
        // Its renderer was the other process's: the message as it was given.
        message = record.message.to_string().into_bytes();
    }
    let mut body = DescribedBuf::default();
    body.push(Field::Message, &*String::from_utf8_lossy(&message))
        .push(Field::Pathname, record.pathname)
        .push(Field::Line, &u64::from(record.line))
        .push(Field::Function, record.function)
        .push(Field::ModulePath, record.module_path);
    let texts = [
        (Field::ThreadName, record.thread_name),
        (Field::ProcessName, record.process_name),
        (Field::TaskName, record.task_name),
        (Field::Exception, record.exception),
        (Field::Stack, record.stack),
        (Field::LevelName, record.level_name),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            body.push(field, text);
        }
    }
    if let Some(thread) = record.thread {
        body.push(Field::Thread, &thread);
    }
    if let Some(process) = record.process {
        body.push(Field::Process, &u64::from(process));
    }
    if let Some(created) = record.created {
        body.push(Field::Created, &created);
    }
    if let Some(time_ns) = record.time_ns {
        body.push(Field::TimeNs, &time_ns);
    }
    let mut fields = of_context(context);
    record.fields.iter().for_each(|(key, value)| {
        if let Value::Str(key) = key {
            set(&mut fields, key, value);
        }
    });
    if marked {
        set(&mut fields, MARK, Value::Bool(true));
    }
    body.push_fields(fields.iter().map(|(key, value)| (&**key, value.clone())));
    body
}

/// The scope's fields.
fn of_context(mut context: &[u64]) -> Vec<(String, ValueBuf)> {
    let mut fields = Vec::new();
    if !context.is_empty()
        && let Some(Value::Map(map)) = decode::value(tag::MAP, &mut context)
    {
        map.iter().for_each(|(key, value)| {
            if let Value::Str(key) = key {
                set(&mut fields, key, value);
            }
        });
    }
    fields
}

/// Sets a field; the call's own come after the scope's and win.
fn set(fields: &mut Vec<(String, ValueBuf)>, key: &str, value: Value<'_>) {
    fields.retain(|(known, _)| known != key);
    fields.push((key.to_owned(), ValueBuf::portable(value)));
}
