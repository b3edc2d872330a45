//! Waiting for the processes of a start, and finding out which failed first.

use std::time::Duration;

use lazaret_control::{Channel, Error, Failure, Report};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

use super::{Guarded, TIMEOUT};

/// How long the others have to tell why they failed, once one did.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A process of a start.
pub struct Party<'a> {
    /// Over which it speaks.
    pub channel: &'a Channel,
    /// The process.
    pub child: &'a Guarded,
    /// It says when it is ready, and goes on; else it ends.
    pub stays: bool,
}

/// Waits until those that stay say that they are ready, and the others have ended well.
///
/// # Errors
/// What failed, in the words of the process that failed first.
pub fn await_ready(parties: &[Party<'_>]) -> Result<(), Failure> {
    let timeout = rustix::event::Timespec::try_from(TIMEOUT).ok();
    let mut waiting: Vec<usize> = (0..parties.len()).collect();
    while !waiting.is_empty() {
        // Not those that were heard: who has ended would end each poll at once.
        let mut fds: Vec<PollFd<'_>> =
            waiting.iter().map(|index| PollFd::new(parties[*index].channel, PollFlags::IN)).collect();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Err(Failure::new("start the sandbox", format!("not ready after {TIMEOUT:?}"))),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Failure::host("wait for the sandbox's processes", errno)),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        for (place, is_ready) in ready.into_iter().enumerate().rev() {
            if is_ready {
                let index = waiting.remove(place);
                hear(&parties[index]).map_err(|failure| first_cause(parties, index, failure))?;
            }
        }
    }
    Ok(())
}

/// Takes the word that was waited for.
fn hear(party: &Party<'_>) -> Result<(), Failure> {
    let name = party.child.name;
    match party.channel.receive() {
        Ok((Report::Ready, _)) if party.stays => Ok(()),
        Ok((Report::Failed(failure), _)) => Err(failure),
        Err(Error::Closed) => {
            party.child.reap()?;
            match party.stays {
                true => Err(Failure::new("start the sandbox", format!("{name} has ended without a word"))),
                false => Ok(()),
            }
        }
        Ok(_) => Err(Failure::new(format!("talk to {name}"), "it sent what was not expected")),
        Err(error) => Err(Failure::new(format!("talk to {name}"), error)),
    }
}

/// Whether a failure is only that of another process, seen from this one.
fn is_wake(failure: &Failure) -> bool {
    ["hand files", "receive files"].iter().any(|step| failure.step.starts_with(step))
}

/// When a process fails, another may have done so before, with the better words.
fn first_cause(parties: &[Party<'_>], index: usize, failure: Failure) -> Failure {
    if index > 0 && !is_wake(&failure) {
        return failure;
    }
    for (_, party) in parties.iter().enumerate().skip(1).filter(|(other, _)| *other != index) {
        if party.child.ended.get().is_some() {
            continue;
        }
        let _ = party.channel.set_timeout(Some(LAST_WORDS));
        let said = match party.channel.receive() {
            Ok((Report::Failed(first), _)) => Some(first),
            Err(Error::Closed) => party.child.reap().err(),
            _ => None,
        };
        if let Some(first) = said.filter(|first| !is_wake(first)) {
            return first;
        }
    }
    failure
}
