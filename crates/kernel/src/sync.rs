//! Locks and atomics of the kernel, under one name each.
//!
//! Kernel code takes them from here and from nowhere else, so that profiling of contention and
//! exploring of schedules are a matter of switching these aliases.

pub use parking_lot::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
