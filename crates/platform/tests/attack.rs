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

/// Where things are in a context page, and what they mean; see the stub's shared.rs.
mod page {
    pub const COMMAND_SEQ: u64 = 0;
    pub const COMMAND: u64 = 8;
    pub const ARGUMENTS: u64 = 32;
    pub const REGS: u64 = 1664;
    pub const FAST_RIP: u64 = REGS + 21 * 8 + 8;
    pub const RESUME: u64 = 1;
    pub const FORK: u32 = 4;
    pub const SLOT_SIZE: u64 = 0x1_0000;
}

// A thread that answers the kernel's commands itself. r13 is its context page, r14 and r12 are pages of its own that
// look like one. It reports a call, and obeys each command with a clone of the flags in r15 and the nonce that the
// command brings in argument rbp; then it says that the clone failed. Where to jump for a clone is in rbx, for
// another call behind the page in r14: by way of the stub's code, with r14 for its page, both come back to where that
// says. A copy of the process stays at 3.
program!(
    lies,
    "mov r11d, dword ptr [r13]",
    "mov dword ptr [r13 + 136], 1",
    // Reports, and wakes who waits.
    "2: lock inc dword ptr [r13 + 128]",
    "mov dword ptr [r14 + 1664 + 6 * 8], r11d",
    "lea rax, [rip + 4f]",
    "mov [r14 + 1664 + 16 * 8], rax",
    "lea rdi, [r13 + 128]",
    "mov esi, 1",
    "mov edx, 1",
    "mov eax, 202",
    "mov rcx, [r14 + 0x2000]",
    "jmp 6f",
    // Waits for a command.
    "4: cmp dword ptr [r13], r11d",
    "je 4b",
    "mov r11d, dword ptr [r13]",
    "mov dword ptr [r14 + 1664 + 6 * 8], r11d",
    "lea rax, [rip + 3f]",
    "mov [r14 + 1664 + 16 * 8], rax",
    "mov r9, [r13 + 32 + rbp * 8]",
    "mov rdi, r15",
    "xor esi, esi",
    "xor edx, edx",
    "mov eax, 56",
    "mov rcx, rbx",
    "6: xor r10d, r10d",
    "xor r8d, r8d",
    "inc dword ptr [r14]",
    "mov rbx, r14",
    "jmp rcx",
    "3: mov rax, [r14 + 240]",
    "mov [r14 + 0x2008], rax",
    "test rax, rax",
    "jz 3b",
    "mov qword ptr [r13 + 240], -11",
    "mov dword ptr [r13 + 136], 5",
    "jmp 2b",
    // Where to jump to for no clone at all.
    "5: jmp 5b",
);

/// Whether the code from here on is what is looked for.
type Door<'d> = &'d dyn Fn(&[u8]) -> bool;

/// Sets up [`lies`]: `door` is where the stub's code makes a clone and goes on to report its result; without one it
/// makes none.
fn load_liar(
    platform: &dyn Platform,
    door: Option<Door>,
    flags: u64,
    nonce: u64,
) -> (Arc<dyn AddressSpace>, Box<dyn Context>) {
    const OWN: u64 = 0x10_0000_0000;
    const OTHER: u64 = OWN + page::SLOT_SIZE;
    let (space, mut context) = load_unpatched(platform, lies());
    context.map(OWN, 2 * page::SLOT_SIZE, Prot::READ | Prot::WRITE, Backing::Anonymous).unwrap();
    context.settle().unwrap();
    let pid = rustix::process::Pid::from_raw(space.host_pid()).unwrap();
    let mut code = vec![0; 0x3000];
    assert!(lazaret_hostcall::remote::read_memory(pid, STUB, &mut code) > 0x100);
    let find = |door: &dyn Fn(&[u8]) -> bool| {
        STUB + code.windows(16).position(|code| code[..2] == [0x0f, 0x05] && door(&code[2..])).unwrap() as u64
    };
    let door = door.map_or(CODE + lies().len() as u64 - 2, find);
    let regs = context.regs();
    (regs.r12, regs.r13, regs.r14, regs.r15) = (OTHER, PAGE_OF_CONTEXT, OWN, flags);
    (regs.rbx, regs.rbp) = (door, nonce);
    let regs = *regs;
    let put = |offset: u64, value: u64| assert_eq!(space.write(OWN + offset, &value.to_le_bytes()), 8);
    put(page::COMMAND, page::RESUME);
    put(page::FAST_RIP, u64::MAX);
    put(0x2000, find(&is_call));
    let words = [flags, OWN, PAGE_OF_CONTEXT, OTHER, nonce, regs.rbx];
    for (place, value) in (0..).zip(words).chain([(17, 0x202), (18, STACK + PAGE)]) {
        put(page::REGS + place * 8, value);
    }
    assert_eq!(common::word(&*space, OWN + page::COMMAND_SEQ), 0);
    assert_eq!(context.run(), Ok(Trap::Syscall));
    (space, context)
}

