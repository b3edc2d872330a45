//! What a hostile application can do to its own stub, and that it ends there.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use common::{CODE, DATA, PAGE, STACK, load, load_unpatched, next_call, platform};
use lazaret_platform::{AddressSpace, Backing, Context, Error, Platform, Prot, Trap};

/// Where every stub has its code and its first context page; see the stub's shared.rs.
const STUB: u64 = 0x7e00_0000_0000;
const PAGE_OF_CONTEXT: u64 = 0x7e00_4000_0000;

// Jumps to rbx with all registers as they are.
program!(jump, "jmp rbx");
program!(writes, "mov qword ptr [rdi], rsi", "mov eax, 1", "syscall", "jmp 2f", "2: mov eax, 2", "syscall");

/// Where the stub's handlers return to; see the header of its code.
fn restorer(space: &dyn AddressSpace) -> u64 {
    let pid = rustix::process::Pid::from_raw(space.host_pid()).unwrap();
    let mut word = [0; 8];
    assert_eq!(lazaret_hostcall::remote::read_memory(pid, STUB + 4 * 8, &mut word), 8);
    u64::from_le_bytes(word)
}

/// Addresses of the syscall instructions in the stub's code.
fn doors(context: &mut dyn Context) -> Vec<u64> {
    let pid = rustix::process::Pid::from_raw(context.address_space().host_pid()).unwrap();
    let mut code = vec![0; 0x3000];
    let length = lazaret_hostcall::remote::read_memory(pid, STUB, &mut code);
    (0..length.saturating_sub(1)).filter(|&at| code[at..at + 2] == [0x0f, 0x05]).map(|at| STUB + at as u64).collect()
}

/// Runs while other stubs are made: a guarded call that nobody ordered waits for an answer, which comes with the
/// next order to any stub.
fn run_amid_orders(
    platform: &dyn Platform,
    space: &dyn AddressSpace,
    context: &mut dyn Context,
) -> lazaret_platform::Result<Trap> {
    std::thread::scope(|scope| {
        let orders = scope.spawn(|| {
            for _ in 0..20 {
                std::thread::sleep(Duration::from_millis(2));
                if space.is_dead() {
                    break;
                }
                drop(platform.create().unwrap());
            }
        });
        let result = context.run();
        orders.join().unwrap();
        result
    })
}

#[test]
fn a_file_that_a_stub_keeps_is_only_mapped_privately() {
    common::limited(|| {
        let platform = platform();
        let file = Arc::new(rustix::fs::memfd_create("file", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        rustix::io::write(&file, b"original").unwrap();
        let backing = Backing::File { fd: &file, offset: 0, shared: false, writable: false, lasting: true };
        // Private first, which works and changes nothing, then shared, which nobody ordered.
        for flags in [0x02, 0x01] {
            let (space, mut context) = load_unpatched(&platform, jump());
            let door = doors(&mut *context)[0];
            context.map(DATA, PAGE, Prot::READ, backing).unwrap();
            let regs = context.regs();
            regs.rax = 9;
            (regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9) = (DATA, PAGE, 3, flags | 0x10, 0, 0);
            regs.rbx = door;
            let result = run_amid_orders(&platform, &*space, &mut *context);
            assert!(matches!(result, Err(Error::Corrupted(_) | Error::Dead)), "{flags}: {result:?}");
        }
        let mut content = [0; 8];
        rustix::io::pread(&file, &mut content, 0).unwrap();
        assert_eq!(&content, b"original");
    });
}

#[test]
fn calls_from_the_stubs_code_do_no_more_than_its_filter_allows() {
    common::limited(|| {
        let platform = platform();
        let (_space, mut context) = load_unpatched(&platform, jump());
        let doors = doors(&mut *context);
        assert!(doors.len() > 5);
        // A number of each kind: files, sockets, processes, other architectures; and the guarded
        // ones, which nobody ordered.
        for number in [0, 1, 2, 9, 25, 41, 56, 57, 58, 59, 62, 101, 157, 257, 321, 322, 425, 435, 0x4000_0000, 9999] {
            let (space, mut context) = load_unpatched(&platform, jump());
            let regs = context.regs();
            regs.rax = number;
            // Shared and anonymous for mmap, a plain fork for clone.
            (regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9) = (DATA, PAGE, 3, 0x21, u64::MAX, 0);
            regs.rbx = doors[number as usize % doors.len()];
            let result = run_amid_orders(&platform, &*space, &mut *context);
            assert!(matches!(result, Err(Error::Corrupted(_) | Error::Dead)), "{number}: {result:?}");
        }
        // The platform still works.
        let (_space, mut context) = load(&platform, writes());
        context.regs().rdi = DATA;
        assert_eq!(next_call(&mut *context), 1);
    });
}

// Leaves a signal handler that was never entered, by a frame at rdi; then loops.
program!(spins, "mov rsp, rdi", "jmp rbx", "2: jmp 2b");

#[test]
fn a_thread_that_hears_no_signal_ends() {
    common::limited(|| {
        let platform = platform();
        let (space, mut context) = load_unpatched(&platform, spins());
        // rt_sigreturn's frame, in words of struct ucontext: flags of the signal stack (none), stack
        // pointer, instruction pointer, flags, segments, and the mask of blocked signals.
        let mut frame = [0_u64; 128];
        for (place, value) in
            [(3, 2), (20, STACK + PAGE - 8), (21, CODE + 5), (22, 0x202), (23, 0x33 | 0x2b << 48), (37, u64::MAX)]
        {
            frame[place] = value;
        }
        let bytes: Vec<u8> = frame.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(space.write(DATA, &bytes), bytes.len());
        context.regs().rdi = DATA;
        context.regs().rbx = restorer(&*space);
        let interrupter = context.interrupter();
        let ender = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            interrupter.interrupt();
            std::thread::sleep(Duration::from_millis(100));
            interrupter.end();
        });
        let start = Instant::now();
        assert!(matches!(context.run(), Err(Error::Corrupted(_) | Error::Dead)));
        assert!(start.elapsed() > Duration::from_millis(200));
        ender.join().unwrap();
        await_death(&*space);
    });
}

