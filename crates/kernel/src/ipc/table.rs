//! Objects by id and by key.

use lazaret_abi::{
    errno::Errno,
    ipc::{PRIVATE, get},
};

use crate::sync::Arc;

/// Most objects of a kind; an id is a slot's index plus a multiple of this.
const SLOTS: usize = 32_768;
/// Sequence numbers start over here.
const SEQUENCE_MAX: u16 = 32_767;

/// An object with a key.
pub trait Keyed {
    /// The key it was made with.
    fn key(&self) -> i32;
}

struct Slot<T> {
    sequence: u16,
    object: Option<Arc<T>>,
}

/// The objects of a kind.
pub struct Table<T> {
    slots: Vec<Slot<T>>,
    /// Most objects there may be.
    limit: usize,
}

impl<T: Keyed> Table<T> {
    /// An empty table for at most `limit` objects.
    pub fn new(limit: usize) -> Table<T> {
        Table { slots: Vec::new(), limit: limit.min(SLOTS) }
    }

    /// The object at an index, and its id (the STAT commands, by which tools list all objects).
    ///
    /// # Errors
    /// `EINVAL` when there is none.
    pub fn at(&self, index: i32) -> Result<(i32, Arc<T>), Errno> {
        let index = usize::try_from(index).map_err(|_| Errno::EINVAL)?;
        let slot = self.slots.get(index).ok_or(Errno::EINVAL)?;
        let object = slot.object.clone().ok_or(Errno::EINVAL)?;
        Ok((id(index, slot.sequence).ok_or(Errno::EINVAL)?, object))
    }

    /// The highest index in use; 0 without any.
    pub fn highest(&self) -> usize {
        self.slots.iter().rposition(|slot| slot.object.is_some()).unwrap_or(0)
    }

    /// The object with an id.
    ///
    /// # Errors
    /// `EINVAL` when there is none (any more).
    pub fn get(&self, id: i32) -> Result<Arc<T>, Errno> {
        let id = usize::try_from(id).map_err(|_| Errno::EINVAL)?;
        let slot = self.slots.get(id % SLOTS).ok_or(Errno::EINVAL)?;
        if usize::from(slot.sequence) != id / SLOTS {
            return Err(Errno::EINVAL);
        }
        slot.object.clone().ok_or(Errno::EINVAL)
    }

    /// The object with a key, and its id.
    fn find(&self, key: i32) -> Option<(i32, &Arc<T>)> {
        self.slots.iter().enumerate().find_map(|(index, slot)| {
            let object = slot.object.as_ref().filter(|object| object.key() == key)?;
            Some((id(index, slot.sequence)?, object))
        })
    }

    /// What shmget(2) and its kin do: finds the object with a key, or makes one. `check` looks at one
    /// that is there. Returns the id.
    ///
    /// # Errors
    /// `ENOENT`, `EEXIST`, `ENOSPC`, and those of `check` and `make`.
    pub fn open(
        &mut self,
        key: i32,
        flags: u32,
        check: impl FnOnce(&T) -> Result<(), Errno>,
        make: impl FnOnce(u16) -> Result<T, Errno>,
    ) -> Result<i32, Errno> {
        if key != PRIVATE
            && let Some((id, object)) = self.find(key)
        {
            if flags & (get::CREAT | get::EXCL) == get::CREAT | get::EXCL {
                return Err(Errno::EEXIST);
            }
            check(object)?;
            return Ok(id);
        }
        if key != PRIVATE && flags & get::CREAT == 0 {
            return Err(Errno::ENOENT);
        }
        self.add(make)
    }

    fn add(&mut self, make: impl FnOnce(u16) -> Result<T, Errno>) -> Result<i32, Errno> {
        let free = self.slots.iter().position(|slot| slot.object.is_none());
        let index = match free {
            Some(index) => index,
            None if self.slots.len() >= self.limit => return Err(Errno::ENOSPC),
            None => self.slots.len(),
        };
        let sequence = match self.slots.get(index) {
            Some(slot) if slot.sequence < SEQUENCE_MAX => slot.sequence + 1,
            _ => 0,
        };
        let object = Some(Arc::new(make(sequence)?));
        let slot = Slot { sequence, object };
        match self.slots.get_mut(index) {
            Some(old) => *old = slot,
            None => self.slots.push(slot),
        }
        id(index, sequence).ok_or(Errno::ENOSPC)
    }

    /// Removes an object, and returns it.
    pub fn remove(&mut self, object: &Arc<T>) -> bool {
        let same = |slot: &&mut Slot<T>| slot.object.as_ref().is_some_and(|other| Arc::ptr_eq(other, object));
        self.slots.iter_mut().find(same).is_some_and(|slot| slot.object.take().is_some())
    }

    /// All objects with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &Arc<T>)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| Some((id(index, slot.sequence)?, slot.object.as_ref()?)))
    }
}

fn id(index: usize, sequence: u16) -> Option<i32> {
    i32::try_from(usize::from(sequence) * SLOTS + index).ok()
}

#[cfg(test)]
mod tests {
    use super::{Errno, Keyed, Table, get};

    impl Keyed for i32 {
        fn key(&self) -> i32 {
            *self
        }
    }

    fn open(table: &mut Table<i32>, key: i32, flags: u32) -> Result<i32, Errno> {
        table.open(key, flags, |_| Ok(()), |_| Ok(key))
    }

    #[test]
    fn keys_find_objects() {
        let mut table = Table::new(4096);
        assert_eq!(open(&mut table, 5, 0), Err(Errno::ENOENT));
        assert_eq!(open(&mut table, 5, get::CREAT), Ok(0));
        assert_eq!(open(&mut table, 5, get::CREAT), Ok(0));
        assert_eq!(open(&mut table, 5, get::CREAT | get::EXCL), Err(Errno::EEXIST));
        assert_eq!(open(&mut table, 0, 0), Ok(1));
        assert_eq!(open(&mut table, 0, 0), Ok(2));
    }

    #[test]
    fn ids_of_removed_objects_stay_invalid() {
        let mut table = Table::new(4096);
        let id = open(&mut table, 5, get::CREAT).unwrap();
        let object = table.get(id).unwrap();
        assert!(table.remove(&object) && !table.remove(&object));
        assert_eq!(table.get(id), Err(Errno::EINVAL));
        assert_eq!(open(&mut table, 5, get::CREAT), Ok(32_768));
        assert_eq!(table.get(0), Err(Errno::EINVAL));
        assert_eq!(table.get(-1), Err(Errno::EINVAL));
        assert_eq!(table.get(i32::MAX), Err(Errno::EINVAL));
    }
}
