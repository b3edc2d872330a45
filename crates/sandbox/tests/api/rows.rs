//! The rows.

mod containers;
mod control;
mod execution;
mod sandbox;

/// Name and body of each row's test.
pub const ROWS: &[(&str, fn())] = &[
    ("a_sandbox_begins_and_ends", sandbox::a_sandbox_begins_and_ends),
    ("a_sandbox_is_found_again_and_told", sandbox::a_sandbox_is_found_again_and_told),
    ("what_fails_leaves_nothing_and_says_why", sandbox::what_fails_leaves_nothing_and_says_why),
    ("messages_for_the_user_go_to_their_log", sandbox::messages_for_the_user_go_to_their_log),
    ("threads_are_looked_into", sandbox::threads_are_looked_into),
    ("logging_changes", sandbox::logging_changes),
    ("containers_join_a_sandbox_and_leave_it", containers::containers_join_a_sandbox_and_leave_it),
    ("a_container_gets_a_terminal", containers::a_container_gets_a_terminal),
    ("many_wait_for_one_end", containers::many_wait_for_one_end),
    ("a_process_is_waited_for", execution::a_process_is_waited_for),
    ("a_process_is_as_asked_for", execution::a_process_is_as_asked_for),
    ("a_process_gets_files_and_limits", execution::a_process_gets_files_and_limits),
    ("a_signal_reaches_all_processes", control::a_signal_reaches_all_processes),
    ("a_signal_reaches_one_process", control::a_signal_reaches_one_process),
    ("a_signal_reaches_the_foreground", control::a_signal_reaches_the_foreground),
    ("processes_are_listed", control::processes_are_listed),
    ("what_is_used_is_counted", control::what_is_used_is_counted),
    ("pauses_count", control::pauses_count),
    ("limits_change", control::limits_change),
];
