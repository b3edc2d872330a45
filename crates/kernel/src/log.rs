//! The kernel's log: what went wrong, for the operator, and what a program lacked, for its user.

use std::{fmt, fs::File, io::Write};

use crate::sync::Mutex;

/// Importance of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed that should not.
    Warning,
    /// What happens, in short.
    Info,
    /// What happens, in detail.
    Debug,
}

/// Where messages go.
#[derive(Default)]
pub struct Log {
    /// `--debug-log`: everything up to the level, and strace lines.
    debug: Option<(Level, Mutex<File>)>,
    /// Messages for the person who runs the program (`user_log`).
    user: Option<Mutex<File>>,
}

impl Log {
    /// A log that writes debug messages up to a level to one file, and messages for the user to another.
    pub fn new(debug: Option<(Level, File)>, user: Option<File>) -> Log {
        Log { debug: debug.map(|(level, file)| (level, Mutex::new(file))), user: user.map(Mutex::new) }
    }

    /// A message of this level would be written.
    pub fn enabled(&self, level: Level) -> bool {
        self.debug.as_ref().is_some_and(|(most, _)| level <= *most)
    }

    /// Writes a message for the operator. A log that cannot be written is no reason to fail.
    pub fn write(&self, level: Level, message: fmt::Arguments<'_>) {
        if let Some((most, file)) = &self.debug
            && level <= *most
        {
            let _ = file.lock().write_all(format!("{message}\n").as_bytes());
        }
    }

    /// Writes a line of a trace that was asked for, whatever the level.
    pub fn trace(&self, line: fmt::Arguments<'_>) {
        self.write(Level::Warning, line);
    }

    /// Writes a message for the user of the sandbox.
    pub fn tell_user(&self, message: fmt::Arguments<'_>) {
        if let Some(file) = &self.user {
            let _ = file.lock().write_all(format!("lazaret: {message}\n").as_bytes());
        }
        self.write(Level::Warning, message);
    }
}
