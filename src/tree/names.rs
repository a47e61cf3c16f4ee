//! Names of loggers and who is whose parent, exactly as Python's `Manager` keeps them.
//!
//! A name whose logger was never asked for has a placeholder that remembers the loggers below it.

use crate::sync::Arc;
use std::collections::HashMap;

#[derive(Debug)]
enum Entry {
    Logger(u32),
    Placeholder(Vec<u32>),
}

/// Names, numbers and parents. The root is number 0 and has no entry.
#[derive(Debug)]
pub(crate) struct Names {
    entries: HashMap<Arc<str>, Entry>,
    names: Vec<Arc<str>>,
    parents: Vec<u32>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { entries: HashMap::new(), names: vec!["root".into()], parents: vec![0] }
    }

    /// How many loggers there are, the root included.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn name(&self, number: u32) -> &Arc<str> {
        &self.names[number as usize]
    }

    /// The parent; the root's is `None`.
    pub(crate) fn parent(&self, number: u32) -> Option<u32> {
        (number != 0).then(|| self.parents[number as usize])
    }

    /// Finds a logger that exists.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        if name.is_empty() || name == "root" {
            return Some(0);
        }
        match self.entries.get(name) {
            Some(Entry::Logger(number)) => Some(*number),
            _ => None,
        }
    }

    /// Makes a logger that [`find`](Self::find) did not find, and returns its number.
    pub(crate) fn add(&mut self, name: &str) -> u32 {
        let number = u32::try_from(self.names.len()).expect("fewer than 2^32 loggers");
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.parents.push(0);
        let was = self.entries.insert(name, Entry::Logger(number));
        if let Some(Entry::Placeholder(below)) = was {
            self.adopt(&below, number);
        }
        self.find_parent(number);
        number
    }

    /// Loggers that a placeholder remembered get the new logger as parent, unless something
    /// nearer is theirs already.
    fn adopt(&mut self, below: &[u32], number: u32) {
        let name = self.names[number as usize].clone();
        for child in below {
            let parent = self.parents[*child as usize];
            // As in Python, nearness is judged by the parent's name beginning with ours.
            if !self.names[parent as usize].starts_with(&*name) {
                self.parents[number as usize] = parent;
                self.parents[*child as usize] = number;
            }
        }
    }

    fn find_parent(&mut self, number: u32) {
        let name = self.names[number as usize].clone();
        let mut end = name.rfind('.');
        while let Some(at) = end.filter(|at| *at > 0) {
            let above = &name[..at];
            match self.entries.get_mut(above) {
                Some(Entry::Logger(parent)) => {
                    self.parents[number as usize] = *parent;
                    return;
                }
                Some(Entry::Placeholder(below)) => {
                    if !below.contains(&number) {
                        below.push(number);
                    }
                }
                None => {
                    self.entries.insert(above.into(), Entry::Placeholder(vec![number]));
                }
            }
            // Python searches up to, not including, the character before the dot just used.
            let mut before = at - 1;
            while !name.is_char_boundary(before) {
                before -= 1;
            }
            end = name[..before].rfind('.');
        }
        self.parents[number as usize] = 0;
    }

    /// Loggers exactly one level below: none where a placeholder stands between.
    pub(crate) fn children(&self, number: u32) -> Vec<u32> {
        let depth = |number: u32| match number {
            0 => 0,
            _ => 1 + self.names[number as usize].matches('.').count(),
        };
        (1..self.names.len() as u32)
            .filter(|child| self.parents[*child as usize] == number)
            .filter(|child| depth(*child) == 1 + depth(number))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(names: &[&str]) -> Names {
        let mut tree = Names::new();
        for name in names {
            if tree.find(name).is_none() {
                tree.add(name);
            }
        }
        tree
    }
    fn parent<'a>(tree: &'a Names, name: &str) -> &'a str {
        let number = tree.find(name).unwrap();
        tree.name(tree.parent(number).unwrap())
    }

    #[test]
    fn a_logger_made_later_comes_between() {
        let tree = tree(&["a.b.c", "a", "a.b"]);
        assert_eq!(parent(&tree, "a.b.c"), "a.b");
        assert_eq!(parent(&tree, "a.b"), "a");
        assert_eq!(parent(&tree, "a"), "root");
    }

    #[test]
    fn children_stop_at_placeholders() {
        let tree = tree(&["a.b.c", "a"]);
        let a = tree.find("a").unwrap();
        assert_eq!(parent(&tree, "a.b.c"), "a");
        assert!(tree.children(a).is_empty());
    }

    #[test]
    fn doubled_dots_skip_a_name_as_in_python() {
        let tree = tree(&["a", "a..b"]);
        assert_eq!(parent(&tree, "a..b"), "root");
    }
}
