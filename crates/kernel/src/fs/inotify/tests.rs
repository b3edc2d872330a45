use lazaret_abi::errno::Errno;

use super::{Event, Inotify, Mask};
use crate::{
    fs::{
        file::{File, flags},
        tmpfs,
        vfs::{LookupFlags, Mount, MountFlags, MountNamespace, OpenHow, PathContext, change, rename::rename},
    },
    sync::Arc,
    task::creds::Creds,
    uio::BufferSink,
};

#[test]
fn names_fill_whole_headers() {
    let event = |name: &[u8]| Event { descriptor: 1, mask: Mask::CREATE, cookie: 0, name: name.to_vec() };
    assert_eq!(event(b"").encode().len(), 16);
    assert_eq!(event(b"a").encode().len(), 32);
    assert_eq!(event(&[b'a'; 15]).encode().len(), 32);
    assert_eq!(event(&[b'a'; 16]).encode().len(), 48);
}

struct Setup {
    context: PathContext,
    file: Arc<File>,
}

impl Setup {
    fn new() -> Setup {
        let namespace = MountNamespace::new(Mount::new(tmpfs::mount("", "").unwrap(), MountFlags::empty()));
        let root = namespace.root();
        let context = PathContext { root: root.clone(), directory: root, creds: Arc::new(Creds::root()), umask: 0 };
        Setup { context, file: Inotify::open(flags::NONBLOCK) }
    }

    fn watch(&self, path: &str, mask: Mask) -> i32 {
        let place = self.context.lookup(path.as_bytes(), LookupFlags::FOLLOW).unwrap();
        self.file.ops().downcast_ref::<Inotify>().unwrap().add_watch(&place, mask).unwrap()
    }

    fn open(&self, path: &str, flags: u32) -> Arc<File> {
        self.context.open(path.as_bytes(), &OpenHow { flags, mode: 0o644, ..OpenHow::default() }).unwrap()
    }

    /// What was reported: watch, events, name.
    fn events(&self) -> Vec<(i32, Mask, String)> {
        let mut events = Vec::new();
        loop {
            let mut sink = BufferSink::new(16 + 256);
            match self.file.read(&mut sink) {
                Err(error) => {
                    assert_eq!(error, Errno::EAGAIN);
                    return events;
                }
                Ok(_) => {
                    let mut data = &sink.data[..];
                    while !data.is_empty() {
                        let word = |at: usize| u32::from_ne_bytes(data[at..at + 4].try_into().unwrap());
                        let length = word(12) as usize;
                        let name = String::from_utf8(data[16..16 + length].to_vec()).unwrap();
                        let event = (word(0) as i32, Mask::from_bits_retain(word(4)));
                        events.push((event.0, event.1, name.trim_end_matches('\0').to_owned()));
                        data = &data[16 + length..];
                    }
                }
            }
        }
    }
}

#[test]
fn a_directory_tells_what_happens_in_it() {
    let setup = Setup::new();
    let watch = setup.watch("/", Mask::ALL_EVENTS);
    let file = setup.open("/f", flags::CREAT | flags::WRONLY);
    file.write(&mut b"x".as_slice()).unwrap();
    change::chmod(file.location(), 0o600, &setup.context.creds).unwrap();
    drop(file);
    rename(&setup.context, b"/f", &setup.context, b"/g", 0).unwrap();
    setup.context.unlink(b"/g").unwrap();
    setup.context.make_directory(b"/d", 0o755).unwrap();
    setup.context.remove_directory(b"/d").unwrap();
    let expected = [
        (Mask::CREATE, "f"),
        (Mask::OPEN, "f"),
        (Mask::MODIFY, "f"),
        (Mask::ATTRIB, "f"),
        (Mask::CLOSE_WRITE, "f"),
        (Mask::MOVED_FROM, "f"),
        (Mask::MOVED_TO, "g"),
        (Mask::DELETE, "g"),
        (Mask::CREATE | Mask::ISDIR, "d"),
        (Mask::DELETE | Mask::ISDIR, "d"),
    ];
    let expected: Vec<_> = expected.map(|(mask, name)| (watch, mask, name.to_owned())).into();
    assert_eq!(setup.events(), expected);
}

#[test]
fn a_file_tells_of_its_end() {
    let setup = Setup::new();
    drop(setup.open("/f", flags::CREAT | flags::WRONLY));
    let watch = setup.watch("/f", Mask::ATTRIB | Mask::DELETE_SELF | Mask::MOVE_SELF);
    rename(&setup.context, b"/f", &setup.context, b"/g", 0).unwrap();
    setup.context.unlink(b"/g").unwrap();
    let expected = [Mask::MOVE_SELF, Mask::ATTRIB, Mask::DELETE_SELF, Mask::IGNORED];
    let expected: Vec<_> = expected.map(|mask| (watch, mask, String::new())).into();
    assert_eq!(setup.events(), expected);
    assert_eq!(setup.file.ops().downcast_ref::<Inotify>().unwrap().remove_watch(watch), Err(Errno::EINVAL));
}

#[test]
fn a_one_shot_watch_fires_once() {
    let setup = Setup::new();
    let watch = setup.watch("/", Mask::CREATE | Mask::ONESHOT);
    setup.context.make_directory(b"/a", 0o755).unwrap();
    setup.context.make_directory(b"/b", 0o755).unwrap();
    let expected = [(watch, Mask::CREATE | Mask::ISDIR, "a".to_owned()), (watch, Mask::IGNORED, String::new())];
    assert_eq!(setup.events(), expected);
}
