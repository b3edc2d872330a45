//! Servers that lie.

use std::{
    os::{fd::AsFd, unix::net::UnixStream},
    thread,
    time::{Duration, Instant},
};

use lazaret_abi::errno::Errno;
use lazaret_p9::{EXTENDED, Incoming, MAX_MESSAGE, Reply};

use super::super::{Changed, Handle, HostFile, HostFs, HostSockets};
use crate::fs::inode::{Inode, NewAttributes, NewNode, SetAttributes};

/// A server that answers with what `answer` makes of each request.
fn hostile(mut answer: impl FnMut(u8, u16) -> Vec<u8> + Send + 'static) -> Result<Handle, Errno> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::spawn(move || {
        let mut incoming = Incoming::new(MAX_MESSAGE, false);
        while let Ok(true) = incoming.receive(theirs.as_fd()) {
            while let Ok(Some(frame)) = incoming.next_frame() {
                let bytes = answer(frame.number, frame.tag);
                if bytes.is_empty() || lazaret_p9::send(theirs.as_fd(), &bytes, &[]).is_err() {
                    return;
                }
            }
        }
    });
    ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Handle::open(HostFile::Served { connection: ours.into(), read_only: false, sockets: HostSockets::default() }, || {})
}

fn agreed(tag: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    Reply::Version { max_message: MAX_MESSAGE, version: EXTENDED }.encode(tag, &mut bytes);
    bytes
}

#[test]
fn a_server_without_our_additions_is_refused() {
    let standard = |_, tag| {
        let mut bytes = Vec::new();
        Reply::Version { max_message: 8192, version: b"9P2000.L" }.encode(tag, &mut bytes);
        bytes
    };
    assert_eq!(hostile(standard).err(), Some(Errno::EPROTONOSUPPORT));
    assert_eq!(hostile(|_, _| Vec::new()).err(), Some(Errno::EIO));
    assert_eq!(hostile(|_, _| vec![0xff; 100]).err(), Some(Errno::EIO));
    assert_eq!(hostile(|_, tag| agreed(tag ^ 1)).err(), Some(Errno::EIO));
}

#[test]
fn random_replies_never_crash() {
    let variable = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut seed = variable("LAZARET_FUZZ_SEED").unwrap_or(0x8765_4321).max(1);
    let time = variable("LAZARET_FUZZ_SECONDS").map(Duration::from_secs);
    let start = Instant::now();
    for _ in (0..).take_while(|round| time.map_or(*round < 200, |time| start.elapsed() < time)) {
        seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        let mut state = seed | 1;
        let root = hostile(move |number, tag| {
            // xorshift64*: the same replies in every run.
            let mut below = |bound: u64| {
                state ^= state >> 12;
                state ^= state << 25;
                state ^= state >> 27;
                (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
            };
            if number == 100 {
                return agreed(tag);
            }
            // The right kind of reply in most cases, and of a length that is right in many.
            let kind = if below(30) == 0 { below(256) as u8 } else { number + 1 };
            let length = match kind {
                25 => 153,
                111 => 15,
                13 | 15 => 17,
                9 => 60,
                105 => 13,
                31 => 8,
                41 | 117 | 23 => below(90),
                _ => 0,
            };
            let mut body: Vec<u8> = (0..length).map(|_| [0, 1, 0x80, 0xff, b'a'][below(5) as usize]).collect();
            match kind {
                111 => body[..2].copy_from_slice(&1_u16.to_le_bytes()),
                41 | 117 if length > 4 => body[..4].copy_from_slice(&(length as u32 - 4).to_le_bytes()),
                25 => {
                    body[21..25].copy_from_slice(&[0o040755_u32, 0o100644, 0o120777][below(3) as usize].to_le_bytes())
                }
                _ => {}
            }
            let mut bytes = (7 + body.len() as u32).to_le_bytes().to_vec();
            bytes.push(kind);
            bytes.extend(tag.to_le_bytes());
            bytes.extend(body);
            bytes
        });
        let Ok(root) = root.and_then(|root| {
            HostFs::open_tree(root, 1, if below_half(seed) { Changed::ByOthers } else { Changed::Never })
        }) else {
            continue;
        };
        for name in [&b"a"[..], b"b"] {
            let Ok(inode) = root.lookup(name) else { continue };
            let _ =
                (inode.read_link(), inode.get_xattr(b"user.x"), inode.list_xattrs(), inode.host_mapping(true).err());
            let _ = inode.set_attributes(&SetAttributes { permissions: Some(1), ..SetAttributes::default() });
            let _ = (root.link(b"c", &inode), root.unlink(b"a"), inode.attributes());
        }
        let _ = (root.listing(), root.statistics());
        let _ = root.create(b"d", NewNode::Directory, &NewAttributes { permissions: 0, uid: 0, gid: 0 });
    }
}

fn below_half(seed: u64) -> bool {
    seed >> 63 == 0
}
