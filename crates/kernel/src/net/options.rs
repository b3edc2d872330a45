//! Options of SOL_SOCKET; see socket(7).

use std::time::Duration;

use lazaret_abi::{
    errno::Errno,
    socket::{Linger, option},
    time::Timeval,
};
use zerocopy::{FromBytes, IntoBytes};

use super::Socket;
use crate::{
    task::creds::{Creds, cap},
    time::clock::timeval_of,
};

/// Size of buffers that nobody has set (`net.core.wmem_default`), and half the largest that one may
/// set.
pub const DEFAULT_BUFFER: usize = 212_992;

/// Bounds of SO_SNDBUF and SO_RCVBUF as the kernel keeps them, twice what was asked for.
const SEND_MIN: usize = 4608;
const RECEIVE_MIN: usize = 2304;
const BUFFER_MAX: usize = 2 * DEFAULT_BUFFER;

/// Options that are kept and not interpreted here.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are the options of socket(7)")]
pub struct Options {
    pub reuse_address: bool,
    pub reuse_port: bool,
    pub keep_alive: bool,
    pub broadcast: bool,
    pub debug: bool,
    pub dont_route: bool,
    pub oob_inline: bool,
    pub no_check: bool,
    pub timestamp: bool,
    pub pass_credentials: bool,
    pub priority: i32,
    pub mark: i32,
    pub busy_poll: i32,
    pub receive_low: i32,
    pub linger: Option<Duration>,
    pub send_buffer: usize,
    pub receive_buffer: usize,
    pub send_timeout: Option<Duration>,
    pub receive_timeout: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            reuse_address: false,
            reuse_port: false,
            keep_alive: false,
            broadcast: false,
            debug: false,
            dont_route: false,
            oob_inline: false,
            no_check: false,
            timestamp: false,
            pass_credentials: false,
            priority: 0,
            mark: 0,
            busy_poll: 0,
            receive_low: 1,
            linger: None,
            send_buffer: DEFAULT_BUFFER,
            receive_buffer: DEFAULT_BUFFER,
            send_timeout: None,
            receive_timeout: None,
        }
    }
}

impl Options {
    /// The switch behind an option, if it is one.
    fn switch(&mut self, number: u32) -> Option<&mut bool> {
        Some(match number {
            option::REUSEADDR => &mut self.reuse_address,
            option::REUSEPORT => &mut self.reuse_port,
            option::KEEPALIVE => &mut self.keep_alive,
            option::BROADCAST => &mut self.broadcast,
            option::DEBUG => &mut self.debug,
            option::DONTROUTE => &mut self.dont_route,
            option::OOBINLINE => &mut self.oob_inline,
            option::NO_CHECK => &mut self.no_check,
            option::TIMESTAMP => &mut self.timestamp,
            option::PASSCRED => &mut self.pass_credentials,
            _ => return None,
        })
    }
}

/// An `int` that setsockopt(2) was given.
///
/// # Errors
/// `EINVAL` when there are too few bytes.
pub fn int(value: &[u8]) -> Result<i32, Errno> {
    i32::read_from_prefix(value).map(|(value, _)| value).map_err(|_| Errno::EINVAL)
}

/// A timeout option; zero is none.
fn timeout(value: &[u8]) -> Result<Option<Duration>, Errno> {
    let (time, _) = Timeval::read_from_prefix(value).map_err(|_| Errno::EINVAL)?;
    let microseconds = u32::try_from(time.usec).ok().filter(|usec| *usec < 1_000_000).ok_or(Errno::EDOM)?;
    if time.sec < 0 {
        // Linux takes a negative time for one that is over at once.
        return Ok(Some(Duration::ZERO));
    }
    let time = Duration::new(time.sec.unsigned_abs(), microseconds * 1000);
    Ok(Some(time).filter(|time| !time.is_zero()))
}

/// What was asked for, doubled and within bounds.
fn buffer_size(value: &[u8], least: usize, most: usize) -> Result<usize, Errno> {
    let asked = usize::try_from(int(value)?).unwrap_or(0);
    Ok(asked.saturating_mul(2).clamp(least, most))
}

