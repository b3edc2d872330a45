//! Strings as strace(1) writes them.

use std::fmt::Write;

/// Most bytes of a string that are shown (`strace -s`).
pub const LIMIT: usize = 32;

/// Appends `bytes` in quotes, with the escapes of C.
pub fn quote(bytes: &[u8], out: &mut String) {
    out.push('"');
    escape(bytes, out);
    out.push('"');
}

/// Appends `bytes` with the escapes of C; octal ones are as short as they can be.
pub fn escape(bytes: &[u8], out: &mut String) {
    for (position, byte) in bytes.iter().enumerate() {
        let digit_follows = bytes.get(position + 1).is_some_and(u8::is_ascii_digit);
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            0x0b => out.push_str("\\v"),
            0x0c => out.push_str("\\f"),
            b' '..=b'~' => out.push(char::from(*byte)),
            _ if digit_follows => {
                let _ = write!(out, "\\{byte:03o}");
            }
            _ => {
                let _ = write!(out, "\\{byte:o}");
            }
        }
    }
}

/// Appends the first bytes of something `length` bytes long, and dots when that is not all.
pub fn quote_start(bytes: &[u8], length: usize, out: &mut String) {
    quote(bytes.get(..LIMIT).unwrap_or(bytes), out);
    if length > LIMIT {
        out.push_str("...");
    }
}

#[cfg(test)]
mod tests {
    use super::{quote, quote_start};

    fn quoted(bytes: &[u8]) -> String {
        let mut out = String::new();
        quote(bytes, &mut out);
        out
    }

    #[test]
    fn escapes() {
        assert_eq!(quoted(b"a\n\"b\"\\"), r#""a\n\"b\"\\""#);
        assert_eq!(quoted(b"\0\x7f\xff"), r#""\0\177\377""#);
        assert_eq!(quoted(b"\x001"), r#""\0001""#);
    }

    #[test]
    fn long_strings_are_cut() {
        let mut out = String::new();
        quote_start(&[b'x'; 40], 40, &mut out);
        assert_eq!(out, format!("\"{}\"...", "x".repeat(32)));
    }
}
