//! The line discipline: from what is typed to what a program reads, with echo and signals; and
//! from what a program writes to what is shown. Pure: it knows neither tasks nor queues.
//!
//! Behaves as Linux's N_TTY; see termios(3).

use std::collections::VecDeque;

use super::termios::{self, Modes, Termios, character, input, local, output};

/// Longest line in canonical mode, and most input that waits to be read (N_TTY_BUF_SIZE).
pub const BUFFER_SIZE: usize = 4096;

/// Signals that typed characters send to the foreground process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypedSignal {
    /// VINTR: SIGINT.
    Interrupt,
    /// VQUIT: SIGQUIT.
    Quit,
    /// VSUSP: SIGTSTP.
    Suspend,
}

/// State of a terminal's line discipline.
#[derive(Clone, Debug, Default)]
pub struct Discipline {
    /// Settings.
    pub termios: Termios,
    /// Input that a program may read: whole lines in canonical mode. Lines end with their
    /// delimiter; `marks` tells where.
    ready: VecDeque<u8>,
    /// Distances from the start of `ready` to the end of each line in it; an end-of-file character
    /// ends a line without being part of it.
    marks: VecDeque<usize>,
    /// The line that is being edited.
    line: Vec<u8>,
    /// Column of the cursor, for tabs and erasing.
    column: usize,
    /// Column at which the edited line began.
    line_column: usize,
    /// The next character is taken literally (VLNEXT).
    literal: bool,
    /// Output is stopped by VSTOP.
    stopped: bool,
    /// Characters of packet mode: what changed since the master last looked.
    packet: u8,
}

/// Bits of packet mode; see ioctl_tty(2), TIOCPKT.
pub mod packet {
    #![allow(missing_docs, reason = "the names are ioctl_tty(2)'s")]
    pub const FLUSHREAD: u8 = 1;
    pub const FLUSHWRITE: u8 = 2;
    pub const STOP: u8 = 4;
    pub const START: u8 = 8;
    pub const NOSTOP: u8 = 16;
    pub const DOSTOP: u8 = 32;
}

/// What a piece of input led to, besides readable data.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// To show on the terminal.
    pub echo: Vec<u8>,
    /// Signals to send, in order.
    pub signals: Vec<TypedSignal>,
}

impl Discipline {
    /// A fresh terminal's.
    pub fn new() -> Discipline {
        Discipline { termios: termios::fresh(), ..Discipline::default() }
    }

    /// Bytes that a read may return now.
    pub fn readable(&self) -> usize {
        self.ready.len()
    }

    /// A read would return, with data or with an end of file.
    pub fn has_input(&self) -> bool {
        if self.termios.has_local(local::ICANON) { !self.marks.is_empty() } else { !self.ready.is_empty() }
    }

    /// There is room for more input.
    pub fn has_room(&self) -> bool {
        self.ready.len() + self.line.len() < BUFFER_SIZE && self.marks.len() < BUFFER_SIZE
    }

    /// Output is stopped (VSTOP, tcflow).
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Stops or starts output.
    pub fn set_stopped(&mut self, stopped: bool) {
        if self.stopped != stopped {
            self.stopped = stopped;
            self.packet &= !(packet::STOP | packet::START);
            self.packet |= if stopped { packet::STOP } else { packet::START };
        }
    }

    /// Takes the packet-mode bits.
    pub fn take_packet(&mut self) -> u8 {
        std::mem::take(&mut self.packet)
    }

    /// Packet-mode bits are waiting.
    pub fn has_packet(&self) -> bool {
        self.packet != 0
    }

