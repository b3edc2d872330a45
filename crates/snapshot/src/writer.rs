//! Collects the bytes of a snapshot and knows which shared objects are already in it.

use std::{
    any::{Any, TypeId},
    collections::{HashMap, VecDeque},
    time::Instant,
};

use crate::{
    Error, Result,
    reader::{MAX_DEPTH, on_growing_stack},
};

/// Writes one snapshot.
pub struct Writer {
    out: Vec<u8>,
    /// The moment of the save, from which points in time are counted.
    pub(crate) now: Instant,
    depth: u32,
    /// Shared objects by address and type. The address alone is not enough: the first field of an
    /// object has the address of the object.
    ids: HashMap<(usize, TypeId), u32>,
    objects: Vec<Object>,
    /// Objects that only a `Weak` has named so far.
    pending: VecDeque<Pending>,
}

struct Object {
    state: State,
    /// Keeps the object alive, so that no other one gets its address while the snapshot is written.
    _kept: Box<dyn Any>,
}

/// A function that writes the body of an object if nothing else has done so.
type Pending = Box<dyn FnOnce(&mut Writer) -> Result<()>>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Has a number, but no body yet.
    Named,
    /// Its body is being written further up the stack.
    Saving,
    /// Complete.
    Saved,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self {
            out: Vec::new(),
            now: Instant::now(),
            depth: 0,
            ids: HashMap::new(),
            objects: Vec::new(),
            pending: VecDeque::new(),
        }
    }

    /// Appends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends the number of elements of a sequence.
    pub fn write_len(&mut self, len: usize) {
        self.write(&(len as u64).to_le_bytes());
    }

    /// Appends a name of at most 255 bytes, as [`snapshot_dyn!`](crate::snapshot_dyn) uses them.
    pub fn write_name(&mut self, name: &'static str) {
        let name = &name.as_bytes()[..name.len().min(u8::MAX.into())];
        self.out.push(name.len() as u8);
        self.write(name);
    }

    /// Writes one element of a sequence: at least one byte, so that the reader can bound the number
    /// of elements by the bytes that are left.
    ///
    /// # Errors
    /// Those of `save`.
    pub fn element(&mut self, save: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let before = self.out.len();
        save(self)?;
        if self.out.len() == before {
            self.out.push(0);
        }
        Ok(())
    }

    /// Runs `save` one level deeper, on a stack that grows as needed.
    pub(crate) fn nested(&mut self, save: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        self.depth += 1;
        let result = on_growing_stack(|| save(self));
        self.depth -= 1;
        result
    }

    /// The number of the object at `address`, given now if it has none; numbers start at 1.
    pub(crate) fn number<T: ?Sized + 'static>(&mut self, address: usize, keep: impl FnOnce() -> Box<dyn Any>) -> u32 {
        let next = u32::try_from(self.objects.len() + 1).unwrap_or(u32::MAX);
        let id = *self.ids.entry((address, TypeId::of::<T>())).or_insert(next);
        if id == next {
            self.objects.push(Object { state: State::Named, _kept: keep() });
        }
        id
    }

    pub(crate) fn state(&self, id: u32) -> State {
        // Numbers come from `number` only, which pushed the object.
        self.objects.get(id as usize - 1).map_or(State::Saved, |object| object.state)
    }

    pub(crate) fn set_state(&mut self, id: u32, state: State) {
        if let Some(object) = self.objects.get_mut(id as usize - 1) {
            object.state = state;
        }
    }

    pub(crate) fn defer(&mut self, save: Pending) {
        self.pending.push_back(save);
    }

    /// Writes the objects that only a `Weak` names, and returns the bytes.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>> {
        while let Some(save) = self.pending.pop_front() {
            save(&mut self)?;
        }
        Ok(self.out)
    }
}
