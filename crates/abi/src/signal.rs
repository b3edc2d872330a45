//! Signals; see signal(7), sigaction(2), sigaltstack(2), signalfd(2).

use std::fmt;

use lazaret_snapshot::{Reader, Snapshot, Writer};

/// A signal that exists: 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

macro_rules! signals {
    ($($name:ident = $value:literal,)*) => {
        #[allow(missing_docs, reason = "the names are signal(7)'s")]
        impl Signal {
            $(pub const $name: Signal = Signal($value);)*
        }

        /// Names of the standard signals without `SIG`, by number from 1 on.
        const STANDARD_NAMES: [&str; 31] = [$(stringify!($name),)*];
    };
}

signals! {
    HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10, SEGV = 11,
    USR2 = 12, PIPE = 13, ALRM = 14, TERM = 15, STKFLT = 16, CHLD = 17, CONT = 18, STOP = 19, TSTP = 20, TTIN = 21,
    TTOU = 22, URG = 23, XCPU = 24, XFSZ = 25, VTALRM = 26, PROF = 27, WINCH = 28, IO = 29, PWR = 30, SYS = 31,
}

impl Signal {
    /// The first real-time signal.
    pub const RT_MIN: Signal = Signal(32);
    /// The last signal.
    pub const MAX: Signal = Signal(64);

