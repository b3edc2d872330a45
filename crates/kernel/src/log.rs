//! The kernel's log: what went wrong, for the operator, and what a program lacked, for its user.

use std::{fmt, fs::File, io::Write};

use crate::sync::{AtomicU32, Mutex, Ordering};

/// Importance of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed that should not.
    Warning = 1,
    /// What happens, in short.
    Info,
    /// What happens, in detail.
    Debug,
}

/// Where messages go.
#[derive(Default)]
pub struct Log {
    /// The highest [`Level`] that is written; 0 for none.
    level: AtomicU32,
    /// `--debug-log`: everything up to the level, and strace lines.
    debug: Mutex<Option<File>>,
    /// Messages for the person who runs the program (`user_log`).
    user: Option<Mutex<File>>,
}

impl Log {
    /// A log that writes messages up to a level, if any, to the file `debug`, and those for the user to another one.
    pub fn new(level: Option<Level>, debug: Option<File>, user: Option<File>) -> Log {
        let number = level.map_or(0, |level| level as u32);
        Log { level: AtomicU32::new(number), debug: Mutex::new(debug), user: user.map(Mutex::new) }
    }

    /// There is a file for messages and traces.
    pub fn has_file(&self) -> bool {
        self.debug.lock().is_some()
    }

    /// From now on messages and traces go to another file.
    pub fn set_file(&self, file: File) {
        *self.debug.lock() = Some(file);
    }

    /// From now on messages up to this level are written.
    pub fn set_level(&self, level: Level) {
        self.level.store(level as u32, Ordering::Relaxed);
    }

    /// A message of this level would be written.
    pub fn enabled(&self, level: Level) -> bool {
        level as u32 <= self.level.load(Ordering::Relaxed)
    }

    /// Writes a message for the operator. A log that cannot be written is no reason to fail.
    pub fn write(&self, level: Level, message: fmt::Arguments<'_>) {
        if self.enabled(level) {
            self.trace(message);
        }
    }

    /// Writes a line of a trace that was asked for, whatever the level.
    pub fn trace(&self, line: fmt::Arguments<'_>) {
        if let Some(file) = &mut *self.debug.lock() {
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// Writes a message for the user of the sandbox.
    pub fn tell_user(&self, message: fmt::Arguments<'_>) {
        if let Some(file) = &self.user {
            let _ = file.lock().write_all(format!("lazaret: {message}\n").as_bytes());
        }
        self.write(Level::Warning, message);
    }
}
