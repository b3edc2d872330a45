use std::time::Duration;

use lazaret_abi::errno::Errno;

use super::{Owner, RangeLock, find_conflict, lock_file, lock_range, unlock_file, unlock_range};
use crate::{
    fs::{
        file::{File, flags},
        inode::{Inode, NewAttributes},
        tmpfs::{self, TmpfsOptions},
        vfs::{Location, Mount, MountFlags, SuperBlock},
    },
    sync::Arc,
};

/// Several open files of one inode.
fn files(count: usize) -> Vec<Arc<File>> {
    let root = tmpfs::new_root(&TmpfsOptions::default());
    let owner = NewAttributes { permissions: 0o600, uid: 0, gid: 0 };
    let inode: Arc<dyn Inode> = root.create_unnamed(&owner).unwrap();
    let mount = Mount::new(SuperBlock::new("tmpfs", "", "", inode.clone()), MountFlags::empty());
    let open = |_| {
        let ops = inode.clone().open(flags::RDWR).unwrap();
        File::new(ops, Location::root_of(mount.clone()), flags::RDWR)
    };
    (0..count).map(open).collect()
}

fn range(owner: usize, start: u64, end: u64, exclusive: bool) -> RangeLock {
    RangeLock { owner: Owner::Process(owner), start, end, exclusive, pid: 7 }
}

#[test]
fn whole_file_locks_belong_to_open_files() {
    let [first, second] = &files(2)[..] else { unreachable!() };
    assert_eq!(lock_file(first, false, false), Ok(()));
    assert_eq!(lock_file(second, false, false), Ok(()));
    assert_eq!(lock_file(first, true, false), Err(Errno::EAGAIN));
    // The failed change of kind has given the old lock up.
    assert_eq!(lock_file(second, true, false), Ok(()));
    unlock_file(second);
    assert_eq!(lock_file(first, true, false), Ok(()));
}

#[test]
fn a_closed_file_gives_its_locks_up() {
    let mut files = files(2);
    let second = files.pop().unwrap();
    let first = files.pop().unwrap();
    lock_file(&first, true, false).unwrap();
    let own = RangeLock { owner: super::file_owner(&first), ..range(0, 0, 9, true) };
    lock_range(&first, own, false).unwrap();
    let waiter = std::thread::spawn({
        let second = second.clone();
        move || lock_file(&second, true, true)
    });
    std::thread::sleep(Duration::from_millis(5));
    assert!(find_conflict(&second, &range(2, 0, 0, true)).unwrap().is_some());
    drop(first);
    assert_eq!(waiter.join().unwrap(), Ok(()));
    assert!(find_conflict(&second, &range(2, 0, 0, true)).unwrap().is_none());
}

#[test]
fn range_locks_wait_their_turn() {
    let file = &files(1)[0];
    lock_range(file, range(1, 0, 9, true), false).unwrap();
    assert_eq!(lock_range(file, range(2, 5, 15, false), false), Err(Errno::EAGAIN));
    let waiter = std::thread::spawn({
        let file = file.clone();
        move || lock_range(&file, range(2, 5, 15, false), true)
    });
    std::thread::sleep(Duration::from_millis(5));
    unlock_range(file, Owner::Process(1), 0, 9);
    assert_eq!(waiter.join().unwrap(), Ok(()));
}

#[test]
fn circles_of_waiters_are_refused() {
    let file = &files(1)[0];
    lock_range(file, range(11, 0, 0, true), false).unwrap();
    lock_range(file, range(12, 1, 1, true), false).unwrap();
    let waiter = std::thread::spawn({
        let file = file.clone();
        move || lock_range(&file, range(11, 1, 1, true), true)
    });
    while super::waits().lock().get(&Owner::Process(11)).is_none() {
        std::thread::yield_now();
    }
    assert_eq!(lock_range(file, range(12, 0, 0, true), true), Err(Errno::EDEADLK));
    unlock_range(file, Owner::Process(12), 1, 1);
    assert_eq!(waiter.join().unwrap(), Ok(()));
}
