//! What there is of a connection behind its lock: the TCP core, and what it does not know of.

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use lazaret_abi::errno::Errno;
use smoltcp::{
    iface::{Config, Interface, PollResult, SocketHandle, SocketSet},
    socket::tcp::{CongestionControl, Socket, SocketBuffer, State},
    time,
    wire::HardwareAddress,
};

use super::{
    super::Stack,
    connection::Connection,
    device::{Last, Path, Wire, acknowledge},
};
use crate::{
    sync::{Arc, AtomicUsize, Ordering, Weak},
    wait::Events,
};

/// Buffers of all connections together, above which new ones get less.
const PLENTY: usize = 256 << 20;
const SCARCE: usize = 1 << 30;
/// Packets that are sent in a row.
const BURST: usize = 256;
/// How long the other side may take to end a connection that nobody holds any more (tcp_fin_timeout).
const FIN_WAIT: Duration = Duration::from_secs(60);
/// How long what nobody holds any more is sent again and again.
const ORPHANED: Duration = Duration::from_secs(100);
/// How long data are sent again and again: 15 times, as tcp_retries2 has it.
const RETRIES: Duration = Duration::from_secs(924);
/// How long a connection may take to be made from outside.
const SYN_RECEIVED: Duration = Duration::from_secs(63);
/// The core forgets what it has received 10 s of its clock after the end; by then it is left alone.
const QUIET: Duration = Duration::from_secs(1);
/// How long something that was received waits for something to be sent with it.
const ACK_DELAY: Duration = Duration::from_millis(10);
/// The core is looked at no sooner than after this, whatever it says.
const LEAST: Duration = Duration::from_millis(1);
/// How often it is asked for a window that stays shut.
const NUDGE: Duration = Duration::from_millis(500);

/// Bytes of buffers of all connections.
static BUFFERED: AtomicUsize = AtomicUsize::new(0);

/// How fast the core's clock runs while data flow. It waits for a second at least before it sends something again: too
/// long by far where answers take less than one. Linux waits for 200 ms (TCP_RTO_MIN).
const RATE: i64 = 5;

/// The core's clock. It runs as all clocks until the connection is made, and faster then.
#[derive(Clone, Copy, Debug)]
struct Clock {
    real: Instant,
    /// What it showed then.
    micros: i64,
    rate: i64,
}

impl Clock {
    fn new(now: Instant) -> Clock {
        // Zero has a meaning of its own.
        Clock { real: now, micros: 3_600_000_000, rate: 1 }
    }

    /// A point in time as the core has it.
    fn tick(&self, now: Instant) -> time::Instant {
        let passed = i64::try_from(now.saturating_duration_since(self.real).as_micros()).unwrap_or(i64::MAX);
        time::Instant::from_micros(self.micros.saturating_add(passed.saturating_mul(self.rate)))
    }

    /// The same back.
    fn instant(&self, tick: time::Instant) -> Instant {
        let left = tick.total_micros().saturating_sub(self.micros) / self.rate;
        self.real + Duration::from_micros(u64::try_from(left).unwrap_or(0))
    }

    fn span(&self, duration: Duration) -> time::Duration {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        time::Duration::from_micros(micros.saturating_mul(self.rate.unsigned_abs()))
    }

    fn speed_up(&mut self, now: Instant) {
        *self = Clock { real: now, micros: self.tick(now).total_micros(), rate: RATE };
    }
}

/// Settings of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// TCP_NODELAY
    pub no_delay: bool,
    /// SO_KEEPALIVE with TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT.
    pub keep_alive: Option<(Duration, Duration, u32)>,
    /// TCP_USER_TIMEOUT
    pub user_timeout: Option<Duration>,
    /// TCP_SYNCNT
    pub syn_retries: u32,
    /// IP_TTL
    pub ttl: u8,
    /// Sizes of the buffers for what is received and sent; `None` leaves them to the kernel.
    pub buffers: (Option<usize>, Option<usize>),
}

/// A socket that listens.
pub trait Listen: Send + Sync {
    /// A connection that it has been asked for is made.
    fn arrive(&self, connection: &Arc<Connection>);
}

/// Who has a connection.
pub enum Owner {
    /// A socket.
    Socket,
    /// One that listens will, once it is made.
    Listener(Weak<dyn Listen>),
    /// Nobody any more.
    Nobody,
}

