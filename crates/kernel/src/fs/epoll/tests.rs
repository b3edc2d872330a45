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

#[test]
fn chains_are_short_whichever_end_is_made_first() {
    let chain: Vec<_> = (0..6).map(|_| create()).collect();
    for (outer, inner) in chain.iter().zip(&chain[1..5]) {
        watch(outer, 3, inner, IN).unwrap();
    }
    assert_eq!(watch(&chain[4], 3, &chain[5], IN), Err(Errno::ELOOP));
    let chain: Vec<_> = (0..6).map(|_| create()).collect();
    for (outer, inner) in chain.iter().zip(&chain[1..5]).rev() {
        watch(outer, 3, inner, IN).unwrap();
    }
    assert_eq!(watch(&chain[5], 3, &chain[0], IN), Err(Errno::ELOOP));
    // What is not watched any more makes no chain.
    Epoll::of(&chain[0]).unwrap().remove(3, &chain[1]).unwrap();
    watch(&chain[5], 3, &chain[0], IN).unwrap();
}

#[test]
fn few_ways_lead_from_a_file_to_the_outermost_epolls() {
    let layers: Vec<Vec<_>> = (0..3).map(|_| (0..11).map(|_| create()).collect()).collect();
    for pair in layers.windows(2) {
        for (outer, (inner, fd)) in pair[0].iter().flat_map(|outer| pair[1].iter().zip(3..).map(move |i| (outer, i))) {
            watch(outer, fd, inner, IN).unwrap();
        }
    }
    // 121 ways through one epoll, 100 are allowed.
    let file = eventfd::create(0, false, 0);
    assert_eq!(watch(&layers[2][0], 50, &file, IN), Err(Errno::EINVAL));
    for outer in &layers[0][..2] {
        for (inner, fd) in layers[1].iter().zip(3..) {
            Epoll::of(outer).unwrap().remove(fd, inner).unwrap();
        }
    }
    watch(&layers[2][0], 50, &file, IN).unwrap();
    // Nor may an epoll that watches a file get too many.
    assert_eq!(watch(&layers[0][0], 3, &layers[1][0], IN), Ok(()));
    assert_eq!(watch(&layers[0][1], 3, &layers[1][0], IN), Err(Errno::EINVAL));
    file.write(&mut &1_u64.to_ne_bytes()[..]).unwrap();
    assert_eq!(ready(&layers[0][2]).len(), 8);
}
