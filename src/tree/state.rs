//! The tree's state, and its compilation.

use super::names::Names;
use super::snapshot::{Departed, HandlerUse, Install, Route, Snapshot, Table};
use super::temporary::Override;
use crate::callsite::{Callsite, Threshold};
use crate::filter::FilterRef;
use crate::format::FormatterRef;
use crate::handler::HandlerRef;
use crate::level::{Level, LevelNames};
use crate::node::Node;
use crate::record::Render;
use crate::sync::{Arc, Ordering};
use std::collections::{HashMap, HashSet};

/// What is configured about one logger.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) level: Level,
    pub(crate) propagate: bool,
    pub(crate) disabled: bool,
    pub(crate) handlers: Vec<HandlerRef>,
    pub(crate) filters: Vec<FilterRef>,
}

impl Settings {
    fn new(level: Level) -> Self {
        Self { level, propagate: true, disabled: false, handlers: Vec::new(), filters: Vec::new() }
    }
}

/// The part of the state that a change may edit, and a refused change puts back.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    settings: Vec<Settings>,
    disable: Level,
    level_names: Arc<LevelNames>,
    renderers: Arc<Vec<Arc<dyn Render>>>,
    last_resort: Option<HandlerRef>,
    /// Handlers that stay at home whether attached or not, in the order of becoming known.
    kept: Vec<HandlerRef>,
    closing: Vec<HandlerRef>,
    failing_filter_aborts: bool,
}

/// All that a runtime knows of its loggers, behind the tree's leaf lock.
#[derive(Debug)]
pub(crate) struct State {
    names: Names,
    watcher: Watcher,
    /// The levels that it was told, by logger.
    told_levels: Vec<i32>,
    nodes: Vec<Arc<Node>>,
    draft: Draft,
    generation: u32,
    /// The call sites of the default runtime, with their loggers.
    sites: Vec<(&'static Callsite, u32)>,
    pub(super) slow: bool,
    /// Hooks on the caller are asked on the slow path.
    pub(super) hooked: bool,
    pub(super) scopes: u32,
    handler_places: Places,
    filter_places: Places,
    formatter_places: Places,
    /// Handlers at home in the order in which they became known.
    order: Vec<HandlerRef>,
    /// Levels in force for a while, the latest last. No part of the draft: a refused change does
    /// not touch them, and an applied one does not end them.
    overrides: Vec<Override>,
    next_override: u64,
    /// What the flight recorder wants, if there is one.
    recording: Option<Recording>,
}

/// What a flight recorder wants of the tree.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    /// It keeps what reaches this level and goes to no handler.
    pub(crate) level: Level,
    /// A handler for its dumps, which stays at home whether attached or not.
    pub(crate) target: Option<HandlerRef>,
}

/// What is told of a logger.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told<'a> {
    /// Its name.
    Name(&'a str),
    /// The least level that goes to handlers from a generation on, where there is a flight recorder.
    Level { generation: u32, least: i32 },
}

/// Told the numbers of loggers, and what is to be known of each to read its frames.
pub(super) type NameWatcher = Box<dyn Fn(u32, Told<'_>) + Send>;

struct Watcher(Option<NameWatcher>);

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watcher")
    }
}

