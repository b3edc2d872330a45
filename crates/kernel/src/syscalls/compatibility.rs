//! The documentation page that tells which system calls are answered.

use std::fmt::Write;

use super::{
    expand::{Call, Status},
    table::CALLS,
};

/// The whole of `docs/compatibility.md`.
pub fn markdown() -> String {
    let count = |status| CALLS.iter().filter(|call| call.status == status).count();
    let mut page = String::from(
        "# System calls\n\n\
         <!-- Generated from crates/kernel/src/syscalls/table.rs by `cargo xtask docs`; do not edit. -->\n\n\
         The system calls of Linux on x86_64 and whether Lazaret's kernel answers them. A call that it does not \
         answer fails with ENOSYS, and the first use of each is told in the user log.\n\n",
    );
    let _ = writeln!(
        page,
        "{} of {} calls are answered, {} are planned, {} are left out on purpose: they are obsolete, need a \
         machine of one's own, or open more of the kernel to an attacker than they give.\n",
        count(Status::Implemented),
        CALLS.len(),
        count(Status::Planned),
        count(Status::Absent)
    );
    page.push_str("| number | call | answered | remarks |\n|---:|---|---|---|\n");
    for call in CALLS {
        let answered = match call.status {
            Status::Implemented => "yes",
            Status::Planned => "not yet",
            Status::Absent => "no",
        };
        let _ =
            writeln!(page, "| {} | `{}` | {answered} | {} |", call.number, signature(call), call.note.unwrap_or(""));
    }
    page
}

/// `name(argument, ...)`.
fn signature(call: &Call) -> String {
    let arguments: Vec<&str> = call.arguments.iter().map(|argument| argument.name).collect();
    format!("{}({})", call.name, arguments.join(", "))
}

#[cfg(test)]
mod tests {
    use super::markdown;

    #[test]
    fn each_call_has_its_row() {
        let page = markdown();
        assert!(page.contains("| 0 | `read(fd, buf, count)` |"));
        assert!(page.contains("| 134 | `uselib(library)` | no |"));
    }
}
