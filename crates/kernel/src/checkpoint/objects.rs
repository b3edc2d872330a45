//! The types behind trait objects, with the names that stand for them in snapshots. A name stays
//! when its type is renamed or moved. What is missing here cannot be saved, and the error says so.

use lazaret_snapshot::snapshot_dyn;

use crate::fs::{
    anon::{AnonInode, Reopen},
    eventfd::EventFd,
    file::FileOps,
    inode::Inode,
    pipe::{Pipe, PipeEnd},
    timerfd::TimerFd,
    tmpfs::{TmpDirectory, TmpFile, TmpInode},
    vfs::PathOnly,
};
use crate::task::pidfd::PidFd;

snapshot_dyn! {
    Arc<dyn Inode> {
        "anonymous" => AnonInode,
        "tmpfs" => TmpInode,
    }
}

snapshot_dyn! {
    Arc<dyn Reopen> {
        "pipe" => Pipe,
    }
}

snapshot_dyn! {
    Box<dyn FileOps> {
        "eventfd" => EventFd,
        "path" => PathOnly,
        "pidfd" => PidFd,
        "pipe" => PipeEnd,
        "timerfd" => TimerFd,
        "tmpfs directory" => TmpDirectory,
        "tmpfs file" => TmpFile,
    }
}
