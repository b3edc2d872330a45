//! Whatever bytes come, decoding them is an error or a message: no panic, no memory out of proportion.

use std::{
    io::Write,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use lazaret_p9::{
    Attributes, Change, Data, Entry, HEADER, Incoming, LockRange, MAX_MESSAGE, Malformed, Many, Qid, Reply, Request,
    StatFs,
};

/// xorshift64*: the same messages in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 8
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }
}

/// Runs `attempt` as often as a test does, or as long as `cargo xtask fuzz` wants.
fn many_times(mut attempt: impl FnMut(&mut Random)) {
    let variable = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut random = Random(variable("LAZARET_FUZZ_SEED").unwrap_or(0x1a2b_3c4d_5e6f_7788).max(1));
    let time = variable("LAZARET_FUZZ_SECONDS").map(Duration::from_secs);
    let start = Instant::now();
    for _ in (0..).take_while(|round| time.map_or(*round < 20_000, |time| start.elapsed() < time)) {
        attempt(&mut random);
    }
}

fn requests() -> Vec<Vec<u8>> {
    let range = LockRange { start: 1, length: 2, process: 3 };
    let names = Many(vec![&b"a"[..], b"", b"a longer name"]);
    let requests = [
        Request::Version { max_message: 8192, version: b"9P2000.L" },
        Request::Attach { fid: 1, auth: u32::MAX, user: b"root", tree: b"/", uid: 0 },
        Request::Walk { fid: 1, new_fid: 2, names },
        Request::Lcreate { fid: 2, name: b"file", flags: 2, mode: 0o644, gid: 7 },
        Request::SetAttributes { fid: 2, change: Change { valid: 8, size: 5, ..Change::default() } },
        Request::Write { fid: 2, offset: 9, data: Data(b"some data") },
        Request::Lock { fid: 2, kind: 1, flags: 0, range, client: b"me" },
        Request::RenameAt { directory: 1, name: b"x", new_directory: 2, new_name: b"y" },
        Request::XattrCreate { fid: 2, name: b"user.a", size: 4, flags: 1 },
    ];
    let encode = |request: &Request<'_>| {
        let mut bytes = Vec::new();
        request.encode(5, &mut bytes);
        assert_eq!(Request::decode(bytes[4], &bytes[HEADER..]).as_ref(), Ok(request));
        bytes
    };
    requests.iter().map(encode).collect()
}

fn replies() -> Vec<Vec<u8>> {
    let qid = Qid { kind: 0x80, version: 1, path: 2 };
    let replies = [
        Reply::Error { errno: 2 },
        Reply::Version { max_message: 4096, version: b"unknown" },
        Reply::Walk { qids: Many(vec![qid; 3]) },
        Reply::GetAttributes { attributes: Attributes { qid, size: u64::MAX, ..Attributes::default() } },
        Reply::StatFs { statistics: StatFs { name_length: 255, ..StatFs::default() } },
        Reply::ReadDirectory { data: Data(b"entries") },
        Reply::ReadLink { target: b"over/there" },
        Reply::Clunk {},
    ];
    let encode = |reply: &Reply<'_>| {
        let mut bytes = Vec::new();
        reply.encode(5, &mut bytes);
        assert_eq!(Reply::decode(bytes[4], &bytes[HEADER..]).as_ref(), Ok(reply));
        bytes
    };
    replies.iter().map(encode).collect()
}

/// What was decoded says the same again.
fn decode(number: u8, body: &[u8]) {
    let mut again = Vec::new();
    if let Ok(request) = Request::decode(number, body) {
        assert!(Request::knows(number));
        request.encode(5, &mut again);
        assert_eq!(&again[HEADER..], body);
    }
    again.clear();
    if let Ok(reply) = Reply::decode(number, body) {
        reply.encode(5, &mut again);
        assert_eq!(&again[HEADER..], body);
    }
}

#[test]
fn every_truncation_is_an_error() {
    for message in requests() {
        for end in HEADER..message.len() {
            assert_eq!(Request::decode(message[4], &message[HEADER..end]), Err(Malformed));
        }
        let longer = [&message[HEADER..], &[0]].concat();
        assert_eq!(Request::decode(message[4], &longer), Err(Malformed));
    }
}

#[test]
fn random_messages_never_crash() {
    const INTERESTING: [u8; 8] = [0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff];
    let samples = [requests(), replies()].concat();
    many_times(|random| {
        let mut message = samples[random.below(samples.len())].clone();
        for _ in 0..random.below(4) {
            let at = 4 + random.below(message.len() - 4);
            match random.below(4) {
                0 => message[at] = INTERESTING[random.below(INTERESTING.len())],
                1 => message[at] ^= 1 << random.below(8),
                2 if message.len() > HEADER + 1 => drop(message.remove(at)),
                _ => message.insert(at, INTERESTING[random.below(INTERESTING.len())]),
            }
        }
        decode(message[4], &message[HEADER..]);
        let noise: Vec<u8> = (0..random.below(80)).map(|_| random.next() as u8).collect();
        decode(random.next() as u8, &noise);
        let mut rest = &noise[..];
        while let Ok(Some((_, left))) = Entry::decode(rest) {
            assert!(left.len() < rest.len());
            rest = left;
        }
    });
}

#[test]
fn messages_are_told_apart_however_they_come() {
    let (mut sender, receiver) = UnixStream::pair().unwrap();
    let messages = requests();
    let bytes = messages.concat();
    let mut incoming = Incoming::new(MAX_MESSAGE, false);
    let mut found = 0;
    for piece in bytes.chunks(5) {
        sender.write_all(piece).unwrap();
        assert!(incoming.receive(receiver.as_fd()).unwrap());
        while let Some(frame) = incoming.next_frame().unwrap() {
            assert_eq!((frame.number, frame.tag, frame.body), (messages[found][4], 5, &messages[found][HEADER..]));
            found += 1;
        }
    }
    assert_eq!(found, messages.len());
    drop(sender);
    assert!(!incoming.receive(receiver.as_fd()).unwrap());
}

#[test]
fn sizes_are_bounded() {
    for size in [0, 6, MAX_MESSAGE + 1, u32::MAX] {
        let (mut sender, receiver) = UnixStream::pair().unwrap();
        sender.write_all(&size.to_le_bytes()).unwrap();
        let mut incoming = Incoming::new(MAX_MESSAGE, false);
        assert!(incoming.receive(receiver.as_fd()).unwrap());
        assert!(incoming.next_frame().is_err(), "{size}");
    }
}

#[test]
fn descriptors_come_in_order_and_only_where_they_are_wanted() {
    let [first, second] = ["/dev/null", "/dev/zero"].map(|path| OwnedFd::from(std::fs::File::open(path).unwrap()));
    let device = |file: &OwnedFd| rustix::fs::fstat(file).unwrap().st_rdev;
    for takes_files in [true, false] {
        let (sender, receiver) = UnixStream::pair().unwrap();
        lazaret_p9::send(sender.as_fd(), &requests()[0], &[first.as_fd(), second.as_fd()]).unwrap();
        let mut incoming = Incoming::new(MAX_MESSAGE, takes_files);
        assert!(incoming.receive(receiver.as_fd()).unwrap());
        let found: Vec<u64> = std::iter::from_fn(|| incoming.next_file()).map(|file| device(&file)).collect();
        let sent = vec![device(&first), device(&second)];
        assert_eq!(found, if takes_files { sent } else { Vec::new() });
    }
}
