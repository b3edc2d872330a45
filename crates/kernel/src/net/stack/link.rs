//! A link: an interface, as far as its packets go.

use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use lazaret_hostcall::{netlink, packet::HEADER};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags},
};
use smoltcp::wire::EthernetAddress;

use super::neighbours::Neighbours;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// Frames that wait for room at the host.
const WAITING: usize = 64;

/// An interface of the network namespace that the container has.
pub struct Link {
    /// What is shown of it.
    pub shown: netlink::Link,
    /// Hardware address.
    pub address: EthernetAddress,
    /// Largest packet.
    pub mtu: usize,
    /// Who is on it.
    pub neighbours: Mutex<Neighbours>,
    socket: OwnedFd,
    waiting: Mutex<VecDeque<Vec<u8>>>,
    /// Nothing will arrive any more.
    is_gone: AtomicBool,
    /// Packets, bytes and losses: received, then sent.
    counts: [AtomicU64; 6],
}

impl Link {
    /// The link behind a socket.
    pub fn new(shown: netlink::Link, socket: OwnedFd) -> Link {
        /// Smallest packet of IPv6 that every link carries; RFC 8200. With less than the least of IPv4 nothing works.
        const LEAST: usize = 576;
        let address = shown.address.first_chunk().copied().map_or_else(Default::default, EthernetAddress);
        let mtu = usize::try_from(shown.mtu).unwrap_or(usize::MAX).clamp(LEAST, super::frame::PACKET_MAX);
        let (neighbours, waiting) = (Mutex::default(), Mutex::default());
        Link {
            shown,
            address,
            mtu,
            neighbours,
            socket,
            waiting,
            is_gone: AtomicBool::new(false),
            counts: Default::default(),
        }
    }

    /// Number of the interface.
    pub fn index(&self) -> u32 {
        self.shown.index
    }

    /// What is shown of it, with what went over it so far.
    pub fn described(&self) -> netlink::Link {
        let [received, received_bytes, lost, sent, sent_bytes, unsent] =
            self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        netlink::Link {
            statistics: [received, sent, received_bytes, sent_bytes, 0, 0, lost, unsent, 0],
            ..self.shown.clone()
        }
    }

    fn count(&self, what: usize, packets: u64, bytes: usize) {
        for (counter, more) in self.counts.iter().skip(what).zip([packets, bytes as u64]) {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Sends a frame. Where the host has no room it waits, and is lost if many do. Whether it is the first that waits.
    pub fn send(&self, frame: &[u8]) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() && self.try_send(frame).is_ok() {
            return false;
        }
        if waiting.len() < WAITING {
            waiting.push_back(frame.to_vec());
        } else {
            self.count(5, 1, 0);
        }
        waiting.len() == 1
    }

    fn try_send(&self, frame: &[u8]) -> rustix::io::Result<()> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let result = rustix::io::retry_on_intr(|| rustix::net::send(&self.socket, frame, flags));
        match result {
            Ok(_) => self.count(3, 1, frame.len().saturating_sub(HEADER)),
            Err(Errno::AGAIN) => return Err(Errno::AGAIN),
            // As when a wire loses it.
            Err(_) => self.count(5, 1, 0),
        }
        Ok(())
    }

    /// Nothing will arrive any more.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// The host has no room: whoever can wait should.
    pub fn is_full(&self) -> bool {
        !self.waiting.lock().is_empty()
    }

    /// Sends what waits; whether all of it is gone.
    pub fn send_waiting(&self) -> bool {
        let mut waiting = self.waiting.lock();
        while let Some(frame) = waiting.front() {
            if self.try_send(frame).is_err() {
                return false;
            }
            waiting.pop_front();
        }
        true
    }

    /// The next frame that has arrived, at the beginning of `buffer`; its length.
    ///
    /// # Errors
    /// `EAGAIN` when there is none, and others when there will be none.
    pub fn receive(&self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
        let (_, length) = rustix::net::recv(&self.socket, &mut *buffer, flags)?;
        if length == 0 {
            self.is_gone.store(true, Ordering::Relaxed);
            return Err(Errno::NOTCONN);
        }
        if length > buffer.len() {
            self.count(2, 1, 0);
            return Ok(0);
        }
        self.count(0, 1, length.saturating_sub(HEADER));
        Ok(length)
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
