//! The sandbox's side of the control socket.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{SocketFlags, accept_with},
};

use crate::{
    channel::{Channel, retry},
    message::{Answer, Call, Failure},
};

/// Most callers that are served at once; further ones are told that the sandbox is busy.
pub const MAX_CALLERS: usize = 1024;

/// Pause after the host had no descriptor or no memory for a caller.
const PAUSE: Duration = Duration::from_millis(10);

/// Answers requests; called by many threads at once, and may block.
pub trait Service: Send + Sync + 'static {
    /// The answer to one request; `caller` is the connection it came by.
    fn answer(&self, call: Call, fds: Vec<OwnedFd>, caller: BorrowedFd<'_>) -> Answer;

    /// The answer to one request has been sent, or the caller has gone.
    fn answered(&self);
}

/// Serves every caller of a listening socket until the socket fails, each on a thread of its own.
///
/// # Errors
/// Those of accept4(2).
pub fn serve(listener: &OwnedFd, service: &Arc<dyn Service>) -> std::io::Result<()> {
    let callers = Arc::new(AtomicUsize::new(0));
    // Given up when the application has used all descriptors: then one caller at a time is served.
    let mut spare = listener.try_clone().ok();
    loop {
        let socket = match retry(|| accept_with(listener.as_fd(), SocketFlags::CLOEXEC)) {
            Ok(socket) => socket,
            // The caller was gone before we came to it.
            Err(Errno::CONNABORTED) => continue,
            Err(Errno::MFILE | Errno::NFILE) if spare.take().is_some() => continue,
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::PROTO | Errno::PERM) => {
                thread::sleep(PAUSE);
                continue;
            }
            Err(errno) => return Err(errno.into()),
        };
        if spare.is_none() {
            spare = listener.try_clone().ok();
        }
        let channel = Channel::from(socket);
        let others = callers.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&callers));
        if others >= MAX_CALLERS {
            let busy = Failure::new("control", format!("{MAX_CALLERS} callers are being served already"));
            let _ = channel.send(&Answer::Failed(busy), &[]);
            continue;
        }
        let service = Arc::clone(service);
        // Without a thread for it, the caller is hung up on.
        let _ = thread::Builder::new().name("control".into()).stack_size(256 * 1024).spawn(move || {
            let _place = place;
            converse(&channel, service.as_ref());
        });
    }
}

/// Tells the service that it has answered, even if it panicked.
struct Answered<'a>(&'a dyn Service);

impl Drop for Answered<'_> {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// A caller's place among those that are served.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves one caller until it closes the connection or sends what is no request.
pub fn converse(channel: &Channel, service: &dyn Service) {
    loop {
        let (call, fds) = match channel.receive::<Call>() {
            Ok(received) => received,
            Err(crate::Error::Closed) => return,
            Err(error) => {
                // Tell the caller why, then hang up: what follows cannot be trusted to be in step.
                let _ = channel.send(&Answer::Failed(Failure::new("control", error)), &[]);
                return;
            }
        };
        let answered = Answered(service);
        let answer = service.answer(call, fds, channel.as_fd());
        let sent = channel.send(&answer, &[]);
        drop(answered);
        if sent.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Request;

    struct Panics(AtomicUsize);

    impl Service for Panics {
        fn answer(&self, _call: Call, _fds: Vec<OwnedFd>, _caller: BorrowedFd<'_>) -> Answer {
            panic!("as a service should not");
        }

        fn answered(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_service_that_panics_keeps_no_place() {
        let service = Arc::new(Panics(AtomicUsize::new(0)));
        let places = Arc::new(AtomicUsize::new(1));
        let (caller, channel) = Channel::pair().unwrap();
        caller.send(&Call { container: "c".into(), request: Request::State }, &[]).unwrap();
        let (served, place) = (Arc::clone(&service), Place(Arc::clone(&places)));
        let serving = thread::spawn(move || {
            let _place = place;
            converse(&channel, served.as_ref());
        });
        assert!(serving.join().is_err());
        assert_eq!(service.0.load(Ordering::Relaxed), 1);
        assert_eq!(places.load(Ordering::Relaxed), 0);
    }
}
