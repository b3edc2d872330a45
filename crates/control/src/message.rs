//! What is said over a control channel.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A request, and the container that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The container's id.
    pub container: String,
    /// What is asked.
    pub request: Request,
}

/// A question to a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Starts the container's first process; answered with [`Answer::Started`].
    Start,
    /// Makes a further container, which waits for its start; answered with [`Answer::Created`]. Beside the message
    /// comes a connection over which its gofer sends [`Report::Files`], then the files of its cgroups, then what
    /// [`Request::Execute`] brings.
    Create {
        /// The container; what it holds is the business of the two sides.
        container: serde_json::Value,
    },
    /// Gives the sandbox its links, once and before its first container starts: sockets beside the message, one for each
    /// interface; answered with [`Answer::Done`].
    Attach {
        /// Interfaces, addresses and routes; what it holds is the business of the two sides.
        network: serde_json::Value,
    },
    /// Kills the processes of a container that [`Request::Create`] made and forgets it; answered with
    /// [`Answer::Done`].
    Destroy,
    /// The maker has noted where the sandbox is: it lives on after the connection of its maker;
    /// answered with [`Answer::Done`].
    Release,
    /// Answered with [`Answer::State`].
    State,
    /// Answered with [`Answer::Exited`] once a process has ended.
    Wait {
        /// A process that [`Request::Execute`] started, or the container's first.
        process: Option<i32>,
        /// Kill it, should the caller hang up before.
        leash: bool,
    },
    /// Starts a further process; its standard streams come beside the message: three files, or one
    /// terminal. Answered with [`Answer::Started`].
    Execute {
        /// The process, as the OCI specification's `process` has it.
        process: serde_json::Value,
        /// Rows and columns, if it gets a terminal.
        terminal: Option<(u16, u16)>,
    },
    /// Sends a signal; answered with [`Answer::Done`].
    Signal {
        /// Signal number, 0 to only check that the target exists.
        signal: i32,
        /// Whom to send it.
        target: Target,
    },
    /// Tells the size of the host terminal; answered with [`Answer::Done`].
    Resize {
        /// The process whose terminal it is: one that [`Request::Execute`] started, or the first.
        process: Option<i32>,
        /// Character rows.
        rows: u16,
        /// Character columns.
        columns: u16,
    },
    /// Answered with [`Answer::Processes`].
    Processes {
        /// Only those whose ids are greater.
        after: i32,
    },
    /// Stops all tasks; answered with [`Answer::Done`] when none runs application code.
    Pause,
    /// Lets them go on; answered with [`Answer::Done`].
    Resume,
    /// Sets limits that the application kernel enforces; answered with [`Answer::Done`].
    Limit {
        /// Most tasks; none for any number.
        tasks: Option<u64>,
        /// Processors, as `0-2,4`, that the host lets the container use; none where it does not tell.
        processors: Option<String>,
    },
    /// Answered with [`Answer::Usage`].
    Usage,
    /// Answered with [`Answer::Threads`], about all of the sandbox.
    Threads {
        /// Only those whose ids are greater.
        after: i32,
    },
    /// Changes what the sandbox logs; a new file for it may come beside the message. What is not named stays as it
    /// is; answered with [`Answer::Done`].
    Logging {
        /// The highest level of messages.
        level: Option<LogLevel>,
        /// Which system calls are traced.
        trace: Option<Trace>,
    },
}

/// Importance of messages of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something failed that should not.
    Warning,
    /// What happens, in short.
    Info,
    /// What happens, in detail.
    Debug,
}

/// Which system calls are written to a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    /// None.
    Off,
    /// All of them.
    All,
    /// Those of these names.
    Calls(Vec<String>),
}

/// Whom a signal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The container's first process.
    Init,
    /// One process, by its id in the container.
    Process(i32),
    /// The foreground process group of the terminal that this process was started with; 0 stands for the
    /// container's first process.
    Foreground(i32),
    /// Every process of the container.
    All,
}

/// A sandbox's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Done,
    /// The container is made.
    Created {
        /// The process of which all of its processes are copies, by its id in the sandbox, if the host is to count
        /// them apart from those of others.
        origin: Option<i32>,
    },
    /// The process runs.
    Started {
        /// Its id in the container.
        pid: i32,
    },
    /// How far the container has come.
    State(Phase),
    /// The process has ended.
    Exited {
        /// Exit status as a shell reports it: 128 + n for signal n.
        status: u8,
    },
    /// Some processes of the container, by their ids; none when there are no more.
    Processes(Vec<Process>),
    /// What the container has used.
    Usage {
        /// Nanoseconds in application code.
        user: u64,
        /// Nanoseconds in the application kernel.
        system: u64,
        /// Processes and threads that live.
        tasks: u64,
        /// Bytes of memory that its processes have for themselves.
        memory: u64,
        /// The network interfaces that it sees.
        interfaces: Vec<Interface>,
    },
    /// Some threads of the sandbox process, by their ids; none when there are no more.
    Threads(Vec<Thread>),
    /// It could not be done.
    Failed(Failure),
}

/// A network interface, and what has passed through it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What has come in.
    pub received: Traffic,
    /// What has gone out.
    pub sent: Traffic,
}

/// What has passed through a network interface in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Packets that were damaged.
    pub errors: u64,
    /// Packets that nobody took.
    pub dropped: u64,
}

/// A thread of the sandbox process, and what it does now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The host's number of it, in the pid namespace of the sandbox.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Its state, as ps(1) shows it; none if the host does not tell.
    pub state: Option<char>,
    /// The host's system call that it is in.
    pub host_call: Option<String>,
    /// The application's thread that it stands for.
    pub task: Option<Task>,
}

/// A thread of an application, and what it does now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its container.
    pub container: String,
    /// Its process' id there.
    pub pid: i32,
    /// Its own id there.
    pub tid: i32,
    /// Its name.
    pub name: String,
    /// What it does.
    pub state: Activity,
    /// The system call that it makes as strace(1) shows it, cut where it is long.
    pub call: Option<String>,
    /// What it waits for, if it sleeps.
    pub sleep: Option<Sleep>,
    /// The host's number of the thread that runs its application code, in the pid namespace of the sandbox.
    pub application_thread: Option<i32>,
}

/// What a thread of an application does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It runs its own code.
    Application,
    /// It runs in the application kernel.
    Kernel,
    /// It sleeps in the application kernel.
    Sleeping,
    /// A signal has stopped it.
    Stopped,
    /// Its container is paused.
    Paused,
}

/// A thread's sleep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sleep {
    /// For so long it has waited, in milliseconds.
    pub milliseconds: u64,
    /// The line of the application kernel where it waits.
    pub place: String,
}

/// How far a container has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It waits for its start.
    Created,
    /// Its first process runs.
    Running,
    /// Nothing runs until it is resumed.
    Paused,
    /// Its first process has ended.
    Ended,
}

/// A process of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process id in the container.
    pub pid: i32,
    /// Parent's process id.
    pub ppid: i32,
    /// Process group.
    pub pgid: i32,
    /// Effective user id.
    pub uid: u32,
    /// Number of threads.
    pub threads: u32,
    /// Number of its terminal in `/dev/pts`, if it has one.
    pub terminal: Option<u32>,
    /// When it started, in seconds since the epoch.
    pub started: u64,
    /// Nanoseconds of processor time.
    pub cpu: u64,
    /// The program and its arguments, cut where they are long.
    pub command: String,
    /// Its short name.
    pub name: String,
    /// Its session.
    pub sid: i32,
    /// What it does, as one letter: R, S, T or Z.
    pub state: char,
    /// Bytes of its address space.
    pub size: u64,
    /// Bytes of it in memory.
    pub resident: u64,
}

/// What a process says while a sandbox starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The maker's word to go on: id maps are written.
    Proceed {
        /// The user and group to run under; the sender's choice, for it knows which no other sandbox has.
        own_id: Option<u32>,
        /// What the container sees of its cgroups, whose files come beside the message; what it holds is the business
        /// of the two sides.
        cgroups: serde_json::Value,
    },
    /// The container is made; the sandbox answers requests from now on, over this connection too.
    Ready,
    /// The start has failed; the sender ends.
    Failed(Failure),
    /// The gofer's descriptors, beside this message: how many more messages follow.
    Files {
        /// Messages of this kind that are still to come.
        remaining: usize,
    },
}

/// What was being done, and why it failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// The step, with the field, path or program it was about.
    pub step: String,
    /// The cause, in words.
    pub cause: String,
    /// The host's or kernel's error number, if there is one.
    pub errno: Option<i32>,
}

impl Failure {
    /// A failure of `step` for the reason that `cause` gives.
    pub fn new(step: impl Into<String>, cause: impl fmt::Display) -> Failure {
        Failure { step: step.into(), cause: cause.to_string(), errno: None }
    }

    /// A failure of `step` by an error of the host.
    pub fn host(step: impl Into<String>, error: impl Into<std::io::Error>) -> Failure {
        let error = error.into();
        Failure { step: step.into(), cause: describe(&error), errno: error.raw_os_error() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.cause)
    }
}

/// The error's words, without the number that std puts behind them.
fn describe(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}
