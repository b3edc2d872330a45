//! A client that wants to reach, or to make, sockets outside of its tree.

use std::{
    fs,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            fs::symlink,
            net::{UnixListener, UnixStream},
        },
    },
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use lazaret_gofer::serve::{Allowed, Sockets, serve};
use lazaret_p9::{EXTENDED, Incoming, MAX_MESSAGE, Many, NO_FID, Reply, Request, VERSION};
use rustix::fs::{Mode, OFlags, open};

const STREAM: u32 = 1;
const ALL: Allowed = Allowed { open: true, create: true };

/// A tree with a socket that may be reached, and beside it one that must not.
struct Place {
    path: PathBuf,
    outside: UnixListener,
    server: Option<JoinHandle<rustix::io::Result<()>>>,
}

impl Place {
    fn new(name: &str, allowed: Allowed, version: &[u8]) -> (Place, Client) {
        let path = std::env::temp_dir().join(format!("lazaret-9p-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("tree/dir")).unwrap();
        fs::create_dir(path.join("outside")).unwrap();
        let outside = UnixListener::bind(path.join("outside/socket")).unwrap();
        outside.set_nonblocking(true).unwrap();
        fs::write(path.join("tree/file"), "").unwrap();
        symlink("../outside/socket", path.join("tree/away")).unwrap();
        let root = open(path.join("tree"), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let procfs = open("/proc", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let sockets = Sockets::new(allowed, procfs);
        let server = Some(thread::spawn(move || serve(root, ours.into(), Some(&sockets))));
        let mut client = Client { socket: theirs, incoming: Incoming::new(MAX_MESSAGE, true) };
        client.call(&Request::Version { max_message: MAX_MESSAGE, version }).unwrap();
        client.call(&Request::Attach { fid: 0, auth: NO_FID, user: b"", tree: b"", uid: u32::MAX }).unwrap();
        (Place { path, outside, server }, client)
    }

    /// The server has ended well, and nothing outside was reached or made.
    fn check(mut self, client: Client) {
        drop(client);
        let ended = self.server.take().unwrap().join();
        let reached = self.outside.accept().is_ok();
        let outside: Vec<_> = fs::read_dir(self.path.join("outside")).unwrap().flatten().collect();
        fs::remove_dir_all(&self.path).unwrap();
        assert!(ended.unwrap().is_ok() && !reached);
        assert_eq!(outside.len(), 1, "{outside:?}");
    }
}

struct Client {
    socket: UnixStream,
    incoming: Incoming,
}

impl Client {
    /// Makes a request: the error, or what came beside the reply.
    fn call(&mut self, request: &Request<'_>) -> Result<Option<OwnedFd>, i32> {
        let mut bytes = Vec::new();
        request.encode(1, &mut bytes);
        lazaret_p9::send(self.socket.as_fd(), &bytes, &[]).unwrap();
        loop {
            if let Some(frame) = self.incoming.next_frame().unwrap() {
                return match Reply::decode(frame.number, frame.body).unwrap() {
                    Reply::Error { errno } => Err(errno.cast_signed()),
                    _ => Ok(self.incoming.next_file()),
                };
            }
            assert!(self.incoming.receive(self.socket.as_fd()).unwrap(), "the server has ended");
        }
    }

    /// Connects to what a name in the tree leads to.
    fn connect(&mut self, name: &[u8], kind: u32) -> Result<Option<OwnedFd>, i32> {
        self.call(&Request::Walk { fid: 0, new_fid: 1, names: Many(vec![name]) })?;
        let connected = self.call(&Request::Connect { fid: 1, kind });
        self.call(&Request::Clunk { fid: 1 }).unwrap();
        connected
    }

    fn bind(&mut self, new_fid: u32, name: &[u8], kind: u32) -> Result<Option<OwnedFd>, i32> {
        self.call(&Request::Bind { directory: 0, new_fid, name, kind, mode: 0o750, uid: u32::MAX, gid: u32::MAX })
    }
}

#[test]
fn only_sockets_of_the_tree_are_reached() {
    let (place, mut client) = Place::new("sockets", ALL, EXTENDED);
    let _inside = UnixListener::bind(place.path.join("tree/inside")).unwrap();
    assert!(client.connect(b"inside", STREAM).unwrap().is_some());
    for name in [&b"away"[..], b"file", b"dir"] {
        assert_eq!(client.connect(name, STREAM).unwrap_err(), libc::ECONNREFUSED);
    }
    assert_eq!(client.connect(b"inside", 2).unwrap_err(), libc::EPROTOTYPE);
    for kind in [0, 3, STREAM | 0o4000, u32::MAX] {
        assert_eq!(client.connect(b"inside", kind).unwrap_err(), libc::EINVAL);
    }
    assert_eq!(client.call(&Request::Connect { fid: 0, kind: STREAM }).unwrap_err(), libc::ECONNREFUSED);
    assert_eq!(client.call(&Request::Connect { fid: 9, kind: STREAM }).unwrap_err(), libc::EBADF);
    place.check(client);
}

#[test]
fn sockets_are_made_in_the_tree_alone() {
    let (place, mut client) = Place::new("made", ALL, EXTENDED);
    for (name, errno) in [
        (&b""[..], libc::ENOENT),
        (b".", libc::EINVAL),
        (b"..", libc::EINVAL),
        (b"../outside/made", libc::EINVAL),
        (b"dir/made", libc::EINVAL),
        (b"/made", libc::EINVAL),
        (b"\0made", libc::EINVAL),
        (&[b'x'; 109], libc::ENAMETOOLONG),
        (&[b'x'; 300], libc::ENAMETOOLONG),
        (b"file", libc::EEXIST),
        (b"away", libc::EEXIST),
    ] {
        assert_eq!(client.bind(5, name, STREAM).unwrap_err(), errno, "{:?}", String::from_utf8_lossy(name));
    }
    assert_eq!(client.bind(5, b"made", 3).unwrap_err(), libc::EINVAL);
    assert_eq!(client.bind(0, b"made", STREAM).unwrap_err(), libc::EBADF);
    let made = client.bind(5, b"made", STREAM).unwrap().unwrap();
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(place.path.join("tree/made")).unwrap());
    assert_eq!(mode, 0o140_750);
    for fid in [0, 7] {
        assert_eq!(client.call(&Request::Listen { fid, backlog: 1 }).unwrap_err(), libc::EBADF);
    }
    let connect = || UnixStream::connect(place.path.join("tree/made")).map(drop).map_err(|error| error.kind());
    assert_eq!(connect().unwrap_err(), std::io::ErrorKind::ConnectionRefused);
    client.call(&Request::Listen { fid: 5, backlog: u32::MAX }).unwrap();
    connect().unwrap();
    // What stands for a socket is no file to read or to write.
    assert_eq!(client.call(&Request::Read { fid: 5, offset: 0, count: 9 }).unwrap_err(), libc::EBADF);
    drop(made);
    client.call(&Request::Clunk { fid: 5 }).unwrap();
    assert_eq!(connect().unwrap_err(), std::io::ErrorKind::ConnectionRefused);
    place.check(client);
}

#[test]
fn nothing_is_done_that_is_not_allowed() {
    for (allowed, version, connected, bound) in [
        (Allowed { open: true, create: false }, EXTENDED, None, Some(libc::EOPNOTSUPP)),
        (Allowed { open: false, create: true }, EXTENDED, Some(libc::ECONNREFUSED), None),
        (ALL, VERSION, Some(libc::EOPNOTSUPP), Some(libc::EOPNOTSUPP)),
    ] {
        let (place, mut client) = Place::new("allowed", allowed, version);
        let _inside = UnixListener::bind(place.path.join("tree/inside")).unwrap();
        assert_eq!(client.connect(b"inside", STREAM).err(), connected);
        assert_eq!(client.bind(5, b"made", STREAM).err(), bound);
        assert_eq!(place.path.join("tree/made").exists(), bound.is_none());
        place.check(client);
    }
}

#[test]
fn a_race_with_links_reaches_no_socket_outside() {
    let (place, mut client) = Place::new("raced", ALL, EXTENDED);
    let tree = place.path.join("tree");
    let _inside = UnixListener::bind(tree.join("inside")).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for from in ["inside", "away"] {
                    fs::rename(tree.join(from), tree.join("target")).unwrap();
                    fs::rename(tree.join("target"), tree.join(from)).unwrap();
                }
            }
        });
        let end = Instant::now() + Duration::from_millis(300);
        while Instant::now() < end {
            // Whatever comes of it.
            let _ = client.connect(b"target", STREAM);
        }
        stop.store(true, Ordering::Relaxed);
    });
    place.check(client);
}
