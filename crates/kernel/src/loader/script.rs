//! Scripts: the `#!` line; see execve(2).

use lazaret_abi::errno::Errno;

/// Bytes of a file that are looked at (BINPRM_BUF_SIZE).
pub const HEAD_SIZE: usize = 256;

/// Interpreter of a script and the argument it gets, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptLine {
    /// Path of the interpreter.
    pub interpreter: Vec<u8>,
    /// The rest of the line.
    pub argument: Option<Vec<u8>>,
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_blank(first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_blank(last)
    {
        text = rest;
    }
    text
}

/// Reads the `#!` line from the first bytes of a file; `None` when it is not a script.
///
/// # Errors
/// `ENOEXEC` when the line names no interpreter, or its name does not end within [`HEAD_SIZE`].
pub fn parse(head: &[u8]) -> Result<Option<ScriptLine>, Errno> {
    let Some(line) = head.strip_prefix(b"#!") else { return Ok(None) };
    let (line, whole) = match (line.iter().position(|byte| *byte == b'\n'), line) {
        (Some(end), _) => (&line[..end], true),
        // The last byte of a full head tells only whether the name ends there.
        (None, [rest @ .., last]) if head.len() >= HEAD_SIZE => (rest, is_blank(last)),
        (None, _) => (line, true),
    };
    // A zero ends the line as well.
    let (line, whole) = match line.iter().position(|byte| *byte == 0) {
        Some(end) => (&line[..end], true),
        None => (line, whole),
    };
    let text = trim(line);
    let end = text.iter().position(is_blank);
    if text.is_empty() || end.is_none() && !whole && !line.last().is_some_and(is_blank) {
        return Err(Errno::ENOEXEC);
    }
    let (interpreter, rest) = text.split_at(end.unwrap_or(text.len()));
    let argument = trim(rest);
    Ok(Some(ScriptLine {
        interpreter: interpreter.to_vec(),
        argument: (!argument.is_empty()).then(|| argument.to_vec()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(interpreter: &str, argument: Option<&str>) -> Option<ScriptLine> {
        Some(ScriptLine {
            interpreter: interpreter.as_bytes().to_vec(),
            argument: argument.map(|argument| argument.as_bytes().to_vec()),
        })
    }

    #[test]
    fn lines_are_split_as_linux_splits_them() {
        assert_eq!(parse(b"#!/bin/sh\necho").unwrap(), line("/bin/sh", None));
        assert_eq!(parse(b"#! /usr/bin/env  python3 -u \nx").unwrap(), line("/usr/bin/env", Some("python3 -u")));
        assert_eq!(parse(b"#!/bin/sh").unwrap(), line("/bin/sh", None));
        assert_eq!(parse(b"\x7fELF").unwrap(), None);
        assert_eq!(parse(b"#!  \n"), Err(Errno::ENOEXEC));
        assert_eq!(parse(b"#!"), Err(Errno::ENOEXEC));
    }

    #[test]
    fn a_name_cut_off_is_refused_but_a_cut_argument_is_taken() {
        let mut head = b"#!/".to_vec();
        head.resize(HEAD_SIZE, b'a');
        assert_eq!(parse(&head), Err(Errno::ENOEXEC));
        head[10] = b' ';
        assert_eq!(parse(&head).unwrap().unwrap().interpreter.len(), 8);
    }
}
