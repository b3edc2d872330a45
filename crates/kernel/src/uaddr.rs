//! Addresses that an application claims to be in its memory.
//!
//! They are allegations: nothing is read or written through them but by the fallible methods of
//! [`crate::task::Current`].

use std::{fmt, marker::PhantomData};

/// An address of application memory, not yet looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserAddr(u64);

impl UserAddr {
    /// The address with this value.
    pub const fn new(address: u64) -> UserAddr {
        UserAddr(address)
    }

    /// The value.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// NULL, which many calls take for "not given".
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The address `offset` bytes further; `None` beyond the end of all addresses.
    pub fn checked_add(self, offset: u64) -> Option<UserAddr> {
        self.0.checked_add(offset).map(UserAddr)
    }
}

/// An address at which a `T` is alleged to be.
pub struct UserPtr<T> {
    address: UserAddr,
    target: PhantomData<fn() -> T>,
}

impl<T> UserPtr<T> {
    /// A typed view of an address.
    pub const fn new(address: UserAddr) -> UserPtr<T> {
        UserPtr { address, target: PhantomData }
    }

    /// The address.
    pub const fn address(self) -> UserAddr {
        self.address
    }

    /// NULL, which many calls take for "not given".
    pub const fn is_null(self) -> bool {
        self.address.is_null()
    }
}

impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<T> {}

impl<T> fmt::Debug for UserPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.address, f)
    }
}
