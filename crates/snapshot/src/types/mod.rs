//! [`Snapshot`](crate::Snapshot) for the types of the standard library and of `parking_lot`.

mod collections;
mod locks;
mod plain;
mod wrappers;