/// What is to be seen of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// How far it has come.
    pub state: State,
    /// Bytes that can be read.
    pub readable: usize,
    /// The other side sends no more.
    pub ended: bool,
    /// Much can be sent.
    pub has_room: bool,
}

/// A connection behind its lock.
pub struct Block {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    mtu: usize,
    clock: Clock,
    /// Who has it.
    pub owner: Owner,
    /// Its packets are over: what is left can be read.
    pub finished: bool,
    /// And that only late packets can still come is to be told.
    pub retired: bool,
    /// Why, if that is no ordinary end.
    pub failure: Option<Errno>,
    /// How it is set.
    pub tuning: Tuning,
    /// The last packet that was sent.
    pub last: Option<Last>,
    /// When the other side was heard last.
    heard: Instant,
    /// Since when an answer is due.
    due: Option<Instant>,
    /// Since when it has been over but for late packets, or in the hands of the other side alone.
    closing: Option<Instant>,
    /// When the other side is asked to tell its window again. The core forgets that if the window was shut when
    /// something had to be sent once more: it has data then, and waits for nothing.
    nudge: Option<Instant>,
    buffered: usize,
    /// The key of its timer.
    pub timer: Option<Instant>,
}

fn random() -> u64 {
    let mut seed = [0; 8];
    // It does not fail once the host is up.
    let _ = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
    u64::from_ne_bytes(seed)
}

/// The core's idea of an interface. Each connection has one, and with it numbers that no other one lets guess.
pub fn interface(wire: &mut Wire<'_>) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = random();
    let mut interface = Interface::new(config, wire, time::Instant::ZERO);
    // Whether a packet is ours is known before it gets there.
    interface.set_any_ip(true);
    interface
}

fn size(wanted: Option<usize>) -> usize {
    wanted.unwrap_or_else(|| match BUFFERED.load(Ordering::Relaxed) {
        0..PLENTY => 512 << 10,
        PLENTY..SCARCE => 128 << 10,
        _ => 16 << 10,
    })
}

impl Block {
    /// A connection without a past.
    pub fn new(stack: &Stack, path: &Path, mtu: usize, owner: Owner, tuning: Tuning) -> Block {
        let (receive, send) = (size(tuning.buffers.0), size(tuning.buffers.1));
        BUFFERED.fetch_add(receive + send, Ordering::Relaxed);
        // The host gives memory when it is touched.
        let mut socket = Socket::new(SocketBuffer::new(vec![0; receive]), SocketBuffer::new(vec![0; send]));
        socket.set_congestion_control(CongestionControl::Reno);
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        let mut block = Block {
            interface: interface(&mut Wire::new(stack, path, mtu, None)),
            sockets,
            handle,
            mtu,
            clock: Clock::new(Instant::now()),
            owner,
            finished: false,
            retired: false,
            failure: None,
            tuning,
            last: None,
            heard: Instant::now(),
            due: None,
            closing: None,
            nudge: None,
            buffered: receive + send,
            timer: None,
        };
        block.tune(tuning);
        block
    }

    /// The core's socket.
    pub fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// The core's socket, and what else it takes to make a connection.
    pub fn parts(&mut self) -> (&mut Interface, &mut Socket<'static>) {
        (&mut self.interface, self.sockets.get_mut(self.handle))
    }

