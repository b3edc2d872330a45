//! What the lines of the [table](super::table) expand to: the dispatcher, and a description of each
//! call for strace output and documentation.

use super::arg::{Arg, View};

/// Whether a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has a handler.
    Implemented,
    /// It is going to have one.
    Planned,
    /// It is left out on purpose.
    Absent,
}

/// A system call of the table.
#[derive(Debug)]
pub struct Call {
    /// Its number.
    pub number: u32,
    /// Its name in the kernel's table.
    pub name: &'static str,
    /// Its arguments in order.
    pub arguments: &'static [Argument],
    /// How its result is shown.
    pub result: Argument,
    /// Whether it is answered.
    pub status: Status,
    /// The module of its handler.
    pub family: Option<&'static str>,
    /// What the documentation should add.
    pub note: Option<&'static str>,
}

/// An argument of a call.
#[derive(Debug)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// It can only be shown after the call.
    pub output: bool,
    /// Appends it as strace(1) would.
    pub show: fn(u64, &View<'_>, &mut String),
}

impl Argument {
    /// The description of an argument of a type.
    pub const fn of<A: Arg>(name: &'static str) -> Argument {
        Argument { name, output: A::OUTPUT, show: A::show }
    }
}

/// Decodes the next register.
pub(super) fn decode_next<A: Arg>(registers: &mut impl Iterator<Item = u64>) -> A::Value {
    A::decode(registers.next().unwrap_or(0))
}

macro_rules! syscalls {
    ($(
        $number:literal $name:ident($($argument:ident: $type:ty),*)
        $status:tt $($family:ident::$handler:ident)? $(-> $result:ident)? $(, $note:literal)?;
    )*) => {
        /// All calls, ascending by number.
        pub static CALLS: &[$crate::syscalls::expand::Call] = &[$($crate::syscalls::expand::Call {
            number: $number,
            name: stringify!($name),
            arguments: &[$($crate::syscalls::expand::Argument::of::<$type>(stringify!($argument)),)*],
            result: syscalls!(@result $($result)?),
            status: syscalls!(@status $status),
            family: syscalls!(@optional $(stringify!($family))?),
            note: syscalls!(@optional $($note)?),
        },)*];

        /// Runs the handler of the call `number`; `None` when there is none.
        #[allow(unused_mut, unused_variables, reason = "some calls take no arguments")]
        pub(super) fn call(
            current: &mut $crate::task::Current,
            number: u32,
            args: [u64; 6],
        ) -> Option<$crate::syscalls::SysResult> {
            let mut registers = args.into_iter();
            match number {
                $($number => syscalls!(@call $status $($family::$handler)?, current, registers, [$($type),*]),)*
                _ => None,
            }
        }
    };

    (@call = $family:ident::$handler:ident, $current:ident, $registers:ident, [$($type:ty),*]) => {
        Some($crate::syscalls::$family::$handler(
            $current,
            $($crate::syscalls::expand::decode_next::<$type>(&mut $registers)),*
        ))
    };
    (@call todo $family:ident::$handler:ident, $current:ident, $registers:ident, [$($type:ty),*]) => { None };
    (@call absent, $current:ident, $registers:ident, [$($type:ty),*]) => { None };

    (@status =) => { $crate::syscalls::expand::Status::Implemented };
    (@status todo) => { $crate::syscalls::expand::Status::Planned };
    (@status absent) => { $crate::syscalls::expand::Status::Absent };

    (@result) => { $crate::syscalls::expand::Argument::of::<i64>("result") };
    (@result $type:ident) => { $crate::syscalls::expand::Argument::of::<$type>("result") };

    (@optional) => { None };
    (@optional $value:expr) => { Some($value) };
}

pub(super) use syscalls;