    /// The signal with this number, if there is one.
    pub const fn new(number: i32) -> Option<Signal> {
        if number >= 1 && number <= 64 { Some(Signal(number as u8)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> i32 {
        self.0 as i32
    }

    /// A real-time signal, which is queued as often as it is sent.
    pub const fn is_realtime(self) -> bool {
        self.0 >= Signal::RT_MIN.0
    }

    /// The set with this signal alone.
    pub const fn set(self) -> SigSet {
        SigSet(1 << (self.0 - 1))
    }

    /// All signals, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Signal> {
        (1..=64).map(Signal)
    }
}

impl Snapshot for Signal {
    fn save(&self, writer: &mut Writer) -> lazaret_snapshot::Result<()> {
        self.get().save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> lazaret_snapshot::Result<Self> {
        Signal::new(i32::load(reader)?).ok_or(lazaret_snapshot::Error::Invalid("signal"))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match STANDARD_NAMES.get(usize::from(self.0) - 1) {
            Some(name) => write!(f, "SIG{name}"),
            None if *self == Signal::RT_MIN => f.write_str("SIGRTMIN"),
            None => write!(f, "SIGRT_{}", self.0 - Signal::RT_MIN.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of signals as the system calls take it (`sigset_t` of 8 bytes): bit n - 1 is signal n.
#[repr(transparent)]
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
    zerocopy::KnownLayout,
    Snapshot,
)]
pub struct SigSet(u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: SigSet = SigSet(0);
    /// All signals.
    pub const FULL: SigSet = SigSet(u64::MAX);
    /// SIGKILL and SIGSTOP, which nobody can block, catch or ignore.
    pub const UNBLOCKABLE: SigSet = Signal::KILL.set().union(Signal::STOP.set());
    /// Size in bytes; the calls that take a set want to be told just this.
    pub const SIZE: usize = 8;

    /// The set with these bits.
    pub const fn from_bits(bits: u64) -> SigSet {
        SigSet(bits)
    }

    /// The bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Signals of either set.
    pub const fn union(self, other: SigSet) -> SigSet {
        SigSet(self.0 | other.0)
    }

    /// Signals of both sets.
    pub const fn intersection(self, other: SigSet) -> SigSet {
        SigSet(self.0 & other.0)
    }

    /// Signals that `other` lacks.
    pub const fn difference(self, other: SigSet) -> SigSet {
        SigSet(self.0 & !other.0)
    }

    /// There is no signal in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The signal is in it.
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & signal.set().0 != 0
    }

    /// Adds a signal.
    pub fn insert(&mut self, signal: Signal) {
        self.0 |= signal.set().0;
    }

    /// Takes a signal out.
    pub fn remove(&mut self, signal: Signal) {
        self.0 &= !signal.set().0;
    }

    /// Its signals, ascending.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        Signal::all().filter(move |signal| self.contains(*signal))
    }
}

/// As strace(1) writes it: `[INT TERM]`, or `~[KILL]` where that is shorter.
impl fmt::Display for SigSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, shown) = if self.0.count_ones() > 32 { ("~", SigSet(!self.0)) } else { ("", *self) };
        write!(f, "{mark}[")?;
        for (position, signal) in shown.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            write!(f, "{space}{}", signal.to_string().trim_start_matches("SIG"))?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for SigSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

names! {
    /// `how` of sigprocmask(2).
    pub mod how: u32 = "SIG_" { BLOCK = 0, UNBLOCK = 1, SETMASK = 2, }

    /// Special handlers of sigaction(2).
    pub mod handler: u64 = "SIG_" { DFL = 0, IGN = 1, }

    /// Flags of sigaction(2).
    pub mod action: u64 = "SA_" {
        RESTORER = 0x0400_0000, NOCLDSTOP = 1, NOCLDWAIT = 2, SIGINFO = 4, UNSUPPORTED = 0x400, EXPOSE_TAGBITS = 0x800,
        ONSTACK = 0x0800_0000, RESTART = 0x1000_0000, NODEFER = 0x4000_0000, RESETHAND = 0x8000_0000,
    }

    /// Flags of sigaltstack(2).
    pub mod stack: u32 = "SS_" { ONSTACK = 1, DISABLE = 2, AUTODISARM = 1 << 31, }

    /// `si_code` of signals that are not faults.
    pub mod code: i32 = "SI_" {
        USER = 0, KERNEL = 0x80, QUEUE = -1, TIMER = -2, MESGQ = -3, ASYNCIO = -4, SIGIO = -5, TKILL = -6,
    }

    /// `si_code` of SIGCHLD.
    pub mod child: i32 = "CLD_" { EXITED = 1, KILLED = 2, DUMPED = 3, TRAPPED = 4, STOPPED = 5, CONTINUED = 6, }

    /// `si_code` of SIGSEGV.
    pub mod segv: i32 = "SEGV_" { MAPERR = 1, ACCERR = 2, BNDERR = 3, PKUERR = 4, }

    /// `si_code` of SIGBUS.
    pub mod bus: i32 = "BUS_" { ADRALN = 1, ADRERR = 2, OBJERR = 3, }

    /// `si_code` of SIGTRAP.
    pub mod trap: i32 = "TRAP_" { BRKPT = 1, TRACE = 2, }

    /// `sigev_notify` of timer_create(2).
    pub mod event: i32 = "SIGEV_" { SIGNAL = 0, NONE = 1, THREAD = 2, THREAD_ID = 4, }

    /// Flags of signalfd4(2).
    pub mod signalfd: u32 = "SFD_" { NONBLOCK = 0o4000, CLOEXEC = 0o2000000, }

    /// Flags of pidfd_send_signal(2).
    pub mod pidfd_signal: u32 = "PIDFD_SIGNAL_" { THREAD = 1, THREAD_GROUP = 2, PROCESS_GROUP = 4, }
}

/// Least size of an alternate stack; sigaltstack(2) of Linux wants no more, whatever the processor.
pub const MIN_STACK_SIZE: u64 = 2048;

structures! {
    /// `struct sigaction` of the kernel.
    pub struct SigAction { pub handler: u64, pub flags: u64, pub restorer: u64, pub mask: SigSet, }

    /// `stack_t`.
    pub struct SigAltStack { pub address: u64, pub flags: u32, pub pad: u32, pub size: u64, }

    /// `siginfo_t`. What `fields` hold depends on the signal; the methods fill and read them.
    pub struct SigInfo { pub signal: i32, pub errno: i32, pub code: i32, pub pad: u32, pub fields: [u64; 14], }

    /// `struct sigevent`.
    pub struct SigEvent { pub value: u64, pub signal: i32, pub notify: i32, pub tid: i32, pub pad: [u32; 11], }

    /// `struct signalfd_siginfo`.
    pub struct SignalfdInfo {
        pub signal: u32,
        pub errno: i32,
        pub code: i32,
        pub pid: u32,
        pub uid: u32,
        pub fd: i32,
        pub tid: u32,
        pub band: u32,
        pub overrun: u32,
        pub trap: u32,
        pub status: i32,
        pub int: i32,
        pub value: u64,
        pub user_time: u64,
        pub system_time: u64,
        pub address: u64,
        pub address_lsb: u16,
        pub pad2: u16,
        pub syscall: i32,
        pub call_address: u64,
        pub arch: u32,
        pub pad: [u8; 28],
    }
}

/// Two 32-bit fields, the first at the lower address.
const fn pair(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

impl SigInfo {
    /// A signal without further information.
    pub fn new(signal: Signal, code: i32) -> SigInfo {
        SigInfo { signal: signal.get(), code, ..SigInfo::default() }
    }

    /// kill(2), tgkill(2), with the sender.
    pub fn sent(signal: Signal, code: i32, pid: i32, uid: u32) -> SigInfo {
        let mut info = SigInfo::new(signal, code);
        info.fields[0] = pair(pid.cast_unsigned(), uid);
        info
    }

    /// sigqueue(3), with the sender and its value.
    pub fn queued(signal: Signal, code: i32, pid: i32, uid: u32, value: u64) -> SigInfo {
        let mut info = SigInfo::sent(signal, code, pid, uid);
        info.fields[1] = value;
        info
    }

    /// A fault, with the address it happened at.
    pub fn fault(signal: Signal, code: i32, address: u64) -> SigInfo {
        let mut info = SigInfo::new(signal, code);
        info.fields[0] = address;
        info
    }

    /// SIGCHLD: what became of a child, and its times in clock ticks.
    pub fn child(code: i32, pid: i32, uid: u32, status: i32, user: i64, system: i64) -> SigInfo {
        let mut info = SigInfo::sent(Signal::CHLD, code, pid, uid);
        info.fields[1] = pair(status.cast_unsigned(), 0);
        info.fields[2] = user.cast_unsigned();
        info.fields[3] = system.cast_unsigned();
        info
    }

    /// SIGSYS: the call that was refused, and the address after it.
    pub fn syscall(code: i32, errno: i32, address: u64, number: u32, arch: u32) -> SigInfo {
        let mut info = SigInfo::fault(Signal::SYS, code, address);
        info.errno = errno;
        info.fields[1] = pair(number, arch);
        info
    }

    /// A POSIX timer ran out: its id, how often more than once, and the value given to it.
    pub fn timer(signal: Signal, id: i32, overrun: i32, value: u64) -> SigInfo {
        let mut info = SigInfo::new(signal, code::TIMER);
        info.fields[0] = pair(id.cast_unsigned(), overrun.cast_unsigned());
        info.fields[1] = value;
        info
    }

    /// `si_pid`.
    pub const fn pid(&self) -> i32 {
        (self.fields[0] as u32).cast_signed()
    }

    /// `si_uid`.
    pub const fn uid(&self) -> u32 {
        (self.fields[0] >> 32) as u32
    }

    /// `si_timerid`.
    pub const fn timer_id(&self) -> i32 {
        (self.fields[0] as u32).cast_signed()
    }

    /// `si_overrun`.
    pub const fn overrun(&self) -> i32 {
        ((self.fields[0] >> 32) as u32).cast_signed()
    }

    /// `si_value` of a queued signal.
    pub const fn value(&self) -> u64 {
        self.fields[1]
    }

    /// `si_addr` of a fault.
    pub const fn address(&self) -> u64 {
        self.fields[0]
    }

    /// `si_status` of SIGCHLD.
    pub const fn status(&self) -> i32 {
        (self.fields[1] as u32).cast_signed()
    }
}

impl SigAction {
    /// Whether all of `flags` (bits of [`action`]) are set.
    pub const fn has(&self, flags: u64) -> bool {
        self.flags & flags == flags
    }
}

#[cfg(test)]
mod tests {
    use super::{SigSet, Signal};

    #[test]
    fn signals_have_names() {
        assert_eq!(Signal::KILL.to_string(), "SIGKILL");
        assert_eq!(Signal::new(31), Some(Signal::SYS));
        assert_eq!(Signal::new(32).unwrap().to_string(), "SIGRTMIN");
        assert_eq!(Signal::new(34).unwrap().to_string(), "SIGRT_2");
        assert_eq!(Signal::new(0), None);
        assert_eq!(Signal::new(65), None);
        assert_eq!(Signal::new(-1), None);
    }

    #[test]
    fn sets_are_written_like_strace_does() {
        assert_eq!(Signal::INT.set().union(Signal::TERM.set()).to_string(), "[INT TERM]");
        assert_eq!(SigSet::FULL.difference(SigSet::UNBLOCKABLE).to_string(), "~[KILL STOP]");
        assert_eq!(SigSet::EMPTY.to_string(), "[]");
    }

    #[test]
    fn the_last_signal_fits() {
        let mut set = SigSet::EMPTY;
        set.insert(Signal::MAX);
        assert_eq!(set.bits(), 1 << 63);
        set.remove(Signal::MAX);
        assert!(set.is_empty());
    }
}
