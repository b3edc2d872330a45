//! Errors, for people and for the tools above.

use std::{fmt, io::Write, time::SystemTime};

use lazaret_sandbox::{Error, open_log};
use serde::{Deserialize, Serialize};

use crate::options::{LogFormat, Options};

/// Why a command failed, and the exit status that tells so.
#[derive(Debug, Serialize, Deserialize)]
pub struct CommandError {
    /// What went wrong.
    pub message: String,
    /// Exit status.
    pub status: u8,
    /// The kernel's error number, if a program could not be started.
    pub start: Option<i32>,
}

impl CommandError {
    /// An error with the status that runc, too, gives to all errors of its own.
    pub fn new(message: impl fmt::Display) -> CommandError {
        CommandError { message: message.to_string(), status: 1, start: None }
    }

    /// A program could not be started.
    pub fn of_start(error: &Error) -> CommandError {
        let start = match error {
            Error::Failed(failure) => failure.errno,
            _ => None,
        };
        CommandError { start, ..CommandError::new(error) }
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> CommandError {
        CommandError::new(error)
    }
}

/// Writes an error to standard error, and to the log file if there is one.
pub fn report(options: &Options, error: &CommandError) {
    eprintln!("lazaret: {}", visible(&error.message));
    let Some(path) = &options.log else { return };
    let line = match options.log_format {
        LogFormat::Text => format!("time={:?} level=error msg={:?}\n", now(), error.message),
        LogFormat::Json => {
            format!("{}\n", serde_json::json!({ "level": "error", "msg": error.message, "time": now() }))
        }
    };
    if let Err(error) = open_log(path).and_then(|mut file| file.write_all(line.as_bytes())) {
        eprintln!("lazaret: write {}: {error}", path.display());
    }
}

/// The text without what a terminal obeys: part of it may come from an image or a sandbox.
pub fn visible(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        _ if c.is_control() => c.escape_default().to_string(),
        _ => c.to_string(),
    };
    text.chars().map(shown).collect()
}

fn now() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    timestamp(seconds)
}

/// Seconds since the epoch as RFC 3339 has them, in UTC.
pub fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86400, seconds % 86400);
    // Days since 0000-03-01, in eras of 400 years: leap days come last that way.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + carry;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// The same with parts of a second, as Go writes them.
pub fn timestamp_nano(seconds: u64, nanoseconds: u32) -> String {
    let whole = timestamp(seconds);
    if nanoseconds == 0 {
        return whole;
    }
    let parts = format!("{nanoseconds:09}");
    format!("{}.{}Z", whole.trim_end_matches('Z'), parts.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn parts_of_seconds() {
        assert_eq!(super::timestamp_nano(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(super::timestamp_nano(1, 20_000_000), "1970-01-01T00:00:01.02Z");
        assert_eq!(super::timestamp_nano(1, 1), "1970-01-01T00:00:01.000000001Z");
    }

    #[test]
    fn nothing_is_said_to_the_terminal() {
        assert_eq!(super::visible("a\u{1b}[2J\u{9b}é\n\t"), "a\\u{1b}[2J\\u{9b}é\n\t");
    }

    #[test]
    fn timestamps_are_those_of_date() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_469_984, "2026-11-23T21:39:44Z"),
            (4_102_444_800, "2100-01-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(seconds), expected);
        }
    }
}