impl State {
    pub(super) fn new() -> Self {
        let draft = Draft {
            settings: vec![Settings::new(Level::WARNING)],
            disable: Level::NOTSET,
            level_names: Arc::default(),
            renderers: Arc::default(),
            last_resort: None,
            kept: Vec::new(),
            closing: Vec::new(),
            failing_filter_aborts: false,
        };
        let names = Names::new();
        let root = Node::new(0, names.name(0).clone(), Threshold::UNKNOWN, i32::MAX);
        let mut state = Self {
            names,
            watcher: Watcher(None),
            told_levels: Vec::new(),
            nodes: vec![root],
            draft,
            generation: 0,
            sites: Vec::new(),
            slow: true,
            hooked: false,
            scopes: 0,
            handler_places: Places::default(),
            filter_places: Places::default(),
            formatter_places: Places::default(),
            order: Vec::new(),
            overrides: Vec::new(),
            next_override: 0,
            recording: None,
        };
        state.rewrite_words();
        state
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn empty_snapshot(&self) -> Snapshot {
        Snapshot {
            number: Snapshot::new_number(),
            generation: 0,
            table: Arc::default(),
            level_names: self.draft.level_names.clone(),
            renderers: self.draft.renderers.clone(),
        }
    }

    pub(super) fn draft(&self) -> Draft {
        self.draft.clone()
    }

    /// Puts back what a refused change edited; loggers that it made stay, as they are.
    pub(super) fn restore(&mut self, mut draft: Draft) {
        let made = draft.settings.len()..self.draft.settings.len();
        draft.settings.extend(made.map(|_| Settings::new(Level::NOTSET)));
        self.draft = draft;
    }

    /// Tells every logger's number and name, now and when one is made.
    pub(super) fn watch_names(&mut self, watcher: NameWatcher) {
        let numbers = 0..self.len() as u32;
        numbers.for_each(|number| watcher(number, Told::Name(self.names.name(number))));
        self.watcher = Watcher(Some(watcher));
        self.told_levels.clear();
        self.tell_levels();
    }

    /// Tells the levels that are others than told last; before any word has them.
    pub(super) fn tell_levels(&mut self) {
        let (Watcher(Some(watcher)), Some(_)) = (&self.watcher, &self.recording) else { return };
        for number in 0..self.len() as u32 {
            let least = self.route_level(number).as_i32();
            match self.told_levels.get_mut(number as usize) {
                Some(told) if *told == least => continue,
                Some(told) => *told = least,
                None => self.told_levels.push(least),
            }
            watcher(number, Told::Level { generation: self.generation, least });
        }
    }

    // --- names ---------------------------------------------------------------------------

    pub(crate) fn number(&mut self, name: &str) -> u32 {
        match self.names.find(name) {
            Some(number) => number,
            None => {
                let number = self.names.add(name);
                if let Watcher(Some(watcher)) = &self.watcher {
                    watcher(number, Told::Name(self.names.name(number)));
                }
                self.draft.settings.push(Settings::new(Level::NOTSET));
                self.tell_levels();
                let enabled = self.threshold(number);
                let word = self.word(self.admission(enabled));
                let node = Node::new(number, self.names.name(number).clone(), word, enabled);
                self.nodes.push(node);
                number
            }
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.names.find(name)
    }

    pub(crate) fn node(&mut self, name: &str) -> Arc<Node> {
        let number = self.number(name);
        self.nodes[number as usize].clone()
    }

    pub(crate) fn node_at(&self, number: u32) -> &Arc<Node> {
        &self.nodes[number as usize]
    }

    /// The node of a call site's target: a module path's `::` reads as a dot.
    pub(crate) fn node_of_target(&mut self, target: &str) -> Arc<Node> {
        if target.contains("::") {
            self.node(&target.replace("::", "."))
        } else {
            self.node(target)
        }
    }

    pub(crate) fn parent(&self, number: u32) -> Option<u32> {
        self.names.parent(number)
    }

    pub(crate) fn children(&self, number: u32) -> Vec<u32> {
        self.names.children(number)
    }

    // --- settings ------------------------------------------------------------------------

    pub(crate) fn settings(&self, number: u32) -> &Settings {
        &self.draft.settings[number as usize]
    }

    pub(crate) fn settings_mut(&mut self, number: u32) -> &mut Settings {
        &mut self.draft.settings[number as usize]
    }

    pub(crate) fn disable(&self) -> Level {
        self.draft.disable
    }

    pub(crate) fn set_disable(&mut self, level: Level) {
        self.draft.disable = level;
    }

    pub(crate) fn level_names(&self) -> &Arc<LevelNames> {
        &self.draft.level_names
    }

    pub(crate) fn level_names_mut(&mut self) -> &mut LevelNames {
        Arc::make_mut(&mut self.draft.level_names)
    }

    pub(crate) fn set_last_resort(&mut self, handler: Option<HandlerRef>) {
        self.draft.last_resort = handler;
    }

    pub(crate) fn last_resort(&self) -> Option<&HandlerRef> {
        self.draft.last_resort.as_ref()
    }

    /// Sets whether a filter that fails ends the record's walk, for the other handlers too.
    #[cfg(feature = "config")]
    pub(crate) fn set_failing_filter_aborts(&mut self, aborts: bool) {
        self.draft.failing_filter_aborts = aborts;
    }

    /// Registers a message renderer; its number is for described frames.
    pub(crate) fn add_renderer(&mut self, renderer: Arc<dyn Render>) -> u32 {
        Arc::make_mut(&mut self.draft.renderers).push(renderer);
        u32::try_from(self.draft.renderers.len()).expect("few renderers")
    }

    /// Lets handlers go that are kept and not attached, but for those in `kept`.
    #[cfg(feature = "config")]
    pub(crate) fn keep_only(&mut self, kept: &[HandlerRef]) {
        self.draft.kept = kept.to_vec();
    }

    /// The handlers that some logger has.
    #[cfg(feature = "config")]
    pub(crate) fn attached(&self) -> impl Iterator<Item = &HandlerRef> {
        self.draft.settings.iter().flat_map(|settings| &settings.handlers)
    }

    /// Takes a handler from every logger and has it closed once its last record was delivered.
    pub(crate) fn close(&mut self, handler: &HandlerRef) {
        self.draft.kept.retain(|known| known != handler);
        for settings in &mut self.draft.settings {
            settings.handlers.retain(|known| known != handler);
        }
        self.draft.closing.push(handler.clone());
    }

    /// The handlers at home, in the order in which they became known.
    pub(crate) fn handlers(&self) -> &[HandlerRef] {
        &self.order
    }

    /// Puts a level before the one that is set, and returns its number.
    pub(super) fn add_override(&mut self, logger: u32, level: Level) -> u64 {
        let id = self.next_override;
        self.next_override += 1;
        self.overrides.push(Override { id, logger, level });
        id
    }

    pub(super) fn remove_overrides(&mut self, ids: &[u64]) {
        self.overrides.retain(|it| !ids.contains(&it.id));
    }

    /// The level that counts on a logger itself.
    fn level_in_force(&self, number: u32) -> Level {
        let latest = self.overrides.iter().rev().find(|it| it.logger == number);
        latest.map_or(self.settings(number).level, |it| it.level)
    }

    /// The first level that is not `NOTSET`, going up.
    pub(crate) fn effective_level(&self, mut number: u32) -> Level {
        loop {
            let level = self.level_in_force(number);
            match self.names.parent(number) {
                Some(parent) if level == Level::NOTSET => number = parent,
                _ => return level,
            }
        }
    }

    /// Whether records of this logger reach any handler.
    pub(crate) fn has_handlers(&self, mut number: u32) -> bool {
        loop {
            let settings = self.settings(number);
            if !settings.handlers.is_empty() {
                return true;
            }
            match self.names.parent(number) {
                Some(parent) if settings.propagate => number = parent,
                _ => return false,
            }
        }
    }

    // --- thresholds ----------------------------------------------------------------------

    /// Has records kept that go to no handler, or no more.
    pub(crate) fn set_recording(&mut self, recording: Option<Recording>) {
        self.recording = recording;
    }

    /// The least level at which a call has anything to do, given its logger's threshold: what
    /// `disable` and a disabled logger switch off is not recorded either.
    fn admission(&self, threshold: i32) -> i32 {
        match &self.recording {
            Some(recording) if threshold != i32::MAX => {
                let above_disabled = self.draft.disable.as_i32().saturating_add(1);
                threshold.min(recording.level.as_i32().max(above_disabled))
            }
            _ => threshold,
        }
    }

    /// The least level of this logger that goes to handlers, as routes have it: whether the logger
    /// is disabled is told apart. Without a recorder every level does that comes through.
    fn route_level(&self, number: u32) -> Level {
        if self.recording.is_none() {
            return Level::new(i32::MIN);
        }
        let above_disabled = self.draft.disable.as_i32().saturating_add(1);
        Level::new(self.effective_level(number).as_i32().max(above_disabled))
    }

    /// The least level at which a call on this logger goes to handlers: Python's `isEnabledFor`.
    pub(crate) fn threshold(&self, number: u32) -> i32 {
        if self.settings(number).disabled {
            return i32::MAX;
        }
        let above_disabled = self.draft.disable.as_i32().saturating_add(1);
        self.effective_level(number).as_i32().max(above_disabled)
    }

    /// The least level that any logger lets through; all of them while scopes send calls to other
    /// runtimes, whose loggers decide then.
    pub(super) fn least(&self) -> Level {
        if self.scopes != 0 {
            return Level::new(i32::MIN);
        }
        let numbers = 0..self.names.len() as u32;
        let admissions = numbers.map(|number| self.admission(self.threshold(number)));
        Level::new(admissions.min().unwrap_or(i32::MAX))
    }

    fn word(&self, least: i32) -> Threshold {
        Threshold::new(self.generation, least, self.slow || self.hooked)
    }

    fn site_word(&self, least: i32) -> Threshold {
        if self.scopes == 0 {
            return self.word(least);
        }
        Threshold::new(self.generation, i32::MIN, true)
    }

    /// Gives a call site its word for the first time.
    pub(super) fn bind(&mut self, site: &'static Callsite, number: u32) -> Threshold {
        if !self.sites.iter().any(|(known, _)| std::ptr::eq(*known, site)) {
            self.sites.push((site, number));
        }
        let word = self.word_of(site, self.threshold(number));
        site.word.store(word.0, Ordering::Relaxed);
        word
    }

    fn word_of(&self, site: &Callsite, threshold: i32) -> Threshold {
        self.site_word(if site.asks { threshold } else { self.admission(threshold) })
    }

    /// Rewrites the words of all nodes and call sites for the current generation.
    pub(super) fn rewrite_words(&mut self) {
        let least: Vec<i32> = (0..self.names.len() as u32).map(|at| self.threshold(at)).collect();
        for (node, least) in self.nodes.iter().zip(&least) {
            node.set_levels(self.word(self.admission(*least)), *least);
        }
        for (site, number) in &self.sites {
            // ORDERING(generation): as `Node::set_word`.
            site.word.store(self.word_of(site, least[*number as usize]).0, Ordering::Relaxed);
        }
    }

    /// Has every call go the slow way until the words are rewritten: stores only.
    pub(super) fn slow_words(&self) {
        self.nodes.iter().for_each(|node| node.set_word(node.word().slowed()));
        for (site, _) in &self.sites {
            let word = Threshold(site.word.load(Ordering::Relaxed)).slowed();
            site.word.store(word.0, Ordering::Relaxed);
        }
    }

    // --- compilation ---------------------------------------------------------------------

    /// Every handler that is to have a home: attached, kept, the last resort, and their targets.
    pub(super) fn handlers_at_home(&self) -> Vec<HandlerRef> {
        let attached = self.draft.settings.iter().flat_map(|settings| &settings.handlers);
        let mut found: Vec<HandlerRef> = Vec::new();
        let mut seen = HashSet::new();
        let mut waiting: Vec<HandlerRef> =
            self.draft.kept.iter().chain(attached).chain(&self.draft.last_resort).rev_cloned();
        // At the bottom: it becomes known after the others.
        let target = self.recording.as_ref().and_then(|recording| recording.target.clone());
        waiting.splice(0..0, target);
        while let Some(handler) = waiting.pop() {
            if seen.insert(handler.id()) {
                waiting.extend(handler.targets());
                found.push(handler);
            }
        }
        found
    }

    /// The drain has let go of handlers, filters and formatters that no generation uses which had
    /// come there, up to `generation`: their places may be given to others.
    pub(super) fn departed(&mut self, departed: &mut Departed, generation: u32) {
        for (places, ids) in [
            (&mut self.handler_places, &mut departed.handlers),
            (&mut self.filter_places, &mut departed.filters),
            (&mut self.formatter_places, &mut departed.formatters),
        ] {
            ids.drain(..).for_each(|id| places.leave(id, generation));
        }
    }

    /// Compiles the next generation.
    pub(super) fn compile(&mut self) -> Install {
        self.generation = (self.generation + 1) & i32::MAX as u32;
        let homes = self.handlers_at_home();
        let known: HashSet<u64> = homes.iter().map(HandlerRef::id).collect();
        self.order.retain(|handler| known.contains(&handler.id()));
        for handler in &homes {
            if !self.order.contains(handler) {
                self.order.push(handler.clone());
            }
        }
        let mut install = Install {
            snapshot: Arc::new(self.empty_snapshot()),
            handlers: Vec::new(),
            filters: Vec::new(),
            formatters: Vec::new(),
            closing: std::mem::take(&mut self.draft.closing),
        };
        let uses: HashMap<u64, HandlerUse> =
            homes.iter().map(|home| (home.id(), self.plan_use(home, &mut install))).collect();
        let routes = self.routes(&uses, &mut install);
        let last_resort =
            self.draft.last_resort.as_ref().and_then(|handler| uses.get(&handler.id())).cloned();
        let order = closing_order(&self.order);
        for places in
            [&mut self.handler_places, &mut self.filter_places, &mut self.formatter_places]
        {
            places.turn(self.generation);
        }
        install.snapshot = Arc::new(Snapshot {
            number: Snapshot::new_number(),
            generation: self.generation,
            table: Arc::new(Table {
                routes,
                uses,
                order,
                last_resort,
                failing_filter_aborts: self.draft.failing_filter_aborts,
            }),
            level_names: self.draft.level_names.clone(),
            renderers: self.draft.renderers.clone(),
        });
        install
    }

    fn plan_use(&mut self, handler: &HandlerRef, install: &mut Install) -> HandlerUse {
        let settings = handler.settings();
        let (index, arrives) = self.handler_places.place(handler.id());
        if arrives {
            install.handlers.push((index, handler.clone()));
        }
        let formatter = settings.formatter.map(|formatter| self.formatter(&formatter, install));
        let filters = settings.filters.iter().map(|filter| self.filter(filter, install)).collect();
        HandlerUse { index, level: settings.level, formatter, filters }
    }

    fn formatter(&mut self, formatter: &FormatterRef, install: &mut Install) -> u32 {
        let (index, arrives) = self.formatter_places.place(formatter.seat().id());
        if arrives {
            install.formatters.push((index, formatter.clone()));
        }
        index
    }

    fn filter(&mut self, filter: &FilterRef, install: &mut Install) -> u32 {
        let (index, arrives) = self.filter_places.place(filter.seat().id());
        if arrives {
            install.filters.push((index, filter.clone()));
        }
        index
    }

    fn routes(&mut self, uses: &HashMap<u64, HandlerUse>, install: &mut Install) -> Vec<Route> {
        let mut made: Vec<Option<Arc<[HandlerUse]>>> = vec![None; self.names.len()];
        (0..self.names.len() as u32)
            .map(|number| {
                let handlers = self.route_handlers(number, uses, &mut made);
                let own = self.settings(number).filters.clone();
                let filters = own.iter().map(|filter| self.filter(filter, install)).collect();
                Route {
                    name: self.names.name(number).clone(),
                    disabled: self.settings(number).disabled,
                    level: self.route_level(number),
                    filters,
                    handlers,
                }
            })
            .collect()
    }

    /// The handlers that a logger's records reach; shared with the parent's where they are equal.
    fn route_handlers(
        &self,
        number: u32,
        uses: &HashMap<u64, HandlerUse>,
        made: &mut [Option<Arc<[HandlerUse]>>],
    ) -> Arc<[HandlerUse]> {
        // Walk up to the first ancestor whose route is made, then make those passed on the way.
        let mut path = vec![number];
        while let Some(last) = path.last().copied() {
            let parent = self.names.parent(last).filter(|_| self.settings(last).propagate);
            match parent {
                Some(parent) if made[parent as usize].is_none() => path.push(parent),
                _ => break,
            }
        }
        for number in path.into_iter().rev() {
            let settings = self.settings(number);
            let above = self
                .names
                .parent(number)
                .filter(|_| settings.propagate)
                .and_then(|parent| made[parent as usize].clone());
            let own = settings.handlers.iter().filter_map(|handler| uses.get(&handler.id()));
            let route = match above {
                Some(above) if settings.handlers.is_empty() => above,
                Some(above) => own.chain(above.iter()).cloned().collect(),
                None => own.cloned().collect(),
            };
            made[number as usize] = Some(route);
        }
        made[number as usize].clone().unwrap_or_else(|| Arc::from([]))
    }
}

/// Which index at home each identity has, the same until the home has let go of it, so that
/// records of an older generation still find it; and which identities the last generation used.
#[derive(Debug, Default)]
struct Places {
    places: HashMap<u64, Place>,
    /// Indices that nobody has any more.
    free: Vec<u32>,
    before: HashSet<u64>,
    now: HashSet<u64>,
}

#[derive(Debug)]
struct Place {
    index: u32,
    /// The last generation that was compiled with it.
    used: u32,
}

impl Places {
    /// The index, and whether the identity is new in this generation: it has to be sent home.
    fn place(&mut self, id: u64) -> (u32, bool) {
        let Self { places, free, .. } = self;
        // Those that have no index are as many as are free.
        let next = (places.len() + free.len()) as u32;
        let place = places
            .entry(id)
            .or_insert_with(|| Place { index: free.pop().unwrap_or(next), used: 0 });
        let arrives = self.now.insert(id) && !self.before.contains(&id);
        (place.index, arrives)
    }

    /// The generation is compiled.
    fn turn(&mut self, generation: u32) {
        for id in &self.now {
            if let Some(place) = self.places.get_mut(id) {
                place.used = generation;
            }
        }
        self.before = std::mem::take(&mut self.now);
    }

    /// The home has let go of an identity that none of the generations uses that had come there,
    /// up to `generation`. One still on its way may: then it is no news.
    fn leave(&mut self, id: u64, generation: u32) {
        let is_past = |used: u32| {
            let age = generation.wrapping_sub(used) & i32::MAX as u32;
            age <= i32::MAX as u32 / 2
        };
        if self.places.get(&id).is_some_and(|place| is_past(place.used))
            && let Some(place) = self.places.remove(&id)
        {
            self.free.push(place.index);
        }
    }
}

trait RevCloned {
    fn rev_cloned(self) -> Vec<HandlerRef>;
}
impl<'a, I: Iterator<Item = &'a HandlerRef>> RevCloned for I {
    fn rev_cloned(self) -> Vec<HandlerRef> {
        let mut all: Vec<HandlerRef> = self.cloned().collect();
        all.reverse();
        all
    }
}

/// The handlers in an order whose reverse is that of closing: newest first, and whoever forwards
/// before its target.
fn closing_order(handlers: &[HandlerRef]) -> Vec<u64> {
    let mut forwarders: HashMap<u64, Vec<&HandlerRef>> = HashMap::new();
    for handler in handlers.iter().rev() {
        for target in handler.targets() {
            forwarders.entry(target.id()).or_default().push(handler);
        }
    }
    let mut seen = HashSet::new();
    let mut closed = Vec::new();
    let mut stack: Vec<(&HandlerRef, bool)> = Vec::new();
    for newest in handlers.iter().rev() {
        stack.push((newest, false));
        while let Some((handler, ready)) = stack.pop() {
            if ready {
                closed.push(handler.id());
            } else if seen.insert(handler.id()) {
                stack.push((handler, true));
                let before = forwarders.get(&handler.id()).into_iter().flatten().rev();
                stack.extend(before.map(|forwarder| (*forwarder, false)));
            }
        }
    }
    closed.reverse();
    closed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_again_once_the_home_has_let_go_of_it() {
        let mut places = Places::default();
        assert_eq!(places.place(7), (0, true));
        assert_eq!(places.place(8), (1, true));
        places.turn(1);
        assert_eq!(places.place(8), (1, false));
        places.turn(2);
        places.leave(7, 2);
        assert_eq!(places.place(9), (0, true));
        assert_eq!(places.place(10), (2, true));
    }

    #[test]
    fn a_place_is_kept_for_one_who_came_back_before_its_departure_was_told() {
        let mut places = Places::default();
        places.place(7);
        places.turn(1);
        places.turn(2);
        // It is back in a generation that had not come to the home when it let go.
        assert_eq!(places.place(7), (0, true));
        places.turn(3);
        places.turn(4);
        places.leave(7, 2);
        assert_eq!(places.place(9), (1, true));
        places.turn(5);
        places.leave(7, 4);
        assert_eq!(places.place(10), (0, true));
    }

    #[test]
    fn the_age_of_a_place_is_told_across_the_wrap_of_generations() {
        let mut places = Places::default();
        places.place(7);
        places.turn(i32::MAX as u32);
        places.turn(0);
        places.leave(7, 0);
        assert_eq!(places.place(8), (0, true));
    }
}
