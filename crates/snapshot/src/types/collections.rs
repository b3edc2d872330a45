//! Sequences, sets, maps, arrays and tuples.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque},
    hash::{BuildHasher, Hash},
    sync::Arc,
};

use crate::{Error, Reader, Result, Shared, Snapshot, Writer};

/// Memory reserved for a sequence before its elements are seen, in bytes. The length may be a lie.
const PREALLOCATED: usize = 64 << 10;

fn save_all<'t, T: Snapshot + 't>(items: impl ExactSizeIterator<Item = &'t T>, writer: &mut Writer) -> Result<()> {
    writer.write_len(items.len());
    for item in items {
        writer.element(|writer| item.save(writer))?;
    }
    Ok(())
}

fn load_all<T: Snapshot, C: Extend<T>>(mut collection: C, reader: &mut Reader<'_>) -> Result<C> {
    for _ in 0..reader.read_len()? {
        let item = reader.element(T::load)?;
        collection.extend([item]);
    }
    Ok(collection)
}

impl<T: Snapshot> Snapshot for Vec<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        save_all(self.iter(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        let len = reader.read_len()?;
        let mut items = Vec::with_capacity(len.min(PREALLOCATED / size_of::<T>().max(1)));
        for _ in 0..len {
            items.push(reader.element(T::load)?);
        }
        Ok(items)
    }
}

impl<T: Snapshot> Snapshot for Box<[T]> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        save_all(self.iter(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        Vec::load(reader).map(Vec::into_boxed_slice)
    }
}

impl<T: Snapshot> Snapshot for VecDeque<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        save_all(self.iter(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        load_all(Self::new(), reader)
    }
}

impl<T: Snapshot + Ord> Snapshot for BTreeSet<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        save_all(self.iter(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        load_all(Self::new(), reader)
    }
}

impl<T: Snapshot + Ord> Snapshot for BinaryHeap<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        save_all(self.iter(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        load_all(Self::new(), reader)
    }
}

impl<T: Snapshot + Eq + Hash, S: BuildHasher + Default> Snapshot for HashSet<T, S> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        save_all(self.iter(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        load_all(Self::default(), reader)
    }
}

fn save_map<'t, K: Snapshot + 't, V: Snapshot + 't>(
    entries: impl ExactSizeIterator<Item = (&'t K, &'t V)>,
    writer: &mut Writer,
) -> Result<()> {
    writer.write_len(entries.len());
    for (key, value) in entries {
        writer.element(|writer| {
            key.save(writer)?;
            value.save(writer)
        })?;
    }
    Ok(())
}

impl<K: Snapshot + Ord, V: Snapshot> Snapshot for BTreeMap<K, V> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        save_map(self.iter(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        load_all(Self::new(), reader)
    }
}

impl<K: Snapshot + Eq + Hash, V: Snapshot, S: BuildHasher + Default> Snapshot for HashMap<K, V, S> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        save_map(self.iter(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        load_all(Self::default(), reader)
    }
}

impl<T: Snapshot, const N: usize> Snapshot for [T; N] {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.iter().try_for_each(|item| item.save(writer))
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        let mut items = Vec::with_capacity(N.min(PREALLOCATED / size_of::<T>().max(1)));
        for _ in 0..N {
            items.push(T::load(reader)?);
        }
        items.try_into().map_err(|_| Error::Invalid("array"))
    }
}

/// Slices and text behind an `Arc` are values, not objects: their identity is not kept.
macro_rules! shared_values {
    ($([$($generic:tt)*] $object:ty as $owned:ty;)*) => {$(
        impl<$($generic)*> Shared for $object {
            fn save_arc(this: &Arc<Self>, writer: &mut Writer) -> Result<()> {
                <$owned>::from(&**this).save(writer)
            }

            fn load_arc(reader: &mut Reader<'_>) -> Result<Arc<Self>> {
                <$owned>::load(reader).map(Arc::from)
            }

            fn save_weak(_: &std::sync::Weak<Self>, _: &mut Writer) -> Result<()> {
                Err(Error::Unregistered(std::any::type_name::<Self>()))
            }

            fn load_weak(_: &mut Reader<'_>) -> Result<std::sync::Weak<Self>> {
                Err(Error::Unregistered(std::any::type_name::<Self>()))
            }
        }
    )*};
}

shared_values! {
    [] str as String;
    [] std::ffi::OsStr as std::ffi::OsString;
    [] std::path::Path as std::path::PathBuf;
    [T: Snapshot + Clone + 'static] [T] as Vec<T>;
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        #[allow(non_snake_case, reason = "the types' names serve as the names of the values")]
        impl<$($name: Snapshot),*> Snapshot for ($($name,)*) {
            fn save(&self, _writer: &mut Writer) -> Result<()> {
                let ($($name,)*) = self;
                $($name.save(_writer)?;)*
                Ok(())
            }

            fn load(_reader: &mut Reader<'_>) -> Result<Self> {
                Ok(($($name::load(_reader)?,)*))
            }
        }
    )*};
}

tuples! { () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }
