//! What is seen of a sandbox that hangs, and what it logs.

use std::os::fd::AsFd;

use lazaret_control::{Answer, Failure, LogLevel, Request, Thread, Trace};

use crate::{config::Config, error::Error, sandbox::Sandbox};

/// Changes of what a sandbox logs; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct LogChange {
    /// The highest level of messages.
    pub level: Option<LogLevel>,
    /// Which system calls are traced.
    pub trace: Option<Trace>,
    /// Log packets of the network.
    pub packets: Option<bool>,
}

impl Sandbox {
    /// What every thread of the application kernel and every task of an application does now.
    ///
    /// # Errors
    /// Those of talking to the sandbox.
    pub fn stacks(&self) -> Result<Vec<Thread>, Error> {
        self.root().check_alive("look into")?;
        let take = |answer| match answer {
            Answer::Threads(some) => Ok(some),
            other => Err(other),
        };
        self.root().list(|after| Request::Threads { after }, take, |thread| thread.id)
    }

    /// Changes what the sandbox logs from now on. It goes to the directory of `config.logging`, or else to the log
    /// that the sandbox was made with.
    ///
    /// # Errors
    /// Names a system call that does not exist; tells that there is no log to write to.
    pub fn change_logging(&self, config: &Config, change: LogChange) -> Result<(), Error> {
        let LogChange { level, trace, packets } = change;
        if packets == Some(true) {
            return Err(Failure::new("log packets", "there is no packet log").into());
        }
        let root = self.root();
        root.check_alive("change the log of")?;
        let file = config.logging.open_debug_log(self.id())?;
        let fds: Vec<_> = file.iter().map(AsFd::as_fd).collect();
        let channel = root.connect()?;
        let request = root.about(Request::Logging { level, trace });
        let call = || {
            channel.send(&request, &fds)?;
            Ok(channel.receive()?.0)
        };
        match call().map_err(|error| root.lost(error))? {
            Answer::Done => Ok(()),
            other => Err(root.refused(other)),
        }
    }
}
