//! A client that wants out of its tree.

use std::{
    fs,
    os::{
        fd::AsFd,
        unix::{fs::symlink, net::UnixStream},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use lazaret_p9::{
    Change, Data, EXTENDED, Incoming, LockRange, MAX_MESSAGE, Many, NO_FID, Reply, Request, change, lock,
};
use rustix::fs::{Mode, OFlags, open};

/// A tree, and beside it what a client must not reach.
struct Place {
    path: PathBuf,
    server: Option<JoinHandle<rustix::io::Result<()>>>,
}

impl Place {
    fn new(name: &str) -> (Place, Client) {
        let path = std::env::temp_dir().join(format!("lazaret-9p-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("tree/dir")).unwrap();
        fs::create_dir(path.join("outside")).unwrap();
        fs::write(path.join("outside/file"), "secret").unwrap();
        let root = open(path.join("tree"), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let server = Some(thread::spawn(move || lazaret_gofer::serve::serve(root, ours.into(), None)));
        let client = Client { socket: theirs, incoming: Incoming::new(MAX_MESSAGE, true) };
        (Place { path, server }, client)
    }

    fn tree(&self) -> PathBuf {
        self.path.join("tree")
    }

    /// The server has ended well, and nothing outside was touched.
    fn check(mut self, client: Client) {
        drop(client);
        let ended = self.server.take().unwrap().join();
        let outside: Vec<_> = fs::read_dir(self.path.join("outside")).unwrap().flatten().collect();
        let secret = fs::read_to_string(self.path.join("outside/file")).unwrap();
        let mode = fs::metadata(self.path.join("outside/file")).unwrap().permissions();
        fs::remove_dir_all(&self.path).unwrap();
        assert!(ended.is_ok());
        assert_eq!((outside.len(), secret.as_str()), (1, "secret"));
        assert_ne!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o777);
    }
}

struct Client {
    socket: UnixStream,
    incoming: Incoming,
}

impl Client {
    /// Sends requests together; the numbers of the replies, and their content.
    fn call(&mut self, requests: &[Request<'_>]) -> Vec<(u8, Vec<u8>)> {
        let mut bytes = Vec::new();
        requests.iter().for_each(|request| request.encode(1, &mut bytes));
        lazaret_p9::send(self.socket.as_fd(), &bytes, &[]).unwrap();
        let mut replies = Vec::new();
        while replies.len() < requests.len() {
            match self.incoming.next_frame().unwrap() {
                Some(frame) => replies.push((frame.number, frame.body.to_vec())),
                None => assert!(self.incoming.receive(self.socket.as_fd()).unwrap(), "the server has ended"),
            }
        }
        replies
    }

    fn attach(&mut self) {
        let version = Request::Version { max_message: MAX_MESSAGE, version: EXTENDED };
        let attach = Request::Attach { fid: 0, auth: NO_FID, user: b"", tree: b"", uid: u32::MAX };
        let replies = self.call(&[version, attach]);
        assert!(replies.iter().all(|(number, _)| *number != 7), "{replies:?}");
    }

    fn files(&mut self) -> Vec<std::os::fd::OwnedFd> {
        std::iter::from_fn(|| self.incoming.next_file()).collect()
    }
}

fn walk<'a>(fid: u32, new_fid: u32, names: &[&'a [u8]]) -> Request<'a> {
    Request::Walk { fid, new_fid, names: Many(names.to_vec()) }
}

/// Swaps a directory or a file with a link that leads out, until it is told to end.
fn swap(tree: &Path, stop: &AtomicBool) {
    let (name, real, link) = (tree.join("target"), tree.join("real"), tree.join("away"));
    while !stop.load(Ordering::Relaxed) {
        for from in [&real, &link] {
            fs::rename(from, &name).unwrap();
            fs::rename(&name, from).unwrap();
        }
    }
}

#[test]
fn a_race_with_links_leads_nowhere() {
    let (place, mut client) = Place::new("race");
    let tree = place.tree();
    fs::create_dir(tree.join("real")).unwrap();
    fs::write(tree.join("real/file"), "harmless").unwrap();
    symlink(place.path.join("outside"), tree.join("away")).unwrap();
    client.attach();
    let stop = AtomicBool::new(false);
    let mut found = 0;
    thread::scope(|scope| {
        scope.spawn(|| swap(&tree, &stop));
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(300) {
            let mode = Change { valid: change::MODE, mode: 0o777, ..Change::default() };
            let replies = client.call(&[
                walk(0, 1, &[b"target", b"file"]),
                Request::SetAttributes { fid: 1, change: mode },
                Request::Lopen { fid: 1, flags: 2 },
                Request::Read { fid: 1, offset: 0, count: 100 },
                Request::Clunk { fid: 1 },
                Request::Mkdir { directory: 0, name: b"../outside/new", mode: 0o777, gid: u32::MAX },
                walk(0, 2, &[b"target"]),
                Request::Mkdir { directory: 2, name: b"new", mode: 0o777, gid: u32::MAX },
                Request::UnlinkAt { directory: 2, name: b"new", flags: 0x200 },
                Request::Clunk { fid: 2 },
            ]);
            if let Ok(Reply::Read { data }) = Reply::decode(replies[3].0, &replies[3].1) {
                assert_eq!(data, Data(b"harmless"));
                found += 1;
            }
            for file in client.files() {
                let mut content = [0; 20];
                let length = rustix::io::pread(&file, &mut content, 0).unwrap();
                assert_eq!(&content[..length], b"harmless");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(found > 0, "the file was never there");
    place.check(client);
}

#[test]
fn random_requests_stay_in_the_tree() {
    let (place, mut client) = Place::new("random");
    symlink("../outside", place.tree().join("up")).unwrap();
    symlink(place.path.join("outside/file"), place.tree().join("file")).unwrap();
    client.attach();
    let variable = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut state = variable("LAZARET_FUZZ_SEED").unwrap_or(0x1234_5678).max(1);
    let time = variable("LAZARET_FUZZ_SECONDS").map(Duration::from_secs);
    let start = Instant::now();
    // xorshift64*: the same requests in every run.
    let mut below = |bound: u64| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    };
    let names: [&[u8]; 12] =
        [b"up", b"..", b"file", b"dir", b".", b"", b"up/file", b"a", b"b", b"/etc/passwd", b"\0", &[b'x'; 300]];
    for _ in (0..).take_while(|round| time.map_or(*round < 1500, |time| start.elapsed() < time)) {
        let mut requests = Vec::new();
        for _ in 0..20 {
            let mut fid = || u32::try_from(below(8)).unwrap();
            let (one, two) = (fid(), fid().max(1));
            let name = names[usize::try_from(below(12)).unwrap()];
            let other = names[usize::try_from(below(12)).unwrap()];
            let flags = u32::try_from(below(4) | below(2) << 9).unwrap();
            let mode = 0o777 | [0, 0o010000, 0o140000, 0o020000][usize::try_from(below(4)).unwrap()];
            let change = Change { valid: 0x1b9, mode: 0o777, size: 3, ..Change::default() };
            requests.push(match below(21) {
                0..5 => walk(one, two, &[name, other][..usize::try_from(below(3)).unwrap()]),
                5 => Request::Lopen { fid: one, flags },
                6 => Request::Read { fid: one, offset: below(5), count: 1000 },
                7 => Request::Write { fid: one, offset: below(100), data: Data(b"overwritten") },
                8 => Request::Lcreate { fid: two, name, flags, mode: 0o777, gid: u32::MAX },
                9 => Request::Mkdir { directory: one, name, mode: 0o777, gid: u32::MAX },
                10 => Request::Symlink { directory: one, name, target: b"../../outside/file", gid: u32::MAX },
                11 => Request::Mknod { directory: one, name, mode, major: 1, minor: 3, gid: u32::MAX },
                12 => Request::Link { directory: one, fid: two, name },
                13 => Request::RenameWith {
                    directory: one,
                    name,
                    new_directory: two,
                    new_name: other,
                    flags: u32::try_from(below(5)).unwrap(),
                },
                14 => Request::UnlinkAt { directory: one, name, flags: u32::try_from(below(2) << 9).unwrap() },
                15 => Request::SetAttributes { fid: one, change },
                16 => Request::ReadDirectory { fid: one, offset: below(3), count: 5000 },
                17 => Request::XattrCreate { fid: two, name: b"user.x", size: below(9), flags: 0 },
                18 => Request::Rename { fid: two, directory: one, name },
                19 => Request::Make { directory: one, name, mode: mode | 0o120000, uid: 1, gid: 1, target: other },
                _ => Request::Clunk { fid: two },
            });
        }
        client.call(&requests);
        for file in client.files() {
            let stat = rustix::fs::fstat(&file).unwrap();
            let outside = fs::metadata(place.path.join("outside/file")).unwrap();
            assert_ne!(stat.st_ino, std::os::unix::fs::MetadataExt::ino(&outside));
        }
    }
    place.check(client);
}

#[test]
fn directories_are_not_handed_over() {
    let (place, mut client) = Place::new("directory");
    client.attach();
    for flags in [0, 0o200000] {
        let replies = client.call(&[
            walk(0, 1, &[]),
            Request::Lcreate { fid: 1, name: b"dir", flags, mode: 0o777, gid: u32::MAX },
            Request::Clunk { fid: 1 },
            walk(0, 1, &[b"dir"]),
            Request::Lopen { fid: 1, flags: 0 },
            Request::Clunk { fid: 1 },
        ]);
        assert_eq!(Reply::decode(replies[1].0, &replies[1].1), Ok(Reply::Error { errno: 21 }));
        assert_eq!(replies[4].0, 13);
        assert_eq!(client.files().len(), 0);
    }
    place.check(client);
}

#[test]
fn locks_are_not_without_number() {
    let (place, mut client) = Place::new("locks");
    client.attach();
    let range = |start, length| LockRange { start, length, process: 1 };
    let set = |kind, range| Request::Lock { fid: 0, kind, flags: 0, range, client: b"c" };
    let mut requests = vec![set(lock::WRITE, range(0, 0))];
    requests.extend((0..5000).map(|index| set(lock::UNLOCK, range(2 * index + 1, 1))));
    let replies: Vec<_> = requests.chunks(1000).flat_map(|requests| client.call(requests)).collect();
    let good = replies.iter().take_while(|(number, _)| *number == 53).count();
    assert_eq!(good, 4096);
    assert!(replies[good..].iter().all(|(number, body)| (*number, &body[..]) == (7, &37_u32.to_le_bytes())));
    // All at once can still be given back.
    assert_eq!(client.call(&[set(lock::UNLOCK, range(0, 0)), set(lock::WRITE, range(0, 5))])[1].0, 53);
    place.check(client);
}

#[test]
fn a_client_that_talks_nonsense_is_left() {
    for nonsense in [&[0; 4][..], &[0xff; 64], b"\x07\0\0\0", b"GET / HTTP/1.1\r\n\r\n"] {
        let (mut place, client) = Place::new("nonsense");
        lazaret_p9::send(client.socket.as_fd(), nonsense, &[]).unwrap();
        client.socket.shutdown(std::net::Shutdown::Write).unwrap();
        let ended = place.server.take().unwrap().join().unwrap();
        let whole = nonsense.len() == 4 && nonsense[0] == 7;
        assert_eq!(ended.is_ok(), whole, "{nonsense:?}");
        fs::remove_dir_all(&place.path).unwrap();
    }
}
