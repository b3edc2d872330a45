//! What processes have used of memory. The host tells it of each address space once that has ended, for which
//! nobody waits who does not ask.

use lazaret_platform::{Ending, MemoryUse};
use lazaret_snapshot::{Reader, Result, Snapshot, Writer};

use super::Task;
use crate::sync::Arc;

/// Counts of memory, of several address spaces.
#[derive(Clone, Debug, Default)]
pub struct MemoryCount {
    known: MemoryUse,
    /// Address spaces that end, or have ended lately.
    ending: Vec<Arc<Ending>>,
}

impl MemoryCount {
    /// Of an address space that is about to end.
    pub fn ending(ending: Arc<Ending>) -> MemoryCount {
        MemoryCount { known: MemoryUse::default(), ending: vec![ending] }
    }

    /// Of the address space of a task that lives, up to now.
    pub fn of(task: &Arc<Task>) -> MemoryCount {
        let pid = task.mm().space().host_pid();
        let text = task.kernel().host_proc_file(&format!("{pid}/stat")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        // Fields are counted from the one after the name, which is the third; proc_pid_stat(5).
        let fields: Vec<&str> = text.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split(' ').collect());
        let field = |number: usize| fields.get(number - 2).and_then(|field| field.parse().ok()).unwrap_or(0);
        let known = MemoryUse { max_resident: field(24) * 4, minor_faults: field(10), major_faults: field(12) };
        MemoryCount { known, ending: Vec::new() }
    }

    /// Adds what others used.
    pub fn absorb(&mut self, other: &MemoryCount) {
        self.add(other.known);
        self.ending.extend(other.ending.iter().cloned());
        let ending = std::mem::take(&mut self.ending);
        for ending in ending {
            match ending.get() {
                Some(used) => self.add(used),
                None => self.ending.push(ending),
            }
        }
    }

    /// Most memory that one of them had at once was not less than this, in KiB.
    pub fn at_least(&mut self, resident: i64) {
        self.known.max_resident = self.known.max_resident.max(resident);
    }

    /// As far as it is known, in KiB.
    pub fn resident(&self) -> i64 {
        self.known.max_resident
    }

    /// All of it. Waits for those that are about to end.
    pub fn total(&self) -> MemoryUse {
        let mut sum = MemoryCount { known: self.known, ending: Vec::new() };
        for ending in &self.ending {
            sum.add(ending.wait());
        }
        sum.known
    }

    fn add(&mut self, used: MemoryUse) {
        let known = &mut self.known;
        known.max_resident = known.max_resident.max(used.max_resident);
        known.minor_faults = known.minor_faults.saturating_add(used.minor_faults);
        known.major_faults = known.major_faults.saturating_add(used.major_faults);
    }
}

impl Snapshot for MemoryCount {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        let MemoryUse { max_resident, minor_faults, major_faults } = self.total();
        (max_resident, minor_faults, major_faults).save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<MemoryCount> {
        let (max_resident, minor_faults, major_faults) = Snapshot::load(reader)?;
        let known = MemoryUse { max_resident, minor_faults, major_faults };
        Ok(MemoryCount { known, ending: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_later_counts() {
        let used = |max_resident, minor_faults| MemoryUse { max_resident, minor_faults, major_faults: 0 };
        let (first, second) = (Arc::new(Ending::default()), Arc::new(Ending::default()));
        let mut sum = MemoryCount::ending(first.clone());
        first.set(used(10, 3));
        sum.absorb(&MemoryCount::ending(second.clone()));
        assert_eq!((sum.known, sum.ending.len()), (used(10, 3), 1));
        sum.at_least(15);
        second.set(used(12, 4));
        assert_eq!(sum.total(), used(15, 7));
        let mut other = MemoryCount::default();
        other.absorb(&sum);
        assert!(other.ending.is_empty());
        assert_eq!(other.total(), used(15, 7));
    }
}
