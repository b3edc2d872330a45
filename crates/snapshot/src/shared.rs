//! Shared objects: saved once, by identity; and trait objects, by the name of their type.
//!
//! A reference is the object's number. Numbers are given in the order of first mention, and the
//! first *owning* mention is followed by the object's body. Objects that only a `Weak` mentions
//! follow at the end, in the order of their numbers.

use std::{
    any::{Any, type_name},
    mem::MaybeUninit,
    sync::{Arc, Weak},
};

use crate::{Error, Reader, Result, Snapshot, Writer, writer::State};

/// What can be saved behind an [`Arc`] or a [`Weak`]: every [`Snapshot`] type, and every trait
/// object that [`snapshot_dyn!`](crate::snapshot_dyn) registers.
pub trait Shared: 'static {
    /// Writes an owning reference.
    ///
    /// # Errors
    /// See [`Snapshot::save`].
    fn save_arc(this: &Arc<Self>, writer: &mut Writer) -> Result<()>;

    /// Reads an owning reference.
    ///
    /// # Errors
    /// See [`Snapshot::load`].
    fn load_arc(reader: &mut Reader<'_>) -> Result<Arc<Self>>;

    /// Writes a reference that does not own.
    ///
    /// # Errors
    /// See [`Snapshot::save`].
    fn save_weak(this: &Weak<Self>, writer: &mut Writer) -> Result<()>;

    /// Reads a reference that does not own; see the contract of [`Snapshot`].
    ///
    /// # Errors
    /// See [`Snapshot::load`].
    fn load_weak(reader: &mut Reader<'_>) -> Result<Weak<Self>>;
}

/// A shared object while the snapshot is loaded.
pub(crate) enum Slot {
    /// An `Arc<MaybeUninit<T>>`: only `Weak`s point to it so far.
    Reserved(Box<dyn Any>),
    /// Its body is being read further up the stack; holds a `Weak<T>`.
    Loading(Box<dyn Any>),
    /// An `Arc<T>`.
    Loaded(Box<dyn Any>),
}

impl Slot {
    pub(crate) fn is_reserved(&self) -> bool {
        matches!(self, Slot::Reserved(_))
    }
}

impl<T: Snapshot + 'static> Shared for T {
    fn save_arc(this: &Arc<Self>, writer: &mut Writer) -> Result<()> {
        let id = number(this, writer);
        id.save(writer)?;
        match writer.state(id) {
            State::Named => save_body(this, id, writer),
            State::Saving => Err(Error::Cycle(type_name::<T>())),
            State::Saved => Ok(()),
        }
    }

    fn load_arc(reader: &mut Reader<'_>) -> Result<Arc<Self>> {
        let id = u32::load(reader)?;
        if reader.is_next(id) {
            reserve::<T>(reader)?;
        }
        match reader.slot(id)? {
            Slot::Reserved(_) => load_body(reader, id),
            Slot::Loading(_) => Err(Error::Cycle(type_name::<T>())),
            Slot::Loaded(arc) => arc.downcast_ref().cloned().ok_or(Error::Invalid("object type")),
        }
    }

    fn save_weak(this: &Weak<Self>, writer: &mut Writer) -> Result<()> {
        let Some(object) = this.upgrade() else {
            return 0u32.save(writer);
        };
        let id = number(&object, writer);
        if writer.state(id) == State::Named {
            writer.defer(Box::new(move |writer| match writer.state(id) {
                State::Named => save_body(&object, id, writer),
                State::Saving | State::Saved => Ok(()),
            }));
        }
        id.save(writer)
    }

    fn load_weak(reader: &mut Reader<'_>) -> Result<Weak<Self>> {
        let id = u32::load(reader)?;
        if id == 0 {
            return Ok(Weak::new());
        }
        if reader.is_next(id) {
            reserve::<T>(reader)?;
        }
        let weak = match reader.slot(id)? {
            Slot::Reserved(arc) => arc.downcast_ref().map(early_weak::<T>),
            Slot::Loading(weak) => weak.downcast_ref().cloned(),
            Slot::Loaded(arc) => arc.downcast_ref().map(Arc::downgrade),
        };
        let weak = weak.ok_or(Error::Invalid("object type"))?;
        if reader.slot(id)?.is_reserved() {
            reader.defer(id, |reader, id| load_body::<T>(reader, id).map(drop));
        }
        Ok(weak)
    }
}

impl<T: Shared + ?Sized> Snapshot for Arc<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        T::save_arc(self, writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        T::load_arc(reader)
    }
}

impl<T: Shared + ?Sized> Snapshot for Weak<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        T::save_weak(self, writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        T::load_weak(reader)
    }
}

fn number<T: 'static>(object: &Arc<T>, writer: &mut Writer) -> u32 {
    writer.number::<T>(Arc::as_ptr(object).addr(), || Box::new(object.clone()))
}

fn save_body<T: Snapshot + 'static>(object: &Arc<T>, id: u32, writer: &mut Writer) -> Result<()> {
    writer.set_state(id, State::Saving);
    writer.nested(|writer| T::save(object, writer))?;
    writer.set_state(id, State::Saved);
    Ok(())
}

/// Gives the next object its memory.
fn reserve<T: 'static>(reader: &mut Reader<'_>) -> Result<()> {
    reader.charge(size_of::<T>())?;
    reader.push_slot(Slot::Reserved(Box::new(Arc::<T>::new_uninit())));
    Ok(())
}

/// A `Weak` to an object that is not loaded yet.
fn early_weak<T>(object: &Arc<MaybeUninit<T>>) -> Weak<T> {
    let raw = Arc::downgrade(object).into_raw();
    // SAFETY: `raw` comes from `Weak::into_raw`, and `MaybeUninit<T>` has the layout of `T`. The
    // contract of `Snapshot` keeps the `Weak` from being upgraded before `load_body` has made the
    // object a `T`; if that never happens the `MaybeUninit` is dropped, which leaves the `Weak`
    // dangling.
    unsafe { Weak::from_raw(raw.cast()) }
}

/// Reads the object with this number, which must be reserved.
fn load_body<T: Snapshot + 'static>(reader: &mut Reader<'_>, id: u32) -> Result<Arc<T>> {
    let slot = reader.slot(id)?;
    let Slot::Reserved(memory) = slot else {
        return Err(Error::Invalid("object number"));
    };
    let Some(memory) = memory.downcast_ref::<Arc<MaybeUninit<T>>>().cloned() else {
        return Err(Error::Invalid("object type"));
    };
    *slot = Slot::Loading(Box::new(early_weak(&memory)));
    let value = reader.nested(T::load)?;
    let object = initialize(memory, value);
    *reader.slot(id)? = Slot::Loaded(Box::new(object.clone()));
    let attached = object.clone();
    reader.attach_later(move |context| T::attach(&attached, context));
    Ok(object)
}

/// Puts `value` into memory that only `early_weak` pointers share.
fn initialize<T>(memory: Arc<MaybeUninit<T>>, value: T) -> Arc<T> {
    if Arc::strong_count(&memory) != 1 {
        // Somebody upgraded a `Weak` against the contract and looks at memory without a value.
        std::process::abort();
    }
    let target = Arc::as_ptr(&memory).cast_mut().cast::<T>();
    // SAFETY: the pointer is valid for a `T`, and nobody reads or writes the memory at the same
    // time: this is the only owner, and `Weak`s give no access while nobody upgrades them.
    unsafe { target.write(value) };
    // SAFETY: the value was written just now.
    unsafe { memory.assume_init() }
}
