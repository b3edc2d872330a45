//! Waiting for several files at once: what poll(2) and select(2) have in common.

use lazaret_abi::errno::Errno;

use super::file::File;
use crate::{
    sync::Arc,
    task::Task,
    time::Deadline,
    wait::{Events, Interruptible, Parker, Poller},
};

/// One file to wait for.
pub struct Watched {
    /// The file; none for a descriptor that is to be ignored.
    pub file: Option<Arc<File>>,
    /// What is waited for; [`Events::ALWAYS`] is included by the callers that want it.
    pub wanted: Events,
    /// What was found.
    pub found: Events,
}

impl Watched {
    fn look(&mut self, poller: Option<&mut Poller>) {
        if let Some(file) = &self.file {
            self.found = file.poll(poller) & self.wanted;
        }
    }
}

/// Waits until one of the files has an event that is wanted, and returns how many have. Zero when
/// the deadline passes first.
///
/// # Errors
/// `ERESTARTNOHAND` when a signal is pending.
#[track_caller]
pub fn wait(watched: &mut [Watched], deadline: Option<Deadline>) -> Result<usize, Errno> {
    let count = look_at_all(watched, None);
    if count > 0 || deadline.is_some_and(Deadline::has_passed) {
        return Ok(count);
    }
    let task = Task::try_current();
    let parker = task.as_ref().map_or_else(|| Arc::new(Parker::new()), |task| task.parker().clone());
    let mut poller = Poller::new(parker.clone());
    let mut count = look_at_all(watched, Some(&mut poller));
    loop {
        if count > 0 {
            return Ok(count);
        }
        if task.as_ref().is_some_and(|task| task.should_stop_waiting(Interruptible::Signals)) {
            return Err(Errno::ERESTARTNOHAND);
        }
        if deadline.is_some_and(Deadline::has_passed) {
            return Ok(0);
        }
        parker.park(deadline);
        count = look_at_all(watched, None);
    }
}

fn look_at_all(watched: &mut [Watched], mut poller: Option<&mut Poller>) -> usize {
    watched
        .iter_mut()
        .filter_map(|one| {
            one.look(poller.as_deref_mut());
            (!one.found.is_empty()).then_some(())
        })
        .count()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fs::pipe;

    #[test]
    fn a_write_ends_the_wait() {
        let (reader, writer) = pipe::create(0);
        let sender = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            writer.write(&mut &b"x"[..]).unwrap();
            writer
        });
        let mut watched = [
            Watched { file: None, wanted: Events::IN, found: Events::empty() },
            Watched { file: Some(reader), wanted: Events::IN | Events::ALWAYS, found: Events::empty() },
        ];
        assert_eq!(wait(&mut watched, None), Ok(1));
        assert_eq!(watched[1].found, Events::IN);
        drop(sender.join().unwrap());
        watched[1].wanted = Events::OUT;
        assert_eq!(wait(&mut watched, Some(Deadline::after(Duration::from_millis(1)))), Ok(0));
    }
}
