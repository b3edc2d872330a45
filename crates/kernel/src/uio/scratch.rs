//! Buffers for transfers, used again and again.

use std::ops::{Deref, DerefMut};

use crate::sync::Mutex;

/// Size of a buffer: small enough to stay in a processor's cache between the two copies of a transfer.
pub const SIZE: usize = 64 * 1024;

/// Buffers that wait for the next transfer at most.
const POOLED: usize = 4;

static POOL: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// A buffer of [`SIZE`] bytes with whatever content. Goes back to the others when dropped.
pub struct Scratch(Box<[u8]>);

impl Scratch {
    /// A buffer for transfers in pieces.
    pub fn take() -> Scratch {
        let pooled = POOL.lock().pop();
        Scratch(pooled.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice()))
    }
}

impl Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        let mut pool = POOL.lock();
        if pool.len() < POOLED {
            pool.push(buffer);
        }
    }
}
