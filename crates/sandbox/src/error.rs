//! What can go wrong, in words for the person who typed the command.

use std::path::Path;

use lazaret_control::Failure;

/// Why an operation on a sandbox failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A step failed, here or in one of the sandbox's processes.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// A `config.json` is wrong.
    #[error("{file}: {}{problem}", field_prefix(.field))]
    Spec {
        /// The file.
        file: String,
        /// The field, as a path such as `process.args[0]`; empty if it is about the whole file.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// Not an id.
    #[error("invalid container id {0:?}: letters, digits, '_', '+', '-' and '.' are allowed, up to 255 of them")]
    InvalidId(String),
    /// The id is in use.
    #[error("a container with id {0:?} exists already")]
    Exists(String),
    /// No such container.
    #[error("container {0:?} does not exist")]
    NotFound(String),
    /// The container is in another state than the operation needs.
    #[error("cannot {operation} container {id:?}: it is {}", in_words(.status))]
    Status {
        /// The container.
        id: String,
        /// What was to be done.
        operation: &'static str,
        /// The state it is in.
        status: String,
    },
    /// Talking to a sandbox failed.
    #[error("sandbox {id:?}: {error}")]
    Control {
        /// The sandbox.
        id: String,
        /// Why.
        error: lazaret_control::Error,
    },
}

fn field_prefix(field: &str) -> String {
    if field.is_empty() || field == "." { String::new() } else { format!("{field}: ") }
}

/// A status, with the words by which containerd's shim for runc knows that a container has ended.
fn in_words(status: &str) -> &str {
    if status == "stopped" { "stopped: container not running" } else { status }
}

impl Error {
    /// The sandbox process has ended instead of answering.
    pub fn is_end(&self) -> bool {
        matches!(self, Error::Control { error: lazaret_control::Error::Closed, .. })
    }

    /// A step that the host refused.
    pub(crate) fn host(step: impl Into<String>, error: impl Into<std::io::Error>) -> Error {
        Error::Failed(Failure::host(step, error))
    }

    /// A wrong field of a file.
    pub(crate) fn spec(file: &Path, field: &str, problem: impl Into<String>) -> Error {
        Error::Spec { file: file.display().to_string(), field: field.into(), problem: problem.into() }
    }
}
