//! Numbers and identifiers.

use std::fmt::Write;

use lazaret_abi::{
    fcntl::open,
    id::{Fd, Gid, Pid, Uid},
    signal::Signal,
};

use super::{Arg, View};

/// The low half of a register.
pub(super) const fn low(raw: u64) -> u32 {
    (raw & 0xffff_ffff) as u32
}

macro_rules! numbers {
    ($($(#[$attribute:meta])* $type:ty => $value:ty, $raw:ident: $decode:expr, $format:literal;)*) => {
        $(
            $(#[$attribute])*
            impl Arg for $type {
                type Value = $value;

                fn decode($raw: u64) -> $value {
                    $decode
                }

                fn show($raw: u64, _view: &View<'_>, out: &mut String) {
                    let _ = write!(out, $format, $decode);
                }
            }
        )*
    };
}

/// A `long` that is best read in base 16.
pub struct Hex;

/// An `int` that is best read in base 16.
pub struct Hex32;

/// A file mode.
pub struct Octal;

/// The mode after flags of open(2): left out where nothing is created.
pub struct OpenMode;

/// A signal's number as given: 0 or one that does not exist are possible.
pub struct SignalNumber;

numbers! {
    i32 => i32, raw: low(raw).cast_signed(), "{}";
    u32 => u32, raw: low(raw), "{}";
    i64 => i64, raw: raw.cast_signed(), "{}";
    u64 => u64, raw: raw, "{}";
    /// 64 bits wide on the only architecture there is.
    usize => usize, raw: raw as usize, "{}";
    Octal => u32, raw: low(raw), "0{:02o}";
    Pid => Pid, raw: Pid::new(low(raw).cast_signed()), "{}";
}

impl Arg for Fd {
    type Value = Fd;

    fn decode(raw: u64) -> Fd {
        Fd::new(low(raw).cast_signed())
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        view.show_descriptor(<Fd as Arg>::decode(raw), out);
    }
}

/// Shows -1 as the man pages write it.
macro_rules! owners {
    ($($type:ident;)*) => {
        $(impl Arg for $type {
            type Value = $type;

            fn decode(raw: u64) -> $type {
                $type::new(low(raw))
            }

            fn show(raw: u64, _view: &View<'_>, out: &mut String) {
                let _ = match $type::decode(raw) {
                    $type::UNCHANGED => write!(out, "-1"),
                    id => write!(out, "{id}"),
                };
            }
        })*
    };
}

owners! { Uid; Gid; }

impl Arg for SignalNumber {
    type Value = i32;

    fn decode(raw: u64) -> i32 {
        i32::decode(raw)
    }

    fn show(raw: u64, _view: &View<'_>, out: &mut String) {
        let number = i32::decode(raw);
        let _ = match Signal::new(number) {
            Some(signal) => write!(out, "{signal}"),
            None => write!(out, "{number}"),
        };
    }
}

macro_rules! hexadecimal {
    ($($type:ident($value:ident);)*) => {
        $(impl Arg for $type {
            type Value = $value;

            fn decode(raw: u64) -> $value {
                $value::decode(raw)
            }

            fn show(raw: u64, _view: &View<'_>, out: &mut String) {
                let _ = match $value::decode(raw) {
                    0 => write!(out, "0"),
                    value => write!(out, "{value:#x}"),
                };
            }
        })*
    };
}

hexadecimal! { Hex(u64); Hex32(u32); }

impl Arg for OpenMode {
    type Value = u32;

    fn decode(raw: u64) -> u32 {
        low(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        let flags = view.position.checked_sub(1).and_then(|before| view.args.get(before)).map_or(0, |raw| low(*raw));
        let made = open::CREAT | (open::TMPFILE & !open::DIRECTORY);
        if flags & made != 0 {
            Octal::show(raw, view, out);
        }
    }
}
