use std::time::Duration;

use super::*;
use crate::fs::{eventfd, pipe};
use crate::uio::BufferSink;

const IN: u32 = Events::IN.bits();

fn now() -> Option<Deadline> {
    Some(Deadline::after(Duration::ZERO))
}

fn watch(epoll: &Arc<File>, fd: i32, file: &Arc<File>, events: u32) -> Result<(), Errno> {
    Epoll::of(epoll).unwrap().add(epoll, fd, file, Interest { events, data: u64::from(fd.unsigned_abs()) })
}

fn ready(epoll: &Arc<File>) -> Vec<u64> {
    Epoll::of(epoll).unwrap().wait(8, now()).unwrap().iter().map(|found| found.data).collect()
}

#[test]
fn a_level_is_reported_again_and_an_edge_once() {
    let (epoll, level, edge) = (create(), eventfd::create(1, false, 0), eventfd::create(1, false, 0));
    watch(&epoll, 3, &level, IN).unwrap();
    watch(&epoll, 4, &edge, IN | Mode::EDGE.bits()).unwrap();
    assert_eq!(ready(&epoll), [3, 4]);
    assert_eq!(ready(&epoll), [3]);
    edge.write(&mut &1_u64.to_ne_bytes()[..]).unwrap();
    assert_eq!(ready(&epoll), [3, 4]);
    level.read(&mut BufferSink::new(8)).unwrap();
    assert_eq!(ready(&epoll), []);
}

#[test]
fn one_shot_waits_to_be_armed_again() {
    let (epoll, file) = (create(), eventfd::create(1, false, 0));
    let events = IN | Mode::ONESHOT.bits();
    watch(&epoll, 3, &file, events).unwrap();
    assert_eq!(ready(&epoll), [3]);
    file.write(&mut &1_u64.to_ne_bytes()[..]).unwrap();
    assert_eq!(ready(&epoll), []);
    Epoll::of(&epoll).unwrap().modify(3, &file, Interest { events, data: 5 }).unwrap();
    assert_eq!(ready(&epoll), [5]);
}

#[test]
fn circles_are_refused_and_nesting_works() {
    let (outer, inner, file) = (create(), create(), eventfd::create(0, false, 0));
    watch(&outer, 3, &inner, IN).unwrap();
    watch(&inner, 4, &file, IN).unwrap();
    assert_eq!(watch(&inner, 5, &outer, IN), Err(Errno::ELOOP));
    assert_eq!(watch(&outer, 3, &outer, IN), Err(Errno::EINVAL));
    assert_eq!(watch(&outer, 3, &inner, IN), Err(Errno::EEXIST));
    assert_eq!(ready(&outer), []);
    file.write(&mut &1_u64.to_ne_bytes()[..]).unwrap();
    assert_eq!(ready(&outer), [3]);
}

#[test]
fn a_sleeper_is_woken_and_closed_files_go() {
    let epoll = create();
    let (reader, writer) = pipe::create(0);
    watch(&epoll, 3, &reader, IN).unwrap();
    let sleeper = std::thread::spawn({
        let epoll = epoll.clone();
        move || Epoll::of(&epoll).unwrap().wait(1, Some(Deadline::after(Duration::from_secs(5)))).unwrap()
    });
    std::thread::sleep(Duration::from_millis(5));
    writer.write(&mut &b"x"[..]).unwrap();
    assert_eq!(sleeper.join().unwrap(), [Interest { events: IN, data: 3 }]);
    drop(reader);
    assert_eq!(ready(&epoll), []);
    assert!(Epoll::of(&epoll).unwrap().items.lock().is_empty());
}
