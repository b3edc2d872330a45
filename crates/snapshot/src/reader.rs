//! Reads the bytes of a snapshot and knows the shared objects that it has loaded.

use std::{
    any::{Any, TypeId, type_name},
    collections::{HashMap, VecDeque},
    time::Instant,
};

use crate::{Error, Result, shared::Slot};

/// Deepest nesting of shared and boxed objects. A dentry chain has at most 2,048 parents
/// (`PATH_MAX` of one-letter names), and nothing in the kernel nests deeper.
pub(crate) const MAX_DEPTH: u32 = 16 * 1024;

/// Loading may use this many bytes of memory for each byte of the file, and `MEMORY_FLOOR` more.
const MEMORY_FACTOR: usize = 256;
const MEMORY_FLOOR: usize = 1 << 20;

/// Runs `f` with at least 256 KiB of stack left, on a new piece of stack if need be: the depth of
/// the object graph must not be bounded by the thread that happens to walk it.
pub(crate) fn on_growing_stack<R>(f: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(256 << 10, 4 << 20, f)
}

/// Host resources for the loading functions, one value per type.
#[derive(Default)]
pub struct Context {
    values: HashMap<TypeId, Box<dyn Any>>,
}

impl Context {
    /// An empty context.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `value`, which replaces one of the same type.
    #[must_use]
    pub fn with<T: 'static>(mut self, value: T) -> Self {
        self.values.insert(TypeId::of::<T>(), Box::new(value));
        self
    }

    /// The value of type `T`.
    ///
    /// # Errors
    /// [`Error::MissingContext`] if there is none.
    pub fn get<T: 'static>(&self) -> Result<&T> {
        let value = self.values.get(&TypeId::of::<T>());
        value.and_then(|value| value.downcast_ref()).ok_or(Error::MissingContext(type_name::<T>()))
    }
}

/// A function that reads the body of the object with this number.
pub(crate) type LoadBody = fn(&mut Reader<'_>, u32) -> Result<()>;

/// Attaches an object that is loaded; see [`Snapshot::attach`](crate::Snapshot::attach).
type Attach = Box<dyn FnOnce(&Context) -> Result<()>>;

/// Reads one snapshot.
pub struct Reader<'a> {
    rest: &'a [u8],
    /// The moment of the load; points in time keep their distance from it.
    pub(crate) now: Instant,
    context: &'a Context,
    depth: u32,
    memory_left: usize,
    slots: Vec<Slot>,
    pending: VecDeque<(u32, LoadBody)>,
    attach: Vec<Attach>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], context: &'a Context) -> Self {
        let memory_left = bytes.len().saturating_mul(MEMORY_FACTOR).saturating_add(MEMORY_FLOOR);
        Self {
            rest: bytes,
            now: Instant::now(),
            context,
            depth: 0,
            memory_left,
            slots: Vec::new(),
            pending: VecDeque::new(),
            attach: Vec::new(),
        }
    }

    /// The value of type `T` that the caller of [`load_with`](crate::load_with) provided.
    ///
    /// # Errors
    /// [`Error::MissingContext`] if there is none.
    pub fn context<T: 'static>(&self) -> Result<&'a T> {
        self.context.get()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`] if fewer are left.
    pub fn read(&mut self, len: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`Error::Truncated`] if fewer are left.
    pub fn read_array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// A name that [`Writer::write_name`](crate::Writer::write_name) wrote.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Invalid`] if it is not text.
    pub fn read_name(&mut self) -> Result<&'a str> {
        let [len] = self.read_array()?;
        std::str::from_utf8(self.read(len.into())?).map_err(|_| Error::Invalid("name"))
    }

    /// The number of elements of a sequence, at most the number of bytes that are left.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the elements cannot all be there.
    pub fn read_len(&mut self) -> Result<usize> {
        let len = usize::try_from(u64::from_le_bytes(self.read_array()?)).map_err(|_| Error::Truncated)?;
        if len > self.rest.len() { Err(Error::Truncated) } else { Ok(len) }
    }

    /// Reads one element that [`Writer::element`](crate::Writer::element) wrote.
    ///
    /// # Errors
    /// Those of `load`, and [`Error::TooLarge`].
    pub fn element<T>(&mut self, load: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.charge(size_of::<T>())?;
        let before = self.rest.len();
        let value = load(self)?;
        if self.rest.len() == before {
            self.read(1)?;
        }
        Ok(value)
    }

    /// Takes `bytes` of memory from what this snapshot may still use.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<()> {
        self.memory_left = self.memory_left.checked_sub(bytes).ok_or(Error::TooLarge)?;
        Ok(())
    }

    /// Runs `load` one level deeper, on a stack that grows as needed.
    pub(crate) fn nested<T>(&mut self, load: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        self.depth += 1;
        let result = on_growing_stack(|| load(self));
        self.depth -= 1;
        result
    }

    /// Adds the object with the next number.
    pub(crate) fn push_slot(&mut self, slot: Slot) {
        self.slots.push(slot);
    }

    /// Whether `id` is the number that the next new object gets.
    pub(crate) fn is_next(&self, id: u32) -> bool {
        id as usize == self.slots.len() + 1
    }

    /// The object with this number.
    pub(crate) fn slot(&mut self, id: u32) -> Result<&mut Slot> {
        let index = (id as usize).checked_sub(1).ok_or(Error::Invalid("object number"))?;
        self.slots.get_mut(index).ok_or(Error::Invalid("object number"))
    }

    pub(crate) fn defer(&mut self, id: u32, load: LoadBody) {
        self.pending.push_back((id, load));
    }

    /// Has `attach` called when all is loaded.
    pub(crate) fn attach_later(&mut self, attach: impl FnOnce(&Context) -> Result<()> + 'static) {
        self.attach.push(Box::new(attach));
    }

    /// Loads the objects that only a `Weak` names, checks that nothing is left, and attaches all.
    pub(crate) fn finish(mut self) -> Result<()> {
        while let Some((id, load)) = self.pending.pop_front() {
            if self.slot(id)?.is_reserved() {
                load(&mut self, id)?;
            }
        }
        if !self.rest.is_empty() {
            return Err(Error::TrailingBytes(self.rest.len()));
        }
        self.attach.into_iter().try_for_each(|attach| attach(self.context))
    }
}
