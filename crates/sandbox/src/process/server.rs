//! The process that serves files of the host: what the sandbox process must not open by itself.
//!
//! It sees nothing of the host but the trees that it serves, which the gofer has opened, and lives until the sandbox
//! process has no use for any of them.

use std::{os::fd::OwnedFd, sync::Arc, thread};

use lazaret_control::{Channel, Failure, Report};
use lazaret_gofer::serve::{self, Allowed, Sockets};
use lazaret_hostcall::refused::report_refused_calls;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::{FAILED, confine, root::enter_empty_root};
use crate::{ids, network::Network};

/// What the process inherits with the memory of its maker.
pub struct Setup {
    /// Id of the container.
    pub id: String,
    /// How the user namespace's ids are mapped.
    pub ids: ids::Mode,
    /// The trees: whether each is read-only.
    pub read_only: Vec<bool>,
    /// What may be done with sockets of the host in the trees.
    pub sockets: Allowed,
    /// Report refused host calls instead of dying silently.
    pub trap: bool,
}

/// The descriptors of the process.
pub struct Descriptors {
    /// To the maker.
    pub maker: OwnedFd,
    /// To the gofer.
    pub gofer: OwnedFd,
    /// For standard streams.
    pub null: OwnedFd,
    /// Standard error.
    pub log: OwnedFd,
}

impl Descriptors {
    /// As a list, for the copy of the process to keep.
    pub fn into_list(self) -> Vec<OwnedFd> {
        vec![self.maker, self.gofer, self.null, self.log]
    }

    fn from_list(list: Vec<OwnedFd>) -> Option<Descriptors> {
        let [maker, gofer, null, log] = list.try_into().ok()?;
        Some(Descriptors { maker, gofer, null, log })
    }
}

/// How much a thread of a tree needs.
const STACK: usize = 256 * 1024;

/// The body of the process; returns its exit status.
pub fn run(setup: &Setup, descriptors: Vec<OwnedFd>) -> i32 {
    let Some(Descriptors { maker, gofer, null, log }) = Descriptors::from_list(descriptors) else { return FAILED };
    lazaret_hostcall::memory::use_one_heap();
    let maker = Channel::from(maker);
    let ready = prepare(setup, &maker, &Channel::from(gofer), &null, &log);
    drop((null, log));
    // If nobody listens any more there is nobody to tell.
    let _ = match &ready {
        Ok(_) => maker.send(&Report::Ready, &[]),
        Err(failure) => maker.send(&Report::Failed(failure.clone()), &[]),
    };
    drop(maker);
    let Ok((trees, sockets)) = ready else { return FAILED };
    let sockets = sockets.map(Arc::new);
    let serve = |(root, connection)| {
        let sockets = sockets.clone();
        let run = move || {
            // A client that breaks the protocol is left, which it notices.
            let _ = serve::serve(root, connection, sockets.as_deref());
        };
        thread::Builder::new().name("tree".into()).stack_size(STACK).spawn(run)
    };
    // What cannot be served is closed, which the sandbox process notices.
    let threads: Vec<_> = trees.into_iter().flat_map(serve).collect();
    lazaret_hostcall::memory::release_program();
    threads.into_iter().for_each(|thread| drop(thread.join()));
    0
}

/// The trees, each with the connection that it is served over, and what reaches sockets in them.
type Prepared = (Vec<(OwnedFd, OwnedFd)>, Option<Sockets>);

/// Confines the process.
fn prepare(
    setup: &Setup,
    maker: &Channel,
    gofer: &Channel,
    null: &OwnedFd,
    log: &OwnedFd,
) -> Result<Prepared, Failure> {
    // Nothing can be done before the ids are mapped.
    let own_id = match maker.receive::<Report>() {
        Ok((Report::Proceed { own_id, .. }, _)) => own_id,
        Ok(_) => return Err(Failure::new("start to serve files", "the maker sent what was not expected")),
        Err(error) => return Err(Failure::new("start to serve files", error)),
    };
    let forget = lazaret_hostcall::start::forget(&format!("lazaret: gofer {}", setup.id));
    forget.map_err(|error| Failure::host("forget the maker's environment", error))?;
    confine::detach(null, log)?;
    let procfs = enter_empty_root(false)?.procfs.filter(|_| setup.sockets.is_any());
    let sockets = procfs.map(|procfs| Sockets::new(setup.sockets, procfs));
    if sockets.is_none() && setup.sockets.is_any() {
        return Err(Failure::new("--host-uds", "the host lets the process that serves files have no procfs"));
    }
    let mut files = lazaret_gofer::receive(gofer)?.into_iter();
    let mut trees = Vec::new();
    while let (Some(root), Some(connection)) = (files.next(), files.next()) {
        trees.push((root, connection));
    }
    if trees.len() != setup.read_only.len() {
        return Err(Failure::new("receive files from the gofer", "a wrong number of them"));
    }
    // One may connect to a socket in a read-only mount, too; that is writing to it.
    let writable = setup.sockets.open.then_some(false);
    let rights = confine::rights(setup.read_only.iter().copied().chain(writable));
    confine::drop_privileges(setup.ids, own_id, rights)?;
    // Nobody may look into it, whoever has its user id.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|errno| Failure::host("hide the memory of the process", errno))?;
    let roots = trees.iter().map(|(root, _)| root).zip(setup.read_only.iter().copied());
    confine::landlock(Network::None, roots, None, None)?;
    if setup.trap {
        report_refused_calls().map_err(|error| Failure::host("handle SIGSYS", error))?;
    }
    serve::filter::load(setup.sockets.is_any(), setup.trap)
        .map_err(|error| Failure::host("load the filter of the process that serves files", error))?;
    Ok((trees, sockets))
}
