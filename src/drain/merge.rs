//! The order in which due frames of several lanes are taken.
//!
//! The lane with the least stamp runs on until its next stamp passes the second least: bursts of
//! one lane cost nothing. Up to eight lanes are scanned, more go through a heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Above this a heap is cheaper than a scan.
const SCAN: usize = 8;

/// Lanes with due frames, by the stamp of their next one.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    few: Vec<(u64, usize)>,
    many: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Merge {
    /// Begins a pass with these lanes.
    pub(crate) fn begin(&mut self, lanes: impl Iterator<Item = (u64, usize)>) {
        self.few.clear();
        self.many.clear();
        self.few.extend(lanes);
        if self.few.len() > SCAN {
            self.many.extend(self.few.drain(..).map(Reverse));
        }
    }

    /// Takes the lane with the least stamp, and tells up to which stamp it may run.
    pub(crate) fn next(&mut self) -> Option<(usize, u64)> {
        if let Some(Reverse((_, lane))) = self.many.pop() {
            let limit = self.many.peek().map_or(u64::MAX, |Reverse((stamp, _))| *stamp);
            return Some((lane, limit));
        }
        let least = (0..self.few.len()).min_by_key(|at| self.few[*at])?;
        let (_, lane) = self.few.swap_remove(least);
        let limit = self.few.iter().map(|(stamp, _)| *stamp).min().unwrap_or(u64::MAX);
        Some((lane, limit))
    }

    /// Puts a lane back that has more due frames.
    pub(crate) fn again(&mut self, stamp: u64, lane: usize) {
        if self.many.is_empty() {
            self.few.push((stamp, lane))
        } else {
            self.many.push(Reverse((stamp, lane)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lanes: &[&[u64]]) -> Vec<u64> {
        let mut rest: Vec<std::collections::VecDeque<u64>> =
            lanes.iter().map(|lane| lane.iter().copied().collect()).collect();
        let mut merge = Merge::default();
        let firsts = rest.iter().enumerate();
        merge.begin(firsts.filter_map(|(at, lane)| Some((*lane.front()?, at))));
        let mut out = Vec::new();
        while let Some((lane, limit)) = merge.next() {
            while let Some(stamp) = rest[lane].front().copied().filter(|stamp| *stamp <= limit) {
                out.push(stamp);
                rest[lane].pop_front();
            }
            if let Some(stamp) = rest[lane].front() {
                merge.again(*stamp, lane);
            }
        }
        out
    }

    #[test]
    fn few_lanes_come_out_in_order() {
        assert_eq!(order(&[&[1, 5, 9], &[2, 3, 10], &[4]]), [1, 2, 3, 4, 5, 9, 10]);
    }

    #[test]
    fn many_lanes_come_out_in_order() {
        let lanes: Vec<Vec<u64>> =
            (0..40).map(|lane| (0..50).map(|n| n * 41 + lane).collect()).collect();
        let lanes: Vec<&[u64]> = lanes.iter().map(Vec::as_slice).collect();
        let out = order(&lanes);
        assert_eq!(out.len(), 2000);
        assert!(out.is_sorted());
    }
}