    /// How far it has come.
    pub fn state(&self) -> State {
        if self.finished { State::Closed } else { self.sockets.get::<Socket<'_>>(self.handle).state() }
    }

    /// Changes the settings, but for the buffers.
    pub fn tune(&mut self, tuning: Tuning) {
        self.tuning = tuning;
        let socket = self.socket();
        socket.set_nagle_enabled(!tuning.no_delay);
        socket.set_hop_limit(Some(tuning.ttl.max(1)));
        if tuning.keep_alive.is_none() {
            socket.set_keep_alive(None);
        }
    }

    /// The largest packet on the way is smaller than was thought.
    pub fn shrink(&mut self, stack: &Stack, path: &Path, mtu: usize) {
        if mtu < self.mtu {
            self.mtu = mtu;
            self.interface = interface(&mut Wire::new(stack, path, mtu, None));
        }
    }

    /// What is to be seen.
    pub fn look(&self) -> Look {
        let socket: &Socket<'_> = self.sockets.get(self.handle);
        let state = self.state();
        let free = socket.send_capacity() - socket.send_queue();
        Look {
            state,
            readable: socket.recv_queue(),
            ended: matches!(
                state,
                State::CloseWait | State::LastAck | State::Closing | State::TimeWait | State::Closed
            ),
            // As Linux has it (sk_stream_is_writeable).
            has_room: matches!(state, State::Established | State::CloseWait) && free >= socket.send_queue() / 2,
        }
    }

    fn is_orphan(&self) -> bool {
        matches!(self.owner, Owner::Nobody)
    }

    /// The other side owes an answer.
    fn expects(&self) -> bool {
        let sent = self.sockets.get::<Socket<'_>>(self.handle).send_queue() > 0;
        let closing = matches!(self.state(), State::FinWait1 | State::Closing | State::LastAck);
        !self.finished && (sent || closing || matches!(self.state(), State::SynSent | State::SynReceived))
    }

    /// How long the other side may owe an answer.
    fn patience(&self) -> Duration {
        match self.state() {
            // 1 + 2 + 4 ... seconds, up to a minute each.
            State::SynSent => {
                let waits = (0..=self.tuning.syn_retries).map(|n| 1_u64.checked_shl(n).unwrap_or(60).min(64));
                let all = Duration::from_secs(waits.sum());
                self.tuning.user_timeout.map_or(all, |limit| limit.min(all))
            }
            State::SynReceived => SYN_RECEIVED,
            _ if self.is_orphan() => self.tuning.user_timeout.unwrap_or(ORPHANED).min(ORPHANED),
            _ => self.tuning.user_timeout.unwrap_or(RETRIES),
        }
    }

    /// When the other side is taken for dead.
    fn death(&self) -> Option<Instant> {
        if self.finished {
            return None;
        }
        if let Some(since) = self.closing {
            let time_wait = self.state() == State::TimeWait;
            return Some(since + if time_wait { QUIET } else { FIN_WAIT });
        }
        if let Some(due) = self.due {
            return Some(due.max(self.heard) + self.patience());
        }
        let (idle, interval, count) = self.tuning.keep_alive.filter(|_| self.is_up())?;
        Some(self.heard + idle + interval.saturating_mul(count))
    }

    fn is_up(&self) -> bool {
        matches!(self.state(), State::Established | State::CloseWait | State::FinWait2)
    }

    /// Ends it for a reason; the other side is told unless it is taken for dead or away.
    pub fn fail(&mut self, error: Errno, tell: bool) {
        if !self.finished {
            self.failure = Some(error);
            if tell {
                self.socket().abort();
            } else {
                self.finished = true;
            }
        }
    }

    /// Gives the core a packet if one has arrived, and sends what is to be sent.
    pub fn run(&mut self, stack: &Stack, path: &Path, arriving: Option<&[u8]>) {
        let now = Instant::now();
        if arriving.is_some() {
            self.heard = now;
        }
        self.bury(now);
        self.probe(now);
        self.nudge(stack, path, now);
        self.turn(stack, path, arriving, now);
        if self.is_orphan() && !self.finished && self.socket().can_recv() {
            // Data that nobody will read; RFC 2525, 2.17.
            self.socket().abort();
            self.turn(stack, path, None, now);
        }
        self.settle(now);
    }

    /// One turn of the core.
    fn turn(&mut self, stack: &Stack, path: &Path, arriving: Option<&[u8]>, now: Instant) {
        if self.finished {
            return;
        }
        let (before, tick) = (self.state(), self.clock.tick(now));
        let mut wire = Wire::new(stack, path, self.mtu, arriving);
        let (interface, sockets) = (&mut self.interface, &mut self.sockets);
        // The core asserts what it believes of itself. Should a packet make that wrong, it costs this connection alone.
        let ran = catch_unwind(AssertUnwindSafe(|| {
            if arriving.is_some() {
                interface.poll_ingress_single(tick, &mut wire, sockets);
            }
            for _ in 0..BURST {
                if interface.poll_egress(tick, &mut wire, sockets) == PollResult::None {
                    break;
                }
            }
        }));
        self.last = wire.last.or(self.last);
        if ran.is_err() {
            self.sockets = SocketSet::new(Vec::with_capacity(1));
            self.handle = self.sockets.add(Socket::new(SocketBuffer::new(Vec::new()), SocketBuffer::new(Vec::new())));
            self.fail(Errno::ECONNABORTED, false);
        }
        if arriving.is_some() && self.failure.is_none() {
            self.failure = reset(before, self.state());
        }
        if self.clock.rate == 1 && !matches!(self.state(), State::Listen | State::SynSent | State::SynReceived) {
            self.clock.speed_up(now);
            let delay = self.clock.span(ACK_DELAY);
            self.socket().set_ack_delay(Some(delay));
        }
    }

    /// Ends what has waited for too long.
    fn bury(&mut self, now: Instant) {
        if self.death().is_none_or(|death| now < death) {
            return;
        }
        match self.state() {
            // What was received can still be read.
            State::TimeWait => self.retire(),
            State::FinWait2 => self.finished = true,
            state => self.fail(Errno::ETIMEDOUT, self.due.is_none() && state != State::SynSent),
        }
    }

    /// Only late packets can still come, and for those others see to.
    fn retire(&mut self) {
        self.finished = true;
        self.retired = true;
    }

    /// Tells the core how soon it asks whether the other side is alive.
    fn probe(&mut self, now: Instant) {
        let Some((idle, interval, _)) = self.tuning.keep_alive.filter(|_| self.is_up()) else { return };
        let silent = now.saturating_duration_since(self.heard) + LEAST >= idle;
        let wanted = Some(self.clock.span(if silent { interval } else { idle }));
        if self.socket().keep_alive() != wanted {
            self.socket().set_keep_alive(wanted);
        }
    }

    /// Sends what the other side has acknowledged already, without a byte of it, which it answers with its window; as
    /// tcp_xmit_probe_skb of Linux.
    fn nudge(&mut self, stack: &Stack, path: &Path, now: Instant) {
        if self.nudge.is_none_or(|when| now < when) {
            return;
        }
        self.nudge = None;
        let socket = self.socket();
        let (queued, local, remote) = (socket.send_queue(), socket.local_endpoint(), socket.remote_endpoint());
        if let (Some(last), Some(local), Some(remote)) = (self.last, local, remote) {
            let ends = (SocketAddr::from((local.addr, local.port)), SocketAddr::from((remote.addr, remote.port)));
            acknowledge(stack, path, ends, Last { sequence: last.sequence - queued - 1, ..last });
        }
    }

    /// Looks at where the core has come to.
    fn settle(&mut self, now: Instant) {
        // Unless a last packet has yet to be sent.
        let silent = self.interface.poll_at(self.clock.tick(now), &self.sockets).is_none();
        self.finished |= self.state() == State::Listen || self.state() == State::Closed && silent;
        let is_stuck = silent && !self.finished && self.socket().send_queue() > 0;
        self.nudge = if is_stuck { self.nudge.or(Some(now + NUDGE)) } else { None };
        if self.is_orphan() && self.state() == State::TimeWait {
            self.retire();
        }
        self.due = if self.expects() { self.due.or(Some(now)) } else { None };
        let waits = match self.state() {
            State::TimeWait => true,
            State::FinWait2 => self.is_orphan(),
            _ => false,
        };
        self.closing = if waits { self.closing.or(Some(now)) } else { None };
    }

    /// When it is to be looked at again.
    pub fn next(&mut self, path: &Path) -> Option<Instant> {
        if self.finished {
            return None;
        }
        let now = Instant::now();
        let core = self.interface.poll_at(self.clock.tick(now), &self.sockets);
        let core = core.map(|tick| self.clock.instant(tick).max(now + LEAST));
        // With a full link it is when there is room.
        let core = core.filter(|_| !path.link.is_full());
        [core, self.nudge, self.death()].into_iter().flatten().min()
    }
}

/// Why a packet has ended a connection; see tcp_reset of Linux.
fn reset(before: State, after: State) -> Option<Errno> {
    match (before, after) {
        (State::SynSent, State::Closed) => Some(Errno::ECONNREFUSED),
        (State::CloseWait, State::Closed) => Some(Errno::EPIPE),
        (State::Established | State::SynReceived | State::FinWait1 | State::FinWait2, State::Closed) => {
            Some(Errno::ECONNRESET)
        }
        _ => None,
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        BUFFERED.fetch_sub(self.buffered, Ordering::Relaxed);
    }
}

/// What those who wait are told of what has changed.
pub fn news(before: Look, after: Look) -> Events {
    let mut events = Events::empty();
    if after.readable > before.readable {
        events |= Events::READABLE;
    }
    if after.ended && !before.ended {
        events |= Events::READABLE | Events::RDHUP;
    }
    if after.has_room && !before.has_room {
        events |= Events::WRITABLE;
    }
    if after.state == State::Closed && before.state != State::Closed {
        events |= Events::all();
    }
    events
}