    /// Changes the settings. Leaving canonical mode makes the unfinished line readable.
    pub fn set_termios(&mut self, termios: Termios) {
        let was_canonical = self.termios.has_local(local::ICANON);
        let stop_keys =
            |t: &Termios| t.has_input(input::IXON) && t.cc[character::START] == 17 && t.cc[character::STOP] == 19;
        if stop_keys(&self.termios) != stop_keys(&termios) {
            self.packet &= !(packet::DOSTOP | packet::NOSTOP);
            self.packet |= if stop_keys(&termios) { packet::DOSTOP } else { packet::NOSTOP };
        }
        self.termios = termios;
        let canonical = termios.has_local(local::ICANON);
        if was_canonical && !canonical {
            self.marks.clear();
            self.ready.extend(self.line.drain(..));
        } else if !was_canonical && canonical && !self.ready.is_empty() {
            self.marks.push_back(self.ready.len());
        }
        if !termios.has_input(input::IXON) {
            self.set_stopped(false);
        }
    }

    /// Throws away input that was not read (tcflush, signals without NOFLSH).
    pub fn flush_input(&mut self) {
        self.ready.clear();
        self.marks.clear();
        self.line.clear();
        self.packet |= packet::FLUSHREAD;
    }

    /// Takes typed bytes, as far as there is room; returns how many were taken.
    pub fn type_bytes(&mut self, bytes: &[u8], effects: &mut Effects) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            if !self.has_room() && !self.may_take_when_full(*byte) {
                if self.termios.has_local(local::ICANON) {
                    // Further characters of an overlong line are lost, with a bell.
                    if self.termios.has_input(input::IMAXBEL) {
                        effects.echo.push(7);
                    }
                    continue;
                }
                return index;
            }
            self.type_byte(*byte, effects);
        }
        bytes.len()
    }

    /// Characters that act on a full buffer rather than add to it.
    fn may_take_when_full(&self, byte: u8) -> bool {
        let t = &self.termios;
        let signal = t.has_local(local::ISIG)
            && [character::INTR, character::QUIT, character::SUSP].iter().any(|index| t.is_character(byte, *index));
        // The line can be ended, but there is no other after it.
        let edit = t.has_local(local::ICANON)
            && !self.line.is_empty()
            && (byte == b'\n'
                || byte == b'\r'
                || [character::ERASE, character::KILL, character::EOF, character::EOL]
                    .iter()
                    .any(|index| t.is_character(byte, *index)));
        signal || edit
    }

    fn type_byte(&mut self, byte: u8, effects: &mut Effects) {
        let t = self.termios;
        let mut byte = if t.has_input(input::ISTRIP) { byte & 0x7f } else { byte };
        if std::mem::take(&mut self.literal) {
            self.add(byte, effects);
            return;
        }
        if t.has_input(input::IUCLC) && t.has_local(local::IEXTEN) {
            byte = byte.to_ascii_lowercase();
        }
        if t.has_input(input::IXON) {
            if t.is_character(byte, character::START) {
                self.set_stopped(false);
                return;
            }
            if t.is_character(byte, character::STOP) {
                self.set_stopped(true);
                return;
            }
            if self.stopped && t.has_input(input::IXANY) {
                self.set_stopped(false);
            }
        }
        if t.has_local(local::ISIG) {
            for (index, signal) in [
                (character::INTR, TypedSignal::Interrupt),
                (character::QUIT, TypedSignal::Quit),
                (character::SUSP, TypedSignal::Suspend),
            ] {
                if t.is_character(byte, index) {
                    if !t.has_local(local::NOFLSH) {
                        self.flush_input();
                        self.packet |= packet::FLUSHWRITE;
                    }
                    self.set_stopped(false);
                    self.echo(byte, effects);
                    effects.signals.push(signal);
                    return;
                }
            }
        }
        match byte {
            b'\r' if t.has_input(input::IGNCR) => return,
            b'\r' if t.has_input(input::ICRNL) => byte = b'\n',
            b'\n' if t.has_input(input::INLCR) => byte = b'\r',
            _ => {}
        }
        if t.has_local(local::ICANON) { self.edit(byte, effects) } else { self.add(byte, effects) }
    }

    /// Adds an ordinary character.
    fn add(&mut self, byte: u8, effects: &mut Effects) {
        if self.termios.has_local(local::ICANON) {
            if self.line.is_empty() {
                self.line_column = self.column;
            }
            self.line.push(byte);
        } else {
            self.ready.push_back(byte);
        }
        self.echo(byte, effects);
    }

    /// Handles a character of canonical mode.
    fn edit(&mut self, byte: u8, effects: &mut Effects) {
        let t = self.termios;
        let extended = t.has_local(local::IEXTEN);
        if t.is_character(byte, character::ERASE) {
            self.erase_character(effects);
        } else if extended && t.is_character(byte, character::WERASE) {
            self.erase_word(effects);
        } else if t.is_character(byte, character::KILL) {
            self.kill_line(byte, effects);
        } else if extended && t.is_character(byte, character::LNEXT) {
            self.literal = true;
            if t.has_local(local::ECHO) && t.has_local(local::ECHOCTL) {
                effects.echo.extend_from_slice(b"^\x08");
            }
        } else if extended && t.has_local(local::ECHO) && t.is_character(byte, character::REPRINT) {
            self.echo(byte, effects);
            self.show(b"\n", &mut effects.echo);
            for byte in self.line.clone() {
                self.echo(byte, effects);
            }
        } else if byte == b'\n' {
            if t.has_local(local::ECHO) || t.has_local(local::ECHONL) {
                self.show(b"\n", &mut effects.echo);
            }
            self.line.push(byte);
            self.end_line();
        } else if t.is_character(byte, character::EOF) {
            self.end_line();
        } else if t.is_character(byte, character::EOL) || extended && t.is_character(byte, character::EOL2) {
            self.echo(byte, effects);
            self.line.push(byte);
            self.end_line();
        } else {
            self.add(byte, effects);
        }
    }

    fn end_line(&mut self) {
        self.ready.extend(self.line.drain(..));
        self.marks.push_back(self.ready.len());
    }

    /// Bytes of the last character of the line: more than one in UTF-8 mode.
    fn last_character(&self) -> usize {
        let continuation = |byte: &u8| byte & 0xc0 == 0x80;
        if self.termios.has_input(input::IUTF8) {
            let tail = self.line.iter().rev().take_while(|byte| continuation(byte)).count();
            (tail + 1).min(self.line.len())
        } else {
            self.line.len().min(1)
        }
    }

    fn erase_character(&mut self, effects: &mut Effects) {
        let count = self.last_character();
        if count == 0 {
            return;
        }
        let erased = self.line.split_off(self.line.len() - count);
        self.echo_erased(&erased, effects);
    }

    fn erase_word(&mut self, effects: &mut Effects) {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        let mut seen_word = false;
        while let Some(last) = self.line.last() {
            if is_word(*last) {
                seen_word = true;
            } else if seen_word {
                break;
            }
            self.erase_character(effects);
        }
    }

    fn kill_line(&mut self, byte: u8, effects: &mut Effects) {
        let t = self.termios;
        if t.has_local(local::ECHO)
            && t.has_local(local::ECHOK)
            && t.has_local(local::ECHOKE)
            && t.has_local(local::ECHOE)
        {
            while !self.line.is_empty() {
                self.erase_character(effects);
            }
            return;
        }
        self.line.clear();
        if t.has_local(local::ECHO) {
            self.echo(byte, effects);
            if t.has_local(local::ECHOK) {
                self.show(b"\n", &mut effects.echo);
            }
        }
    }

    /// Shows that `erased`, one character, is gone.
    fn echo_erased(&mut self, erased: &[u8], effects: &mut Effects) {
        let t = self.termios;
        if !t.has_local(local::ECHO) {
            return;
        }
        if !t.has_local(local::ECHOE) {
            self.echo(t.cc[character::ERASE], effects);
            return;
        }
        let width = match erased {
            [b'\t'] => {
                let target = self.width_of_line();
                self.column.saturating_sub(target)
            }
            [byte] if is_control(*byte) => {
                if t.has_local(local::ECHOCTL) {
                    2
                } else {
                    0
                }
            }
            _ => 1,
        };
        // A tab left nothing to be overwritten.
        let eraser: &[u8] = if erased == b"\t" { b"\x08" } else { b"\x08 \x08" };
        for _ in 0..width {
            effects.echo.extend_from_slice(eraser);
        }
        self.column = self.column.saturating_sub(width);
    }

    /// Column after showing the line as it is now.
    fn width_of_line(&self) -> usize {
        let mut column = self.line_column;
        for byte in &self.line {
            column += match byte {
                b'\t' => 8 - column % 8,
                byte if is_control(*byte) => {
                    if self.termios.has_local(local::ECHOCTL) {
                        2
                    } else {
                        0
                    }
                }
                byte if self.termios.has_input(input::IUTF8) && byte & 0xc0 == 0x80 => 0,
                _ => 1,
            };
        }
        column
    }

    fn echo(&mut self, byte: u8, effects: &mut Effects) {
        let t = self.termios;
        if !t.has_local(local::ECHO) {
            return;
        }
        if t.has_local(local::ECHOCTL) && is_control(byte) && byte != b'\t' && byte != b'\n' {
            self.show(&[b'^', byte ^ 0o100], &mut effects.echo);
        } else {
            self.show(&[byte], &mut effects.echo);
        }
    }

    /// Processes output (OPOST) and follows the cursor.
    pub fn show(&mut self, bytes: &[u8], shown: &mut Vec<u8>) {
        let t = self.termios;
        if !t.has_output(output::OPOST) {
            shown.extend_from_slice(bytes);
            return;
        }
        for &byte in bytes {
            match byte {
                b'\n' => {
                    if t.has_output(output::ONLRET) {
                        self.column = 0;
                    }
                    if t.has_output(output::ONLCR) {
                        shown.push(b'\r');
                        self.column = 0;
                    }
                    shown.push(b'\n');
                }
                b'\r' => {
                    if t.has_output(output::ONOCR) && self.column == 0 {
                        continue;
                    }
                    if t.has_output(output::OCRNL) {
                        shown.push(b'\n');
                        if t.has_output(output::ONLRET) {
                            self.column = 0;
                        }
                    } else {
                        shown.push(b'\r');
                        self.column = 0;
                    }
                }
                b'\t' => {
                    let width = 8 - self.column % 8;
                    self.column += width;
                    if t.oflag & output::XTABS == output::XTABS {
                        shown.extend(std::iter::repeat_n(b' ', width));
                    } else {
                        shown.push(b'\t');
                    }
                }
                8 => {
                    self.column = self.column.saturating_sub(1);
                    shown.push(8);
                }
                _ => {
                    let byte = if t.has_output(output::OLCUC) { byte.to_ascii_uppercase() } else { byte };
                    if !is_control(byte) && (!t.has_input(input::IUTF8) || byte & 0xc0 != 0x80) {
                        self.column += 1;
                    }
                    shown.push(byte);
                }
            }
        }
    }

    /// Takes up to `limit` bytes for a read: at most one line in canonical mode. An end of file gives an
    /// empty result.
    pub fn take(&mut self, limit: usize) -> Vec<u8> {
        let available = match self.marks.front() {
            Some(mark) if self.termios.has_local(local::ICANON) => *mark,
            _ if self.termios.has_local(local::ICANON) => 0,
            _ => self.ready.len(),
        };
        let count = available.min(limit);
        let taken: Vec<u8> = self.ready.drain(..count).collect();
        for mark in &mut self.marks {
            *mark = mark.saturating_sub(count);
        }
        if count == available && self.marks.front() == Some(&0) {
            self.marks.pop_front();
        }
        taken
    }
}

fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(discipline: &mut Discipline, text: &[u8]) -> Effects {
        let mut effects = Effects::default();
        assert_eq!(discipline.type_bytes(text, &mut effects), text.len());
        effects
    }

    #[test]
    fn a_line_is_readable_when_it_is_finished() {
        let mut tty = Discipline::new();
        assert_eq!(typed(&mut tty, b"abc").echo, b"abc");
        assert!(!tty.has_input());
        assert_eq!(typed(&mut tty, b"\r").echo, b"\r\n");
        assert_eq!(tty.take(2), b"ab");
        assert_eq!(tty.take(10), b"c\n");
        assert!(!tty.has_input());
    }

    #[test]
    fn one_read_gives_one_line() {
        let mut tty = Discipline::new();
        typed(&mut tty, b"one\ntwo\n");
        assert_eq!(tty.take(100), b"one\n");
        assert_eq!(tty.take(100), b"two\n");
    }

    #[test]
    fn end_of_file_is_an_empty_read_or_ends_a_line_early() {
        let mut tty = Discipline::new();
        typed(&mut tty, b"ab\x04\x04");
        assert_eq!(tty.take(100), b"ab");
        assert!(tty.has_input());
        assert_eq!(tty.take(100), b"");
        assert!(!tty.has_input());
    }

    #[test]
    fn characters_words_and_lines_are_erased() {
        let mut tty = Discipline::new();
        assert_eq!(typed(&mut tty, b"ax\x7f").echo, b"ax\x08 \x08");
        typed(&mut tty, b" word\x17");
        typed(&mut tty, b"b\n");
        assert_eq!(tty.take(100), b"a b\n");
        typed(&mut tty, b"gone\x15kept\n");
        assert_eq!(tty.take(100), b"kept\n");
    }

    #[test]
    fn utf8_characters_are_erased_whole() {
        let mut tty = Discipline::new();
        tty.termios.iflag |= input::IUTF8;
        typed(&mut tty, "aä\u{7f}\n".as_bytes());
        assert_eq!(tty.take(100), b"a\n");
    }

    #[test]
    fn control_characters_send_signals_and_flush() {
        let mut tty = Discipline::new();
        let effects = typed(&mut tty, b"abc\x03");
        assert_eq!(effects.signals, [TypedSignal::Interrupt]);
        assert_eq!(effects.echo, b"abc^C");
        typed(&mut tty, b"x\n");
        assert_eq!(tty.take(100), b"x\n");
    }

    #[test]
    fn raw_mode_passes_everything() {
        let mut tty = Discipline::new();
        let mut termios = tty.termios;
        termios.lflag &= !(local::ICANON | local::ECHO | local::ISIG | local::IEXTEN);
        termios.iflag = 0;
        tty.set_termios(termios);
        let effects = typed(&mut tty, b"\x03\r\x7f");
        assert_eq!(effects, Effects::default());
        assert_eq!(tty.take(100), b"\x03\r\x7f");
    }

    #[test]
    fn leaving_canonical_mode_makes_the_unfinished_line_readable() {
        let mut tty = Discipline::new();
        typed(&mut tty, b"half");
        let mut termios = tty.termios;
        termios.lflag &= !local::ICANON;
        tty.set_termios(termios);
        assert_eq!(tty.take(100), b"half");
    }

    #[test]
    fn output_gets_carriage_returns() {
        let mut tty = Discipline::new();
        let mut shown = Vec::new();
        tty.show(b"a\tb\n", &mut shown);
        assert_eq!(shown, b"a\tb\r\n");
    }

    #[test]
    fn lines_are_not_without_number() {
        for (typed, most) in [(&b"\x04"[..], 0), (b"\n", BUFFER_SIZE), (b"ab\n", BUFFER_SIZE + 1)] {
            let mut discipline = Discipline::new();
            for _ in 0..3 * BUFFER_SIZE {
                discipline.type_bytes(typed, &mut Effects::default());
            }
            assert!(discipline.readable() <= most && discipline.marks.len() <= BUFFER_SIZE + 1, "{typed:?}");
            let lines = discipline.marks.len();
            for _ in 0..lines {
                assert!(discipline.has_input());
                discipline.take(BUFFER_SIZE);
            }
            assert!(!discipline.has_input() && discipline.has_room());
        }
    }
}
