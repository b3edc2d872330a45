//! `/proc/sysvipc`: the objects of the reader's IPC namespace; see sysvipc(7).

use std::fmt::Write;

use lazaret_abi::{errno::Errno, ipc::IpcPerm};

use crate::{
    fs::{
        inode::Inode,
        pseudo::{PseudoDirectory, PseudoFile, PseudoFs, StaticDirectory},
    },
    ipc::IpcNamespace,
    sync::Arc,
    task::Task,
};

const MESSAGES: &str = "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n";
const SEMAPHORES: &str = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n";
const SEGMENTS: &str = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n";

/// Writes the rows of a file; the function turns process ids into those of the reader.
type Rows = fn(&IpcNamespace, &dyn Fn(i32) -> i32, &mut String);

/// The directory.
pub fn directory(fs: &Arc<PseudoFs>) -> Arc<dyn Inode> {
    let files: [(&str, &'static str, Rows); 3] =
        [("msg", MESSAGES, messages), ("sem", SEMAPHORES, semaphores), ("shm", SEGMENTS, segments)];
    let mut entries = StaticDirectory::new();
    for (name, head, rows) in files {
        let content = move || {
            let task = Task::try_current().ok_or(Errno::ESRCH)?;
            let own = task.group().namespace();
            let number = |pid: i32| task.kernel().pids.find(pid).map_or(0, |pid| pid.number_in(own));
            let mut text = head.to_owned();
            rows(&task.namespaces().ipc, &number, &mut text);
            Ok(text.into_bytes())
        };
        entries.add(name, PseudoFile::inode(fs, 0o444, content));
    }
    PseudoDirectory::inode(fs, entries)
}

/// Owner and creator, as all files show them.
fn owners(perm: &IpcPerm) -> String {
    format!("{:5} {:5} {:5} {:5}", perm.uid, perm.gid, perm.creator_uid, perm.creator_gid)
}

fn messages(namespace: &IpcNamespace, number: &dyn Fn(i32) -> i32, text: &mut String) {
    for (id, queue) in namespace.messages.lock().iter() {
        let queue = queue.state().show(number);
        let _ = writeln!(
            text,
            "{:10} {id:10}  {:4o}  {:10} {:10} {:5} {:5} {} {:10} {:10} {:10}",
            queue.perm.key,
            queue.perm.mode,
            queue.bytes,
            queue.messages,
            queue.send_pid,
            queue.receive_pid,
            owners(&queue.perm),
            queue.send_time,
            queue.receive_time,
            queue.change_time
        );
    }
}

fn semaphores(namespace: &IpcNamespace, _number: &dyn Fn(i32) -> i32, text: &mut String) {
    for (id, set) in namespace.semaphores.lock().iter() {
        let set = set.state().show();
        let _ = writeln!(
            text,
            "{:10} {id:10}  {:4o} {:10} {} {:10} {:10}",
            set.perm.key,
            set.perm.mode,
            set.count,
            owners(&set.perm),
            set.operation_time,
            set.change_time
        );
    }
}

fn segments(namespace: &IpcNamespace, number: &dyn Fn(i32) -> i32, text: &mut String) {
    for (id, segment) in namespace.segments.lock().iter() {
        let segment = segment.show(number);
        let _ = writeln!(
            text,
            "{:10} {id:10}  {:4o} {:21} {:5} {:5}  {:5} {} {:10} {:10} {:10} {:21} {:21}",
            segment.perm.key,
            segment.perm.mode,
            segment.size,
            segment.creator_pid,
            segment.last_pid,
            segment.attached,
            owners(&segment.perm),
            segment.attach_time,
            segment.detach_time,
            segment.change_time,
            0,
            0
        );
    }
}
