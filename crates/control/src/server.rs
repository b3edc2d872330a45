//! The sandbox's side of the control socket.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustix::net::{SocketFlags, accept_with};

use crate::{
    channel::{Channel, retry},
    message::{Answer, Failure, Request},
};

/// Most callers that are served at once; further ones are told that the sandbox is busy.
pub const MAX_CALLERS: usize = 64;

/// Answers requests; called by many threads at once, and may block.
pub trait Service: Send + Sync + 'static {
    /// The answer to one request.
    fn answer(&self, request: Request, fds: Vec<OwnedFd>) -> Answer;

    /// The answer to one request has been sent, or the caller has gone.
    fn answered(&self);
}

/// Serves every caller of a listening socket until the socket fails, each on a thread of its own.
///
/// # Errors
/// Those of accept4(2).
pub fn serve(listener: &OwnedFd, service: &Arc<dyn Service>) -> std::io::Result<()> {
    let callers = Arc::new(AtomicUsize::new(0));
    loop {
        let socket = match retry(|| accept_with(listener.as_fd(), SocketFlags::CLOEXEC)) {
            Ok(socket) => socket,
            // The caller was gone before we came to it.
            Err(rustix::io::Errno::CONNABORTED) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let channel = Channel::from(socket);
        if callers.fetch_add(1, Ordering::Relaxed) >= MAX_CALLERS {
            callers.fetch_sub(1, Ordering::Relaxed);
            let busy = Failure::new("control", format!("{MAX_CALLERS} callers are being served already"));
            let _ = channel.send(&Answer::Failed(busy), &[]);
            continue;
        }
        let (service, count) = (Arc::clone(service), Arc::clone(&callers));
        let spawned = thread::Builder::new().name("control".into()).stack_size(256 * 1024).spawn(move || {
            converse(&channel, service.as_ref());
            count.fetch_sub(1, Ordering::Relaxed);
        });
        if spawned.is_err() {
            callers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Serves one caller until it closes the connection or sends what is no request.
pub fn converse(channel: &Channel, service: &dyn Service) {
    loop {
        let (request, fds) = match channel.receive::<Request>() {
            Ok(received) => received,
            Err(crate::Error::Closed) => return,
            Err(error) => {
                // Tell the caller why, then hang up: what follows cannot be trusted to be in step.
                let _ = channel.send(&Answer::Failed(Failure::new("control", error)), &[]);
                return;
            }
        };
        let answer = service.answer(request, fds);
        let sent = channel.send(&answer, &[]);
        service.answered();
        if sent.is_err() {
            return;
        }
    }
}