/// What follows in the command that makes a host call: the result goes to the page.
fn is_call(code: &[u8]) -> bool {
    code[..3] == [0x48, 0x89, 0x83]
}

/// What follows in the command that makes a thread, which goes to its page, in r12, and waits there.
fn is_spawn(code: &[u8]) -> bool {
    code[..3] == [0x48, 0x85, 0xc0] && code.windows(3).any(|code| code == [0x4c, 0x89, 0xe3])
}

#[test]
fn a_copy_that_is_denied_ends() {
    common::limited(|| {
        let platform = platform();
        let (space, mut context) = load_liar(&platform, Some(&is_call), 0x8000, 0);
        assert_eq!(context.fork().err(), Some(Error::Host(11)));
        let copy = common::word(&*space, 0x10_0000_0000 + 0x2008);
        let copy = rustix::process::Pid::from_raw(i32::try_from(copy).unwrap()).unwrap();
        let start = Instant::now();
        while lazaret_hostcall::remote::signal_thread(copy, copy, None).is_ok() {
            if start.elapsed() > Duration::from_secs(30) {
                let _ = rustix::process::kill_process(copy, rustix::process::Signal::KILL);
                panic!("the copy lives");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // Others may still be made, and what told the lie is no worse off.
        drop(platform.create().unwrap());
        assert_eq!(context.fork().err(), Some(Error::Host(11)));
    });
}

#[test]
fn threads_that_are_denied_end_their_process() {
    common::limited(|| {
        let platform = platform();
        let (space, mut context) = load_liar(&platform, Some(&is_spawn), 0x5_0f00, 1);
        let results: Vec<_> =
            (0..40).map(|_| context.spawn().err()).take_while(|error| *error == Some(Error::Host(11))).collect();
        assert!((10..30).contains(&results.len()), "{results:?}");
        await_death(&*space);
    });
}

#[test]
fn a_process_makes_its_own_copies_only() {
    common::limited(|| {
        let platform = platform();
        let (space, mut context) = load_liar(&platform, None, 0x8000, 0);
        let (_other, mut stranger) = load_unpatched(&platform, jump());
        let door = doors(&mut *stranger)[0];
        let pid = rustix::process::Pid::from_raw(space.host_pid()).unwrap();
        let word = |offset: u64| {
            let mut word = [0; 4];
            assert_eq!(lazaret_hostcall::remote::read_memory(pid, PAGE_OF_CONTEXT + offset, &mut word), 4);
            u32::from_le_bytes(word)
        };
        std::thread::scope(|scope| {
            let copy = scope.spawn(|| context.fork().err());
            while word(page::COMMAND) != page::FORK {
                std::thread::sleep(Duration::from_millis(1));
            }
            // What it was ordered to do it tells another process.
            let regs = stranger.regs();
            (regs.rax, regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8) = (56, 0x8000, 0, 0, 0, 0);
            (regs.r9, regs.rbx) = (word(page::ARGUMENTS).into(), door);
            let result = stranger.run();
            assert!(matches!(result, Err(Error::Corrupted(_) | Error::Dead)), "{result:?}");
            assert_eq!(copy.join().unwrap(), Some(Error::Corrupted("has another process make its copy")));
        });
    });
}

/// The file that a stub's context pages are in, as the host numbers it.
fn slots_of(space: &dyn AddressSpace) -> u64 {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", space.host_pid())).unwrap();
    let line = maps.lines().find(|line| line.starts_with(&format!("{PAGE_OF_CONTEXT:x}-"))).unwrap();
    line.split_whitespace().nth(4).unwrap().parse().unwrap()
}

#[test]
fn what_a_copy_may_have_kept_is_used_for_nobody_else() {
    common::limited(|| {
        for is_copied in [false, true] {
            let platform = platform();
            let (space, mut context) = load(&platform, writes());
            let slots = slots_of(&*space);
            let copy = is_copied.then(|| context.fork().unwrap());
            drop((space, context));
            let is_used = || {
                std::thread::sleep(Duration::from_millis(2));
                slots_of(&*load(&platform, writes()).0) == slots
            };
            if is_copied {
                assert!(!(0..200).any(|_| is_used()), "the registers of another process are in sight of a copy");
            } else {
                // Otherwise it is, which takes as long as the end of the first one.
                while !is_used() {}
            }
            drop(copy);
        }
    });
}
