//! Receiving from a stream, as all families of stream sockets do it.

use lazaret_abi::{errno::Errno, socket::message};

use super::{
    Common, Incoming, Patience,
    queue::{ReceiveQueue, Taking},
};
use crate::{uio::Sink, wait::Events};

/// How a family receives.
pub struct Rules<'a> {
    /// Bytes of different senders are not mixed.
    pub by_sender: bool,
    /// The socket receives no more, though the queue may.
    pub ended: &'a dyn Fn() -> bool,
}

/// recvmsg(2) on a connected stream socket: what is there, then a pending error, then the end.
///
/// # Errors
/// A pending error, `EAGAIN`, `ERESTARTSYS`, `EFAULT`.
pub fn receive(
    common: &Common,
    inbox: &ReceiveQueue,
    sink: &mut dyn Sink,
    flags: u32,
    patience: Patience,
    rules: &Rules<'_>,
) -> Result<Incoming, Errno> {
    let low = usize::try_from(common.options.lock().receive_low).unwrap_or(1);
    let taking = Taking { peek: flags & message::PEEK != 0, by_sender: rules.by_sender };
    let want = if flags & message::WAITALL != 0 { sink.remaining() } else { low.min(sink.remaining()) };
    let mut total = Incoming::default();
    let queue = common.queue.clone();
    loop {
        let taken = patience.wait(&[(&queue, Events::READABLE)], || {
            match inbox.take_stream(sink, taking) {
                Ok(None) if (rules.ended)() => Some(common.take_error().map_or(Ok(Default::default()), Err)),
                Ok(None) => common.take_error().map(Err),
                // An error goes before the end.
                Ok(Some(taken)) if taken.length == 0 && sink.remaining() > 0 => {
                    Some(common.take_error().map_or(Ok(taken), Err))
                }
                Ok(Some(taken)) => Some(Ok(taken)),
                Err(error) => Some(Err(error)),
            }
        });
        let taken = match taken {
            Ok(taken) => taken,
            Err(_) if total.length > 0 => return Ok(total),
            Err(error) => return Err(error),
        };
        let ended = taken.length == 0;
        let with_rights = !taken.control.rights.is_empty();
        total.length += taken.length;
        total.full = total.length;
        if total.length == taken.length {
            total.control = taken.control;
        }
        if ended || with_rights || taking.peek || total.length >= want {
            return Ok(total);
        }
    }
}
