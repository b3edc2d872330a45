//! Connections over links, as a socket has them.

use std::time::Duration;

use lazaret_abi::{
    errno::Errno,
    socket::{ip, level, message, tcp},
};

use super::levels::Levels;
use crate::{
    net::{
        Common, Incoming, Patience,
        options::DEFAULT_BUFFER,
        stack::tcp::{Connection, State, Tuning},
    },
    sync::Arc,
    uio::{Sink, Source},
    wait::Events,
};

/// What the options of a socket mean for its connection.
pub fn tuning(common: &Common, levels: &Levels) -> Tuning {
    let options = common.options.lock();
    let value = |option| u64::try_from(levels.value(level::TCP, option)).unwrap_or(0);
    let seconds = |option| Duration::from_secs(value(option));
    let count = |option| u32::try_from(value(option)).unwrap_or(0);
    let keep_alive = options.keep_alive;
    let size = |size: usize| (size != DEFAULT_BUFFER).then_some(size);
    Tuning {
        no_delay: levels.value(level::TCP, tcp::NODELAY) != 0,
        keep_alive: keep_alive.then(|| (seconds(tcp::KEEPIDLE), seconds(tcp::KEEPINTVL), count(tcp::KEEPCNT))),
        user_timeout: Some(Duration::from_millis(value(tcp::USER_TIMEOUT))).filter(|timeout| !timeout.is_zero()),
        syn_retries: count(tcp::SYNCNT),
        ttl: u8::try_from(levels.value(level::IP, ip::TTL)).unwrap_or(64),
        buffers: (size(options.receive_buffer), size(options.send_buffer)),
    }
}

/// What became of a connect(2).
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// It is connected, or was.
    Made,
    /// It failed.
    Failed(Errno),
}

/// What became of the connect(2) of a connection.
pub fn outcome(common: &Common, connection: &Connection) -> Outcome {
    match connection.state() {
        State::SynSent | State::SynReceived => Outcome::Pending,
        State::Closed if common.has_error() => Outcome::Failed(common.take_error().unwrap_or(Errno::ECONNREFUSED)),
        _ => Outcome::Made,
    }
}

/// sendmsg(2).
pub fn send(
    common: &Common,
    connection: &Arc<Connection>,
    source: &mut dyn Source,
    patience: Patience,
) -> Result<usize, Errno> {
    let (mut done, queue) = (0, common.queue.clone());
    loop {
        // Urgent data go in line.
        let step = patience.wait(&[(&queue, Events::WRITABLE | Events::HUP)], || {
            if let Some(error) = common.take_error() {
                return Some(Err(error));
            }
            connection.send(source)
        });
        match step {
            Ok(sent) => done += sent,
            Err(_) if done > 0 => return Ok(done),
            Err(error) => return Err(error),
        }
        if source.remaining() == 0 {
            return Ok(done);
        }
    }
}

/// recvmsg(2): what is there, then a pending error, then the end.
pub fn receive(
    common: &Common,
    connection: &Arc<Connection>,
    sink: &mut dyn Sink,
    flags: u32,
    patience: Patience,
    is_shut: &dyn Fn() -> bool,
) -> Result<Incoming, Errno> {
    let low = usize::try_from(common.options.lock().receive_low).unwrap_or(1);
    let peek = flags & message::PEEK != 0;
    let want = if flags & message::WAITALL != 0 { sink.remaining() } else { low.min(sink.remaining()) };
    let (mut total, queue) = (Incoming::default(), common.queue.clone());
    loop {
        let got = patience.wait(&[(&queue, Events::READABLE)], || match connection.receive(sink, peek) {
            // An error goes before the end.
            None | Some(Ok(0)) if common.has_error() => common.take_error().map(Err),
            None => is_shut().then_some(Ok(0)),
            got => got,
        });
        let got = match got {
            Ok(got) => got,
            Err(_) if total.length > 0 => return Ok(total),
            Err(error) => return Err(error),
        };
        total.length += got;
        total.full = total.length;
        if got == 0 || peek || total.length >= want {
            return Ok(total);
        }
    }
}

/// What is ready: `events` and what the connection has. `shut` tells what the socket receives and sends no more.
pub fn events(connection: &Connection, mut events: Events, shut: (bool, bool)) -> Events {
    events |= connection.events();
    if shut.0 {
        events |= Events::READABLE | Events::RDHUP;
    }
    if shut.1 {
        events |= Events::WRITABLE;
    }
    if events.contains(Events::RDHUP) && shut.1 {
        events |= Events::HUP;
    }
    events
}

/// How Linux numbers the states of a connection.
pub const ESTABLISHED: u8 = 1;
pub const SYN_SENT: u8 = 2;
pub const FIN_WAIT2: u8 = 5;
pub const CLOSE: u8 = 7;
pub const CLOSE_WAIT: u8 = 8;
pub const LISTEN: u8 = 10;

impl Connection {
    /// Where it stands, as Linux numbers it (TCP_ESTABLISHED ...).
    pub fn state_number(&self) -> u8 {
        match self.state() {
            State::Established => ESTABLISHED,
            State::SynSent => SYN_SENT,
            State::SynReceived => 3,
            State::FinWait1 => 4,
            State::FinWait2 => FIN_WAIT2,
            State::TimeWait => 6,
            State::Closed => CLOSE,
            State::CloseWait => CLOSE_WAIT,
            State::LastAck => 9,
            State::Listen => LISTEN,
            State::Closing => 11,
        }
    }
}
