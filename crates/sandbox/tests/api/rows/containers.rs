//! The containers of a sandbox, and their ends.

use std::{fs::File, io::Read};

use lazaret_sandbox::{Console, Container, End, Error, Sandbox, Status, Stdio};

use crate::place::{Place, args, is_alive};

pub fn containers_join_a_sandbox_and_leave_it() {
    let place = Place::new();
    let sandbox = place.sandbox("exec sleep 1000");
    let pid = sandbox.pid();
    let mut second = sandbox.create_container(&place.config, args("second", "sleep 1000 & exec sleep 1000")).unwrap();
    assert_eq!((second.status(), second.sandbox_id(), second.is_root()), (Status::Created, "first", false));
    second.start().unwrap();
    assert_eq!(second.status(), Status::Running);
    let third = place.member(&sandbox, "third", "exec sleep 1000");
    let ids: Vec<String> =
        sandbox.containers(&place.config).unwrap().iter().map(|container| container.id().into()).collect();
    assert_eq!(ids, ["first", "second", "third"]);
    // One that others may not join.
    let closed = Sandbox::new(&place.config, args("closed", "exec sleep 1000")).unwrap();
    let error = closed.create_container(&place.config, args("fourth", "true")).unwrap_err().to_string();
    assert!(error.contains("was not made for several containers"), "{error}");
    assert!(matches!(closed.destroy_container(&place.config, "second"), Err(Error::NotFound(_))));
    closed.destroy().unwrap();

    sandbox.destroy_container(&place.config, "second").unwrap();
    sandbox.destroy_container(&place.config, "second").unwrap();
    assert!(matches!(Container::load(&place.config, "second"), Err(Error::NotFound(_))));
    assert_eq!(third.status(), Status::Running);
    // The end of the first is the end of all.
    sandbox.destroy_container(&place.config, "first").unwrap();
    assert!(!is_alive(pid) && !sandbox.is_running());
    assert_eq!(third.status(), Status::Stopped);
    third.delete(false).unwrap();
    sandbox.destroy().unwrap();
}

pub fn a_container_gets_a_terminal() {
    let place = Place::new();
    let mut made = args("first", "stty size; tty; exit 4");
    made.spec.process.as_mut().unwrap().terminal = true;
    let (console, master) = Console::open((33, 99)).unwrap();
    made.stdio = Stdio::Console(console);
    let mut sandbox = Sandbox::new(&place.config, made).unwrap();
    sandbox.root_mut().start().unwrap();
    let mut text = Vec::new();
    // It ends with EIO, when nobody has the terminal any more.
    let _ = File::from(master).read_to_end(&mut text);
    assert_eq!(String::from_utf8(text).unwrap().replace('\r', ""), "33 99\n/dev/pts/0\n");
    assert_eq!(sandbox.root_mut().wait().unwrap(), End::Exited(4));
    sandbox.destroy().unwrap();
}

pub fn many_wait_for_one_end() {
    let place = Place::new();
    let mut sandbox = place.sandbox("exec sleep 1000");
    // Of another process, as it were: those who have loaded it hold nothing.
    let member = place.member(&sandbox, "second", "sleep 0.1; exit 9");
    let wait = |id: &'static str| {
        let config = place.config.clone();
        std::thread::spawn(move || Container::load(&config, id).unwrap().wait().unwrap())
    };
    let waiters: Vec<_> = (0..5).map(|_| wait("second")).collect();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), End::Exited(9));
    }
    // After the end.
    assert_eq!(Container::load(&place.config, "second").unwrap().wait().unwrap(), End::Exited(9));
    member.destroy().unwrap();
    let waiters: Vec<_> = (0..5).map(|_| wait("first")).collect();
    sandbox.root().signal(libc::SIGKILL, lazaret_sandbox::Target::Init).unwrap();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap().status(), 128 + 9);
    }
    assert_eq!(sandbox.root_mut().wait().unwrap().status(), 128 + 9);
    sandbox.destroy().unwrap();
}
