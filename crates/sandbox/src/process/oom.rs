//! Who is killed first when memory is short: an application's process, not the kernel that all of them need.
//!
//! See `/proc/PID/oom_score_adj` in proc(5). The stubs inherit theirs from the first one; whatever they are asked to
//! have, the sandbox process has less.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
};

use lazaret_control::Failure;

/// How much sooner: as if a stub used half of all memory more.
const SOONER: i32 = 500;

/// The score of the calling process.
const PATH: &str = "/proc/self/oom_score_adj";

/// The largest score.
const MOST: i32 = 1000;

/// What the sandbox process gets when its container is to have `score`: little enough for its stubs to get more.
pub fn of_sandbox(score: i32) -> i32 {
    score.min(MOST - SOONER)
}

/// The score of the calling process, which its children inherit; 0 where there is no procfs.
pub fn inherited() -> i32 {
    fs::read_to_string(PATH).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The score of this process, while the host's procfs is in sight.
pub struct Score {
    file: File,
    own: i32,
}

impl Score {
    /// `None` where there is no procfs.
    pub fn of_this_process() -> Option<Score> {
        let own = fs::read_to_string(PATH).ok()?.trim().parse().ok()?;
        Some(Score { file: OpenOptions::new().write(true).open(PATH).ok()?, own })
    }

    /// Runs `make` while this process has the score that its children are to have.
    ///
    /// # Errors
    /// Those of `make`, or the host's refusal of a score that it had given before.
    pub fn for_stubs<T>(&self, make: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let failed = |error: io::Error| Failure::host("set the OOM score", error);
        self.set((self.own + SOONER).min(MOST)).map_err(failed)?;
        let made = make()?;
        self.set(self.own).map_err(failed)?;
        Ok(made)
    }

    fn set(&self, score: i32) -> io::Result<()> {
        self.file.write_all_at(score.to_string().as_bytes(), 0)
    }
}
