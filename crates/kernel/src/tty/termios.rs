//! Settings of a terminal; see termios(3).

use lazaret_abi::termios::{Termio, Termios as OldTermios, control};
pub use lazaret_abi::termios::{Termios2 as Termios, character, input, local, output};

/// Bytes of `struct termios`, with which `struct termios2` begins.
pub const TERMIOS_SIZE: usize = size_of::<OldTermios>();

/// What of settings fits into `struct termio`.
pub fn short(settings: &Termios) -> Termio {
    let mut short = Termio {
        iflag: settings.iflag as u16,
        oflag: settings.oflag as u16,
        cflag: settings.cflag as u16,
        lflag: settings.lflag as u16,
        line: settings.line,
        ..Termio::default()
    };
    let count = short.cc.len();
    short.cc.copy_from_slice(&settings.cc[..count]);
    short
}

/// These settings, with what `struct termio` has of them.
pub fn with_short(settings: Termios, short: &Termio) -> Termios {
    let low = |old: u32, new: u16| old & 0xffff_0000 | u32::from(new);
    let mut changed = Termios {
        iflag: low(settings.iflag, short.iflag),
        oflag: low(settings.oflag, short.oflag),
        cflag: low(settings.cflag, short.cflag),
        lflag: low(settings.lflag, short.lflag),
        line: short.line,
        ..settings
    };
    changed.cc[..short.cc.len()].copy_from_slice(&short.cc);
    changed
}

/// The settings of a fresh terminal, as Linux has them.
pub fn fresh() -> Termios {
    let mut settings = Termios {
        iflag: input::ICRNL | input::IXON,
        oflag: output::OPOST | output::ONLCR,
        cflag: control::B38400 | control::CS8 | control::CREAD,
        lflag: local::ISIG
            | local::ICANON
            | local::ECHO
            | local::ECHOE
            | local::ECHOK
            | local::ECHOCTL
            | local::ECHOKE
            | local::IEXTEN,
        ispeed: 38_400,
        ospeed: 38_400,
        ..Termios::default()
    };
    for (index, value) in [
        (character::INTR, 3),
        (character::QUIT, 28),
        (character::ERASE, 127),
        (character::KILL, 21),
        (character::EOF, 4),
        (character::MIN, 1),
        (character::START, 17),
        (character::STOP, 19),
        (character::SUSP, 26),
        (character::REPRINT, 18),
        (character::DISCARD, 15),
        (character::WERASE, 23),
        (character::LNEXT, 22),
    ] {
        settings.cc[index] = value;
    }
    settings
}

/// Questions to settings.
pub trait Modes {
    /// A local mode is on.
    fn has_local(&self, mode: u32) -> bool;

    /// An input mode is on.
    fn has_input(&self, mode: u32) -> bool;

    /// An output mode is on.
    fn has_output(&self, mode: u32) -> bool;

    /// `byte` is the special character at `index`; a character set to 0 is off.
    fn is_character(&self, byte: u8, index: usize) -> bool;
}

impl Modes for Termios {
    fn has_local(&self, mode: u32) -> bool {
        self.lflag & mode != 0
    }

    fn has_input(&self, mode: u32) -> bool {
        self.iflag & mode != 0
    }

    fn has_output(&self, mode: u32) -> bool {
        self.oflag & mode != 0
    }

    fn is_character(&self, byte: u8, index: usize) -> bool {
        byte != 0 && self.cc[index] == byte
    }
}
