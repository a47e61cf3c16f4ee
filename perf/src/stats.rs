//! Order statistics.

/// Sorted values, for percentiles.
pub(crate) struct Percentiles<'a>(&'a [f64]);

/// Sorts the values and reads percentiles from them.
pub(crate) fn percentiles(values: &mut [f64]) -> Percentiles<'_> {
    values.sort_by(f64::total_cmp);
    Percentiles(values)
}

impl Percentiles<'_> {
    /// The value at quantile `q` (0 to 1, nearest rank); 1 is the maximum. NaN if there is none.
    pub(crate) fn at(&self, q: f64) -> f64 {
        match self.0.len() {
            0 => f64::NAN,
            len => self.0[((len as f64 * q).ceil() as usize).clamp(1, len) - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::percentiles;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut values: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        let found = percentiles(&mut values);
        assert_eq!([0.5, 0.99, 0.999, 1.0].map(|q| found.at(q)), [500.0, 990.0, 999.0, 1000.0]);
        assert_eq!(percentiles(&mut [7.0]).at(0.0), 7.0);
        assert!(percentiles(&mut []).at(0.5).is_nan());
    }
}
