//! Settings of a terminal; see termios(3).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Settings in the layout of the kernel's `struct termios2`; `struct termios` is its first 36 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Termios {
    /// Input modes.
    pub input: u32,
    /// Output modes.
    pub output: u32,
    /// Control modes.
    pub control: u32,
    /// Local modes.
    pub local: u32,
    /// Line discipline.
    pub line: u8,
    /// Special characters.
    pub characters: [u8; 19],
    /// Input speed.
    pub input_speed: u32,
    /// Output speed.
    pub output_speed: u32,
}

/// Bytes of the kernel's `struct termios`.
pub const TERMIOS_SIZE: usize = 36;

/// Input modes.
pub mod input {
    #![allow(missing_docs, reason = "the names are termios(3)'s")]
    pub const ISTRIP: u32 = 0o40;
    pub const INLCR: u32 = 0o100;
    pub const IGNCR: u32 = 0o200;
    pub const ICRNL: u32 = 0o400;
    pub const IUCLC: u32 = 0o1000;
    pub const IXON: u32 = 0o2000;
    pub const IXANY: u32 = 0o4000;
    pub const IMAXBEL: u32 = 0o20000;
    pub const IUTF8: u32 = 0o40000;
}

/// Output modes.
pub mod output {
    #![allow(missing_docs, reason = "the names are termios(3)'s")]
    pub const OPOST: u32 = 0o1;
    pub const OLCUC: u32 = 0o2;
    pub const ONLCR: u32 = 0o4;
    pub const OCRNL: u32 = 0o10;
    pub const ONOCR: u32 = 0o20;
    pub const ONLRET: u32 = 0o40;
    pub const TABDLY: u32 = 0o14000;
    pub const XTABS: u32 = 0o14000;
}

/// Local modes.
pub mod local {
    #![allow(missing_docs, reason = "the names are termios(3)'s")]
    pub const ISIG: u32 = 0o1;
    pub const ICANON: u32 = 0o2;
    pub const ECHO: u32 = 0o10;
    pub const ECHOE: u32 = 0o20;
    pub const ECHOK: u32 = 0o40;
    pub const ECHONL: u32 = 0o100;
    pub const NOFLSH: u32 = 0o200;
    pub const TOSTOP: u32 = 0o400;
    pub const ECHOCTL: u32 = 0o1000;
    pub const ECHOKE: u32 = 0o4000;
    pub const IEXTEN: u32 = 0o100000;
    pub const EXTPROC: u32 = 0o200000;
}

/// Indices of special characters.
pub mod character {
    #![allow(missing_docs, reason = "the names are termios(3)'s")]
    pub const VINTR: usize = 0;
    pub const VQUIT: usize = 1;
    pub const VERASE: usize = 2;
    pub const VKILL: usize = 3;
    pub const VEOF: usize = 4;
    pub const VTIME: usize = 5;
    pub const VMIN: usize = 6;
    pub const VSTART: usize = 8;
    pub const VSTOP: usize = 9;
    pub const VSUSP: usize = 10;
    pub const VEOL: usize = 11;
    pub const VREPRINT: usize = 12;
    pub const VDISCARD: usize = 13;
    pub const VWERASE: usize = 14;
    pub const VLNEXT: usize = 15;
    pub const VEOL2: usize = 16;
}

impl Default for Termios {
    /// The settings of a fresh terminal, as Linux has them.
    fn default() -> Termios {
        use character as c;
        let mut characters = [0; 19];
        for (index, value) in [
            (c::VINTR, 3),
            (c::VQUIT, 28),
            (c::VERASE, 127),
            (c::VKILL, 21),
            (c::VEOF, 4),
            (c::VMIN, 1),
            (c::VSTART, 17),
            (c::VSTOP, 19),
            (c::VSUSP, 26),
            (c::VREPRINT, 18),
            (c::VDISCARD, 15),
            (c::VWERASE, 23),
            (c::VLNEXT, 22),
        ] {
            characters[index] = value;
        }
        Termios {
            input: input::ICRNL | input::IXON,
            output: output::OPOST | output::ONLCR,
            // B38400 | CS8 | CREAD
            control: 0o17 | 0o60 | 0o200,
            local: local::ISIG
                | local::ICANON
                | local::ECHO
                | local::ECHOE
                | local::ECHOK
                | local::ECHOCTL
                | local::ECHOKE
                | local::IEXTEN,
            line: 0,
            characters,
            input_speed: 38_400,
            output_speed: 38_400,
        }
    }
}

impl Termios {
    /// A local mode is on.
    pub fn has_local(&self, mode: u32) -> bool {
        self.local & mode != 0
    }

    /// An input mode is on.
    pub fn has_input(&self, mode: u32) -> bool {
        self.input & mode != 0
    }

    /// An output mode is on.
    pub fn has_output(&self, mode: u32) -> bool {
        self.output & mode != 0
    }

    /// `byte` is the special character at `index`; a character set to 0 is off.
    pub fn is_character(&self, byte: u8, index: usize) -> bool {
        byte != 0 && self.characters[index] == byte
    }
}
