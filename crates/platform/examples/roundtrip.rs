//! Measures the platform by itself: what a system call, a mapping, a copy and a new process cost.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::{PAGE, load, next_call, platform};
use lazaret_platform::{Backing, Platform, Prot};

program!(calls, "2: mov eax, 39", "syscall", "jmp 2b");
program!(pauses, "2: mov ecx, 20000", "3: dec ecx", "jnz 3b", "mov eax, 39", "syscall", "jmp 2b");

/// Waits, not for ever, until nothing else runs on this machine.
fn wait_for_quiet() {
    for _ in 0..400 {
        if running() <= 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many threads are running or want to, this one included; see proc_loadavg(5).
fn running() -> u32 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let field = text.split(' ').nth(3).and_then(|field| field.split('/').next());
    field.and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// Prints the median, the best and the worst of some runs, and how many were disturbed.
fn measure(name: &str, count: u32, mut body: impl FnMut()) {
    if std::env::args().nth(1).is_some_and(|only| !name.contains(&only)) {
        return;
    }
    let mut disturbed = 0;
    let mut times: Vec<Duration> = (0..15)
        .map(|_| {
            wait_for_quiet();
            let start = Instant::now();
            (0..count).for_each(|_| body());
            let time = start.elapsed() / count;
            disturbed += u32::from(running() > 1);
            time
        })
        .collect();
    times.sort();
    println!("{name:30} {:>10.2?} (best {:.2?}, worst {:.2?}, disturbed {disturbed})", times[7], times[0], times[14]);
}

fn main() {
    let start = Instant::now();
    let platform = platform();
    println!("{:30} {:>10.2?}", "start of the platform", start.elapsed());
    let (space, mut context) = load(&platform, calls());
    measure("system call", 2000, || {
        next_call(&mut *context);
    });
    let mut bytes = [0; 64];
    measure("read of 64 bytes", 2000, || {
        space.read(common::STACK, &mut bytes);
    });
    measure("map and unmap 64 KiB", 1000, || {
        context.map(0x1000_0000, 16 * PAGE, Prot::READ | Prot::WRITE, Backing::Anonymous).unwrap();
        context.unmap(0x1000_0000, 16 * PAGE).unwrap();
    });
    let file = std::sync::Arc::new(std::fs::File::open("/proc/self/exe").unwrap().into());
    measure("map a file", 500, || {
        let backing = Backing::File { fd: &file, offset: 0, shared: false, writable: false, lasting: false };
        context.map(0x1000_0000, 16 * PAGE, Prot::READ, backing).unwrap();
    });
    measure("fork and drop", 100, || {
        context.fork().unwrap();
    });
    measure("fork, run, drop", 100, || {
        let (_space, mut copy) = context.fork().unwrap();
        next_call(&mut *copy);
    });
    measure("thread and drop", 100, || {
        let mut sibling = context.spawn().unwrap();
        next_call(&mut *sibling);
    });
    measure("create and drop", 100, || {
        platform.create().unwrap();
    });
    let (_space, mut context) = load(&platform, pauses());
    measure("system call each 10 us", 500, || {
        next_call(&mut *context);
    });
    // SAFETY: the call has no effect.
    measure("host's getppid", 2000, || unsafe {
        libc::syscall(libc::SYS_getppid);
    });
}
