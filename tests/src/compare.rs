//! Where two runs differ.

use crate::run::{Failure, Outcome};
use std::fmt::Write;

/// How many lines before the first difference are shown.
const CONTEXT: usize = 3;
/// How many lines from the first difference on are shown.
const SHOWN: usize = 12;

/// Describes how `inside` differs from `host`, or `None` if it does not.
pub fn difference(host: &Outcome, inside: &Outcome, with_stderr: bool) -> Option<String> {
    let mut report = String::new();
    if host.status != inside.status {
        let _ = writeln!(report, "status: host {}, inside {}", status(&host.status), status(&inside.status));
    }
    text_difference("stdout", &host.stdout, &inside.stdout, &mut report);
    if with_stderr {
        text_difference("stderr", &host.stderr, &inside.stderr, &mut report);
    } else if !report.is_empty() && !inside.stderr.is_empty() {
        let _ = write!(report, "stderr inside:\n{}", String::from_utf8_lossy(&inside.stderr));
    }
    (!report.is_empty()).then_some(report)
}

fn status(status: &Result<i32, Failure>) -> String {
    match status {
        Ok(code) => code.to_string(),
        Err(failure) => failure.to_string(),
    }
}

fn text_difference(name: &str, host: &[u8], inside: &[u8], report: &mut String) {
    if host == inside {
        return;
    }
    let (host, inside) = (String::from_utf8_lossy(host), String::from_utf8_lossy(inside));
    let (host, inside): (Vec<&str>, Vec<&str>) = (host.lines().collect(), inside.lines().collect());
    let first = host.iter().zip(&inside).take_while(|(a, b)| a == b).count();
    let _ = writeln!(report, "{name} differs from line {} (- host, + inside):", first + 1);
    for line in &host[first.saturating_sub(CONTEXT)..first] {
        let _ = writeln!(report, "  {line}");
    }
    for (mark, lines) in [('-', &host), ('+', &inside)] {
        for line in lines[first..].iter().take(SHOWN) {
            let _ = writeln!(report, "{mark} {line}");
        }
        if let Some(more @ 1..) = (lines.len() - first).checked_sub(SHOWN) {
            let _ = writeln!(report, "{mark} ({more} more lines)");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::difference;
    use crate::run::Outcome;

    fn outcome(stdout: &str) -> Outcome {
        Outcome { status: Ok(0), stdout: stdout.into(), stderr: Vec::new() }
    }

    #[test]
    fn the_first_difference_is_shown() {
        assert_eq!(difference(&outcome("a\nb\n"), &outcome("a\nb\n"), true), None);
        let report = difference(&outcome("a\nb\n"), &outcome("a\nc\n"), true).unwrap();
        assert_eq!(report, "stdout differs from line 2 (- host, + inside):\n  a\n- b\n+ c\n");
    }
}
