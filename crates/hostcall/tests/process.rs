//! What needs a process with one thread, which the test harness does not have.

use std::{fs::File, io::Read, os::fd::OwnedFd};

use lazaret_hostcall::{
    process::{Child, Namespaces, PANICKED, spawn},
    seccomp::{Action, Filter, Rule, arg},
    seccomp_rules,
    signals::SignalFd,
};
use rustix::process::{Signal, WaitOptions, waitpid};

fn status(child: &Child) -> Option<i32> {
    waitpid(Some(child.pid), WaitOptions::empty()).unwrap().unwrap().1.exit_status()
}

/// The copy has its namespaces, the descriptors that it keeps, and no others.
fn spawns() {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let other = File::open("/").unwrap();
    let child = spawn(Namespaces::USER | Namespaces::PID, None, vec![writer], |keep| {
        let [writer]: [OwnedFd; 1] = keep.try_into().unwrap();
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let closed = rustix::fs::fstat(&other).is_err();
        rustix::io::write(writer, format!("{pid} {closed}").as_bytes()).unwrap();
        7
    })
    .unwrap();
    let mut said = String::new();
    File::from(reader).read_to_string(&mut said).unwrap();
    assert_eq!(said, "1 true");
    assert_eq!(status(&child), Some(7));
}

fn reports_a_panic() {
    std::panic::set_hook(Box::new(|_| {}));
    let child = spawn(Namespaces::empty(), None, Vec::new(), |_| panic!("on purpose")).unwrap();
    drop(std::panic::take_hook());
    assert_eq!(status(&child), Some(PANICKED));
}

fn signals_arrive_by_descriptor() {
    let signals = SignalFd::new(&[libc::SIGUSR1]).unwrap();
    assert_eq!(signals.next().unwrap(), None);
    rustix::process::kill_process(rustix::process::getpid(), Signal::USR1).unwrap();
    assert_eq!(signals.next().unwrap(), Some(libc::SIGUSR1));
}

fn filters() {
    const RULES: &[Rule] = seccomp_rules! {
        SYS_exit_group "the end";
        SYS_getppid [arg(0).int(7)] "never true here";
    };
    let child = spawn(Namespaces::empty(), None, Vec::new(), |_| {
        let filter = Filter { rules: RULES, default: Action::Errno(77), foreign: Action::Kill, origin: None };
        let loaded = rustix::thread::set_no_new_privs(true).is_ok() && filter.load().is_ok();
        let refused = rustix::io::dup(rustix::stdio::stdin()).is_err_and(|errno| errno.raw_os_error() == 77);
        i32::from(!(loaded && refused))
    })
    .unwrap();
    assert_eq!(status(&child), Some(0));
}

fn main() {
    for (name, test) in [
        ("spawns", spawns as fn()),
        ("reports_a_panic", reports_a_panic),
        ("signals_arrive_by_descriptor", signals_arrive_by_descriptor),
        ("filters", filters),
    ] {
        test();
        println!("test {name} ... ok");
    }
}
