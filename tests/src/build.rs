//! Compiling the C cases, once per content.

use crate::case::{Case, Link};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// Returns the program built from the C source of `case`, from `cache` where it was built before.
///
/// `include` is the folder of the shared header. Both sides of a comparison run this same file.
///
/// # Errors
/// The source cannot be read, or the compiler's message.
pub fn build(case: &Case, include: &Path, cache: &Path) -> io::Result<PathBuf> {
    let mut hash = DefaultHasher::new();
    fs::read(&case.path)?.hash(&mut hash);
    fs::read(include.join("case.h"))?.hash(&mut hash);
    case.settings.cflags.hash(&mut hash);
    case.settings.link.hash(&mut hash);
    let stem = case.name.replace('/', "-");
    let program = cache.join(format!("{stem}-{:016x}", hash.finish()));
    if program.exists() {
        return Ok(program);
    }
    fs::create_dir_all(cache)?;
    // Renamed into place when complete: another run may look for it at any moment.
    let unfinished = cache.join(format!("{stem}.{}", std::process::id()));
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-std=gnu11", "-pthread", "-D_GNU_SOURCE", "-Werror=implicit-function-declaration", "-I"])
        .arg(include);
    if case.settings.link == Link::Static {
        gcc.arg("-static");
    }
    gcc.arg("-o").arg(&unfinished).arg(&case.path).args(&case.settings.cflags);
    let output = gcc.output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    fs::rename(&unfinished, &program)?;
    Ok(program)
}
