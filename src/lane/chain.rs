//! A list that only grows, and that a signal's handler may walk.

use crate::sync::OnceLock;

/// A list that only grows: adding to it takes no lock that a reader would wait for.
#[derive(Debug)]
pub(super) struct Chain<T> {
    first: OnceLock<Box<Link<T>>>,
}

#[derive(Debug)]
struct Link<T> {
    value: T,
    next: OnceLock<Box<Link<T>>>,
}

impl<T> Chain<T> {
    pub(super) const fn new() -> Self {
        Self { first: OnceLock::new() }
    }

    /// Adds a value at the end.
    pub(super) fn push(&self, value: T) {
        let mut link = Box::new(Link { value, next: OnceLock::new() });
        let mut place = &self.first;
        while let Err(back) = place.set(link) {
            link = back;
            let Some(taken) = place.get() else { return };
            place = &taken.next;
        }
    }

    /// The values, oldest first: loads only.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let mut place = &self.first;
        std::iter::from_fn(move || {
            let link = place.get()?;
            place = &link.next;
            Some(&link.value)
        })
    }
}

impl<T> Drop for Chain<T> {
    fn drop(&mut self) {
        // One by one, for a long list would overflow the stack.
        let mut next = self.first.take();
        while let Some(mut link) = next {
            next = link.next.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::thread;

    #[test]
    fn values_of_many_threads_are_all_there() {
        let chain = Chain::new();
        thread::scope(|scope| {
            for thread in 0..4 {
                let chain = &chain;
                scope.spawn(move || (0..500).for_each(|n| chain.push(thread * 1000 + n)));
            }
        });
        let mut all: Vec<i32> = chain.iter().copied().collect();
        assert_eq!(all.len(), 2000);
        let of_first: Vec<i32> = all.iter().copied().filter(|n| *n < 1000).collect();
        assert!(of_first.is_sorted());
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2000);
    }
}
