//! Buffers of application memory.

use std::fmt::Write;

use lazaret_abi::fcntl::IoVec;
use lazaret_platform::AddressSpace;
use zerocopy::{FromZeros, IntoBytes};

use super::{
    Arg, View,
    quote::{LIMIT, quote_start},
    record::show_address,
};
use crate::uaddr::UserAddr;

/// Bytes that the call reads; the next argument is their number.
pub struct InBuf;

/// Bytes that the call fills; it returns their number.
pub struct OutBuf;

/// Buffers that the call reads; the next argument is their number.
pub struct InIov;

/// Buffers that the call fills in turn; it returns the number of bytes.
pub struct OutIov;

/// Most buffers of an iovec that are shown.
const IOV_SHOWN: usize = 32;

/// Appends `length` bytes at an address, or the address when they cannot be read.
fn show_bytes(memory: &dyn AddressSpace, address: u64, length: usize, out: &mut String) {
    let mut start = [0; LIMIT];
    let want = length.min(LIMIT);
    if address == 0 || memory.read(address, &mut start[..want]) < want {
        show_address(address, out);
    } else {
        quote_start(&start[..want], length, out);
    }
}

/// Appends an iovec; `filled` is how many bytes of it hold something, if that is not all.
fn show_iov(view: &View<'_>, address: u64, filled: Option<usize>, out: &mut String) {
    let count = usize::decode(view.following(1));
    let mut entries = [IoVec::new_zeroed(); IOV_SHOWN];
    let entries = &mut entries[..count.min(IOV_SHOWN)];
    let size = entries.as_bytes().len();
    if view.memory.read(address, entries.as_mut_bytes()) < size {
        return show_address(address, out);
    }
    let mut left = filled;
    out.push('[');
    for (position, entry) in entries.iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        let length = usize::decode(entry.length);
        let shown = left.map_or(length, |left| left.min(length));
        left = left.map(|left| left - shown);
        out.push_str("{iov_base=");
        show_bytes(view.memory, entry.base, shown, out);
        let _ = write!(out, ", iov_len={length}}}");
    }
    out.push_str(if count > IOV_SHOWN { ", ...]" } else { "]" });
}

impl Arg for InBuf {
    type Value = UserAddr;

    fn decode(raw: u64) -> UserAddr {
        UserAddr::new(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        show_bytes(view.memory, raw, usize::decode(view.following(1)), out);
    }
}

impl Arg for OutBuf {
    type Value = UserAddr;
    const OUTPUT: bool = true;

    fn decode(raw: u64) -> UserAddr {
        UserAddr::new(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        match view.success() {
            Some(length) => show_bytes(view.memory, raw, length, out),
            None => show_address(raw, out),
        }
    }
}

impl Arg for InIov {
    type Value = UserAddr;

    fn decode(raw: u64) -> UserAddr {
        UserAddr::new(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        show_iov(view, raw, None, out);
    }
}

impl Arg for OutIov {
    type Value = UserAddr;
    const OUTPUT: bool = true;

    fn decode(raw: u64) -> UserAddr {
        UserAddr::new(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        match view.success() {
            Some(length) => show_iov(view, raw, Some(length), out),
            None => show_address(raw, out),
        }
    }
}