fn await_death(space: &dyn AddressSpace) {
    while !space.is_dead() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_shared_mapping_that_is_read_only_never_changes_the_file() {
    common::limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, writes());
        let file = Arc::new(rustix::fs::memfd_create("file", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        rustix::io::write(&file, b"original").unwrap();
        let backing = Backing::File { fd: &file, offset: 0, shared: true, writable: false, lasting: false };
        context.map(DATA, PAGE, Prot::READ, backing).unwrap();
        // What others write shows.
        rustix::io::pwrite(&file, b"O", 0).unwrap();
        assert_eq!(&common::word(&*space, DATA).to_le_bytes(), b"Original");
        // What an application may have its stub do.
        context.protect(DATA, PAGE, Prot::READ | Prot::WRITE).unwrap();
        context.regs().rdi = DATA;
        context.regs().rsi = 0;
        assert_eq!(next_call(&mut *context), 1);
        assert_eq!(common::word(&*space, DATA), 0);
        let mut content = [0; 8];
        rustix::io::pread(&file, &mut content, 0).unwrap();
        assert_eq!(&content, b"Original");
    });
}

#[test]
fn memory_of_a_dead_stub_is_out_of_reach() {
    common::limited(|| {
        let platform = platform();
        let losses = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&losses);
        platform.on_loss(Box::new(move || {
            seen.fetch_add(1, Ordering::SeqCst);
        }));
        drop(load(&platform, writes()));
        let (space, mut context) = load(&platform, writes());
        context.regs().rdi = DATA;
        assert_eq!(next_call(&mut *context), 1);
        let pid = rustix::process::Pid::from_raw(space.host_pid()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        // Nobody runs it, but it is told.
        while losses.load(Ordering::SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(space.is_dead());
        assert_eq!((space.read(DATA, &mut [0; 8]), space.write(DATA, &[0; 8])), (0, 0));
        assert!(matches!(context.run(), Err(Error::Dead)));
        // What was given up is no loss.
        drop(load(&platform, writes()));
        assert_eq!(losses.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_forged_context_page_harms_its_owner_only() {
    common::limited(|| {
        let platform = platform();
        for offset in (0..0x200).step_by(8) {
            for value in [0, u64::MAX, 0x4141_4141_4141_4141] {
                let (space, mut context) = load(&platform, writes());
                let interrupter = context.interrupter();
                context.regs().rdi = PAGE_OF_CONTEXT + offset;
                context.regs().rsi = value;
                // Some values make the stub wait for ever: an interrupt or death must end that.
                let killer = std::thread::spawn({
                    let space = space.clone();
                    move || {
                        let start = Instant::now();
                        while start.elapsed() < Duration::from_millis(5) && !space.is_dead() {
                            std::thread::sleep(Duration::from_millis(1));
                        }
                        interrupter.interrupt();
                        std::thread::sleep(Duration::from_millis(2));
                        space.kill();
                    }
                });
                for _ in 0..3 {
                    match context.run() {
                        Ok(Trap::Syscall | Trap::Fault(_) | Trap::Interrupted) => {}
                        Err(_) => break,
                    }
                }
                let _ = context.unmap(CODE, PAGE);
                drop(context);
                killer.join().unwrap();
            }
        }
        let (_space, mut context) = load(&platform, writes());
        context.regs().rdi = DATA;
        assert_eq!(next_call(&mut *context), 1);
    });
}
