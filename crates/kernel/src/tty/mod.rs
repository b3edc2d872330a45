//! Terminals: the line discipline, pseudo-terminals and job control.

mod console;
mod device;
mod devpts;
pub mod discipline;
pub mod job;
mod terminal;
pub mod termios;

pub use self::{
    console::Console,
    device::{Master, Slave},
    devpts::Devpts,
    terminal::{Terminal, WindowSize},
};
