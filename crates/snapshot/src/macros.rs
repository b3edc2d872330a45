//! Macros for what the derive cannot see: trait objects, and types that other macros make.

/// Registers the types that occur behind a trait object, each with the name that stands for it in
/// snapshots. Names must stay when types are renamed or moved.
///
/// The trait must have `Any + Send + Sync` as supertraits, and the types must implement
/// [`Snapshot`](crate::Snapshot). For an `Arc`, it makes `Weak<dyn Trait>` savable, too.
///
/// ```
/// use std::{any::Any, sync::Arc};
/// use lazaret_snapshot::{Snapshot, load, save, snapshot_dyn};
///
/// trait Shape: Any + Send + Sync {
///     fn area(&self) -> u32;
/// }
/// #[derive(Snapshot)]
/// struct Square(u32);
/// impl Shape for Square {
///     fn area(&self) -> u32 {
///         self.0 * self.0
///     }
/// }
/// snapshot_dyn! {
///     Arc<dyn Shape> {
///         "square" => Square,
///     }
/// }
/// let shape: Arc<dyn Shape> = Arc::new(Square(3));
/// let copy: Arc<dyn Shape> = load(&save(&shape)?)?;
/// assert_eq!(copy.area(), 9);
/// # Ok::<(), lazaret_snapshot::Error>(())
/// ```
#[macro_export]
macro_rules! snapshot_dyn {
    (Arc<$object:ty> { $($name:literal => $type:ty),+ $(,)? }) => {
        impl $crate::Shared for $object {
            fn save_arc(this: &::std::sync::Arc<Self>, writer: &mut $crate::Writer) -> $crate::Result<()> {
                let any: ::std::sync::Arc<dyn ::std::any::Any + Send + Sync> = this.clone();
                $(let any = match any.downcast::<$type>() {
                    Ok(object) => {
                        writer.write_name($name);
                        return <$type as $crate::Shared>::save_arc(&object, writer);
                    }
                    Err(any) => any,
                };)+
                drop(any);
                Err($crate::Error::Unregistered(stringify!($object)))
            }

            fn load_arc(reader: &mut $crate::Reader<'_>) -> $crate::Result<::std::sync::Arc<Self>> {
                match reader.read_name()? {
                    $($name => Ok(<$type as $crate::Shared>::load_arc(reader)?),)+
                    _ => Err($crate::Error::Invalid(concat!("type behind ", stringify!($object)))),
                }
            }

            fn save_weak(this: &::std::sync::Weak<Self>, writer: &mut $crate::Writer) -> $crate::Result<()> {
                let Some(object) = this.upgrade() else {
                    writer.write_name("");
                    return Ok(());
                };
                let any: ::std::sync::Arc<dyn ::std::any::Any + Send + Sync> = object;
                $(let any = match any.downcast::<$type>() {
                    Ok(object) => {
                        writer.write_name($name);
                        return <$type as $crate::Shared>::save_weak(&::std::sync::Arc::downgrade(&object), writer);
                    }
                    Err(any) => any,
                };)+
                drop(any);
                Err($crate::Error::Unregistered(stringify!($object)))
            }

            fn load_weak(reader: &mut $crate::Reader<'_>) -> $crate::Result<::std::sync::Weak<Self>> {
                match reader.read_name()? {
                    "" => {
                        // A dangling pointer has a type, too; any of them will do.
                        let [weak, ..] = [$(::std::sync::Weak::<$type>::new() as ::std::sync::Weak<Self>),+];
                        Ok(weak)
                    }
                    $($name => Ok(<$type as $crate::Shared>::load_weak(reader)?),)+
                    _ => Err($crate::Error::Invalid(concat!("type behind ", stringify!($object)))),
                }
            }
        }
    };
    (Box<$object:ty> { $($name:literal => $type:ty),+ $(,)? }) => {
        impl $crate::Snapshot for ::std::boxed::Box<$object> {
            fn save(&self, writer: &mut $crate::Writer) -> $crate::Result<()> {
                let any: &dyn ::std::any::Any = &**self;
                $(if let Some(value) = any.downcast_ref::<$type>() {
                    writer.write_name($name);
                    return $crate::Snapshot::save(value, writer);
                })+
                Err($crate::Error::Unregistered(stringify!($object)))
            }

            fn load(reader: &mut $crate::Reader<'_>) -> $crate::Result<Self> {
                match reader.read_name()? {
                    $($name => Ok(::std::boxed::Box::new(<$type as $crate::Snapshot>::load(reader)?)),)+
                    _ => Err($crate::Error::Invalid(concat!("type behind ", stringify!($object)))),
                }
            }
        }
    };
}

/// Saves a type of `bitflags!` as its bits; unknown bits are kept.
///
/// ```
/// bitflags::bitflags! {
///     #[derive(Debug, PartialEq)]
///     struct Rights: u32 {
///         const READ = 1;
///         const WRITE = 2;
///     }
/// }
/// lazaret_snapshot::snapshot_bits!(Rights);
/// # use lazaret_snapshot::{load, save};
/// assert_eq!(load(&save(&Rights::WRITE)?), Ok(Rights::WRITE));
/// # Ok::<(), lazaret_snapshot::Error>(())
/// ```
#[macro_export]
macro_rules! snapshot_bits {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::Snapshot for $type {
            fn save(&self, writer: &mut $crate::Writer) -> $crate::Result<()> {
                $crate::Snapshot::save(&self.bits(), writer)
            }

            fn load(reader: &mut $crate::Reader<'_>) -> $crate::Result<Self> {
                $crate::Snapshot::load(reader).map(Self::from_bits_retain)
            }
        }
    )+};
}