/// setsockopt(2).
///
/// # Errors
/// `EINVAL` for a value that is too short or wrong, `EPERM`, `ENOPROTOOPT`.
pub fn set(socket: &dyn Socket, creds: &Creds, number_level: u32, number: u32, value: &[u8]) -> Result<(), Errno> {
    if socket.owns_option(number_level, number) {
        return socket.set_option(number_level, number, value);
    }
    let mut options = socket.common().options.lock();
    if let Some(switch) = options.switch(number) {
        *switch = int(value)? != 0;
        drop(options);
        socket.options_changed();
        return Ok(());
    }
    let privileged = creds.has(cap::NET_ADMIN);
    match number {
        option::SNDBUF => options.send_buffer = buffer_size(value, SEND_MIN, BUFFER_MAX)?,
        option::RCVBUF => options.receive_buffer = buffer_size(value, RECEIVE_MIN, BUFFER_MAX)?,
        option::SNDBUFFORCE | option::RCVBUFFORCE if !privileged => return Err(Errno::EPERM),
        // The memory is the sandbox's, so that there is an end to it for the privileged as well.
        option::SNDBUFFORCE => options.send_buffer = buffer_size(value, SEND_MIN, 16 * BUFFER_MAX)?,
        option::RCVBUFFORCE => options.receive_buffer = buffer_size(value, RECEIVE_MIN, 16 * BUFFER_MAX)?,
        option::RCVLOWAT => options.receive_low = int(value)?.max(1),
        option::PRIORITY => {
            let priority = int(value)?;
            if !(0..=6).contains(&priority) && !privileged {
                return Err(Errno::EPERM);
            }
            options.priority = priority;
        }
        option::MARK => {
            let mark = int(value)?;
            if !privileged {
                return Err(Errno::EPERM);
            }
            options.mark = mark;
        }
        option::BUSY_POLL => options.busy_poll = int(value)?,
        option::LINGER => {
            let (linger, _) = Linger::read_from_prefix(value).map_err(|_| Errno::EINVAL)?;
            let seconds = u64::try_from(linger.seconds).unwrap_or(0);
            options.linger = (linger.on != 0).then(|| Duration::from_secs(seconds));
        }
        option::SNDTIMEO => options.send_timeout = timeout(value)?,
        option::RCVTIMEO => options.receive_timeout = timeout(value)?,
        option::TYPE | option::ERROR | option::PROTOCOL | option::DOMAIN | option::ACCEPTCONN | option::SNDLOWAT => {
            return Err(Errno::ENOPROTOOPT);
        }
        _ => {
            drop(options);
            return socket.set_option(number_level, number, value);
        }
    }
    drop(options);
    socket.options_changed();
    Ok(())
}

/// getsockopt(2).
///
/// # Errors
/// `ENOPROTOOPT`.
pub fn get(socket: &dyn Socket, number_level: u32, number: u32) -> Result<Vec<u8>, Errno> {
    if socket.owns_option(number_level, number) {
        return socket.option(number_level, number);
    }
    let common = socket.common();
    let mut options = common.options.lock();
    let value = match number {
        option::TYPE => common.kind.cast_signed(),
        option::DOMAIN => common.family.cast_signed(),
        option::PROTOCOL => common.protocol.cast_signed(),
        option::ERROR => common.take_error().map_or(0, Errno::raw),
        option::ACCEPTCONN => {
            drop(options);
            i32::from(socket.is_listening())
        }
        option::SNDBUF => i32::try_from(options.send_buffer).unwrap_or(i32::MAX),
        option::RCVBUF => i32::try_from(options.receive_buffer).unwrap_or(i32::MAX),
        option::RCVLOWAT => options.receive_low,
        option::SNDLOWAT => 1,
        option::PRIORITY => options.priority,
        option::MARK => options.mark,
        option::BUSY_POLL => options.busy_poll,
        option::LINGER => {
            let seconds = options.linger.map_or(0, |linger| i32::try_from(linger.as_secs()).unwrap_or(i32::MAX));
            return Ok(Linger { on: i32::from(options.linger.is_some()), seconds }.as_bytes().to_vec());
        }
        option::SNDTIMEO => return Ok(timeval_of(options.send_timeout.unwrap_or_default()).as_bytes().to_vec()),
        option::RCVTIMEO => return Ok(timeval_of(options.receive_timeout.unwrap_or_default()).as_bytes().to_vec()),
        _ => match options.switch(number) {
            Some(switch) => i32::from(*switch),
            None => {
                drop(options);
                return socket.option(number_level, number);
            }
        },
    };
    Ok(value.to_ne_bytes().to_vec())
}
