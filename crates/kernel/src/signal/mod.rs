//! Signals: who may send them, where they wait, and what they do; see signal(7).

pub mod action;
pub mod child;
pub mod deliver;
pub mod frame;
pub mod queue;
pub mod restart;
pub mod send;
pub mod stop;
pub mod wait;

pub use send::{force, raise, send_to_process, send_to_thread};
