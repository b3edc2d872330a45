//! Pointers to strings and structures.

use std::marker::PhantomData;

use zerocopy::{FromBytes, IntoBytes};

use super::{
    Arg, Show, View,
    quote::{LIMIT, quote, quote_start},
    record::show_address,
};
use crate::{
    task::PATH_MAX,
    uaddr::{UserAddr, UserPtr},
};

/// A path; shown in full.
pub struct Path;

/// Another string; shown in part.
pub struct Str;

/// An array of strings that ends with NULL (execve).
pub struct StrArray;

/// A structure that is not shown.
pub struct Ptr<T>(PhantomData<T>);

/// A structure that the call reads.
pub struct In<T>(PhantomData<T>);

/// A structure that the call fills in.
pub struct Out<T>(PhantomData<T>);

/// A structure that the call reads and changes; shown as it is afterwards.
pub struct InOut<T>(PhantomData<T>);

/// Most strings of an array that are shown.
const STRINGS_SHOWN: usize = 32;

/// Reads up to `limit` bytes of a string without its zero; the flag tells whether that is all.
fn read_string(view: &View<'_>, address: u64, limit: usize) -> Option<(Vec<u8>, bool)> {
    let mut bytes = vec![0; limit];
    let got = view.memory.read(address, &mut bytes);
    bytes.truncate(got);
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => {
            bytes.truncate(end);
            Some((bytes, true))
        }
        // Memory ended before the string did: the call will fail with EFAULT.
        None if got < limit => None,
        None => Some((bytes, false)),
    }
}

/// Appends a string, cut if `limit` says so.
fn show_string(view: &View<'_>, address: u64, out: &mut String) {
    match read_string(view, address, LIMIT + 1) {
        _ if address == 0 => out.push_str("NULL"),
        Some((bytes, true)) => quote(&bytes, out),
        Some((bytes, false)) => quote_start(&bytes, bytes.len(), out),
        None => show_address(address, out),
    }
}

impl Arg for Path {
    type Value = UserAddr;

    fn decode(raw: u64) -> UserAddr {
        UserAddr::new(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        match read_string(view, raw, PATH_MAX) {
            _ if raw == 0 => out.push_str("NULL"),
            Some((bytes, complete)) => {
                quote(&bytes, out);
                if !complete {
                    out.push_str("...");
                }
            }
            None => show_address(raw, out),
        }
    }
}

impl Arg for Str {
    type Value = UserAddr;

    fn decode(raw: u64) -> UserAddr {
        UserAddr::new(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        show_string(view, raw, out);
    }
}

impl Arg for StrArray {
    type Value = UserAddr;

    fn decode(raw: u64) -> UserAddr {
        UserAddr::new(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        if raw == 0 {
            return out.push_str("NULL");
        }
        out.push('[');
        for index in 0..=STRINGS_SHOWN {
            let mut pointer = 0_u64;
            let at = raw.wrapping_add(index as u64 * 8);
            if view.memory.read(at, pointer.as_mut_bytes()) < 8 || pointer == 0 {
                break;
            }
            if index > 0 {
                out.push_str(", ");
            }
            if index == STRINGS_SHOWN {
                out.push_str("...");
            } else {
                show_string(view, pointer, out);
            }
        }
        out.push(']');
    }
}

impl<T> Arg for Ptr<T> {
    type Value = UserPtr<T>;

    fn decode(raw: u64) -> UserPtr<T> {
        UserPtr::new(UserAddr::new(raw))
    }

    fn show(raw: u64, _view: &View<'_>, out: &mut String) {
        show_address(raw, out);
    }
}

/// Appends the structure at an address, or the address when it cannot be read.
fn show_target<T: Show + FromBytes + IntoBytes>(raw: u64, view: &View<'_>, out: &mut String) {
    let mut value = T::new_zeroed();
    let size = size_of::<T>();
    if raw == 0 || view.memory.read(raw, value.as_mut_bytes()) < size {
        show_address(raw, out);
    } else {
        value.show(out);
    }
}

impl<T: Show + FromBytes + IntoBytes> Arg for In<T> {
    type Value = UserPtr<T>;

    fn decode(raw: u64) -> UserPtr<T> {
        UserPtr::new(UserAddr::new(raw))
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        show_target::<T>(raw, view, out);
    }
}

impl<T: Show + FromBytes + IntoBytes> Arg for Out<T> {
    type Value = UserPtr<T>;
    const OUTPUT: bool = true;

    fn decode(raw: u64) -> UserPtr<T> {
        UserPtr::new(UserAddr::new(raw))
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        if view.success().is_some() {
            show_target::<T>(raw, view, out);
        } else {
            show_address(raw, out);
        }
    }
}

impl<T: Show + FromBytes + IntoBytes> Arg for InOut<T> {
    type Value = UserPtr<T>;
    const OUTPUT: bool = true;

    fn decode(raw: u64) -> UserPtr<T> {
        UserPtr::new(UserAddr::new(raw))
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        show_target::<T>(raw, view, out);
    }
}
