//! Calls that a program made and that have no handler.

use crate::{
    log::Log,
    sync::{AtomicU64, Ordering},
};

use super::{by_number, table::CALLS};

/// Counts calls without a handler, and tells the user about the first of each.
pub struct Missing {
    /// By position in the table; one more for numbers that are not in it.
    counts: Vec<AtomicU64>,
}

impl Default for Missing {
    fn default() -> Self {
        Missing { counts: (0..=CALLS.len()).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Missing {
    /// Counts a call.
    pub fn count(&self, number: u32, log: &Log) {
        let position = CALLS.binary_search_by_key(&number, |call| call.number).unwrap_or(CALLS.len());
        let Some(count) = self.counts.get(position) else { return };
        if count.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        match by_number(number) {
            Some(call) => log.tell_user(format_args!(
                "the program uses the system call {}, which is not implemented (it gets ENOSYS)",
                call.name
            )),
            None => log.tell_user(format_args!("the program uses system call {number}, which Linux does not have")),
        }
    }

    /// Names of the calls that were made, with how often.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        CALLS
            .iter()
            .zip(&self.counts)
            .map(|(call, count)| (call.name, count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Missing;
    use crate::log::Log;

    #[test]
    fn calls_are_counted_by_name() {
        let missing = Missing::default();
        let log = Log::default();
        for number in [139, 139, 5000] {
            missing.count(number, &log);
        }
        assert_eq!(missing.counts().collect::<Vec<_>>(), [("sysfs", 2)]);
    }
}
