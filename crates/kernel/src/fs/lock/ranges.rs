//! Byte-range locks of one inode: conflicts, splitting and joining; see fcntl_locking(2).

/// Who holds a lock: a process (its descriptor table) or an open file (OFD locks).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// POSIX locks of the users of a descriptor table, by its identity.
    Process(usize),
    /// Locks of an open file description, by its identity.
    File(usize),
}

/// A lock on bytes `start` to `end`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeLock {
    /// Who holds it.
    pub owner: Owner,
    /// First byte.
    pub start: u64,
    /// Last byte; `u64::MAX` is the end of the file, however far it grows.
    pub end: u64,
    /// F_WRLCK, else F_RDLCK.
    pub exclusive: bool,
    /// What F_GETLK tells of the holder: a process id, or -1.
    pub pid: i32,
}

impl RangeLock {
    fn overlaps(&self, other: &RangeLock) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    fn conflicts(&self, other: &RangeLock) -> bool {
        self.owner != other.owner && self.overlaps(other) && (self.exclusive || other.exclusive)
    }
}

/// The locks, by owner and start.
#[derive(Default)]
pub struct Ranges {
    locks: Vec<RangeLock>,
}

impl Ranges {
    /// The first lock that stands in the way of `wanted`.
    pub fn conflict(&self, wanted: &RangeLock) -> Option<RangeLock> {
        self.locks.iter().filter(|lock| lock.conflicts(wanted)).min_by_key(|lock| lock.start).copied()
    }

    /// Takes a lock that conflicts with none: it replaces what the owner has in the range and joins
    /// with equal neighbours.
    pub fn set(&mut self, mut lock: RangeLock) {
        self.clear(lock.owner, lock.start, lock.end);
        self.locks.retain(|other| {
            let joins = other.owner == lock.owner
                && other.exclusive == lock.exclusive
                && (other.end != u64::MAX && other.end + 1 == lock.start
                    || lock.end != u64::MAX && lock.end + 1 == other.start);
            if joins {
                lock.start = lock.start.min(other.start);
                lock.end = lock.end.max(other.end);
            }
            !joins
        });
        self.locks.push(lock);
    }

    /// Gives up what `owner` has between `start` and `end`, both included.
    pub fn clear(&mut self, owner: Owner, start: u64, end: u64) {
        let mut rest = Vec::new();
        self.locks.retain(|lock| {
            if lock.owner != owner || lock.end < start || end < lock.start {
                return true;
            }
            if lock.start < start {
                rest.push(RangeLock { end: start - 1, ..*lock });
            }
            if end < lock.end {
                rest.push(RangeLock { start: end + 1, ..*lock });
            }
            false
        });
        self.locks.extend(rest);
    }

    /// There are no locks.
    pub fn is_empty(&self) -> bool {
        self.locks.is_empty()
    }

    /// All locks.
    pub fn iter(&self) -> impl Iterator<Item = &RangeLock> {
        self.locks.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(owner: usize, start: u64, end: u64, exclusive: bool) -> RangeLock {
        RangeLock { owner: Owner::Process(owner), start, end, exclusive, pid: 1 }
    }

    fn shape(ranges: &Ranges) -> Vec<(u64, u64, bool)> {
        let mut shape: Vec<_> = ranges.iter().map(|lock| (lock.start, lock.end, lock.exclusive)).collect();
        shape.sort_unstable();
        shape
    }

    #[test]
    fn neighbours_join_and_ranges_split() {
        let mut ranges = Ranges::default();
        ranges.set(lock(1, 0, 9, true));
        ranges.set(lock(1, 10, 19, true));
        assert_eq!(shape(&ranges), [(0, 19, true)]);
        ranges.set(lock(1, 5, 6, false));
        assert_eq!(shape(&ranges), [(0, 4, true), (5, 6, false), (7, 19, true)]);
        ranges.clear(Owner::Process(1), 3, 10);
        assert_eq!(shape(&ranges), [(0, 2, true), (11, 19, true)]);
        ranges.set(lock(1, 0, u64::MAX, true));
        assert_eq!(shape(&ranges), [(0, u64::MAX, true)]);
    }

    #[test]
    fn only_others_conflict() {
        let mut ranges = Ranges::default();
        ranges.set(lock(1, 0, 9, false));
        assert_eq!(ranges.conflict(&lock(2, 5, 20, false)), None);
        assert_eq!(ranges.conflict(&lock(2, 5, 20, true)), Some(lock(1, 0, 9, false)));
        assert_eq!(ranges.conflict(&lock(2, 10, 20, true)), None);
        assert_eq!(ranges.conflict(&lock(1, 5, 20, true)), None);
    }
}
