//! Thread groups: the processes of the application.

use crate::sync::{Mutex, Weak};

use super::Task;

/// A process: the tasks that share signals dispositions, a pid and a parent.
pub struct ThreadGroup {
    /// Process id in the root pid namespace.
    pub pid: i32,
    /// The threads, leader first.
    pub tasks: Mutex<Vec<Weak<Task>>>,
}
