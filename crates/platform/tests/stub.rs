//! The stub platform under small programs.

mod common;

use std::{
    fs::File,
    io::{Read, Seek, Write},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{CODE, DATA, PAGE, STACK, limited, load, load_unpatched, next_call, platform, word};
use lazaret_platform::{Advice, Backing, Context, Error, Fault, Platform, Prot, Trap};

program!(
    registers,
    "mov eax, 1000",
    "mov rbx, 0x1111111111111111",
    "mov rdx, 0x2222222222222222",
    "mov rsi, 0x3333333333333333",
    "mov rdi, 0x4444444444444444",
    "mov rbp, 0x5555555555555555",
    "mov r8,  0x6666666666666666",
    "mov r9,  0x7777777777777777",
    "mov r10, 0x8888888888888888",
    "mov r12, 0x9999999999999999",
    "mov r13, 0xaaaaaaaaaaaaaaaa",
    "mov r14, 0xbbbbbbbbbbbbbbbb",
    "mov r15, 0xcccccccccccccccc",
    "stc",
    "syscall",
    "setc al",
    "movzx eax, al",
    "add eax, 2000",
    "syscall",
    "hlt",
);

#[test]
fn a_system_call_keeps_all_registers() {
    limited(|| {
        let platform = platform();
        let (_space, mut context) = load(&platform, registers());
        assert_eq!(next_call(&mut *context), 1000);
        let first = *context.regs();
        assert_eq!(first.orig_rax, 1000);
        assert_eq!(first.rcx, first.rip);
        assert_eq!(first.r11, first.rflags);
        assert_eq!(first.rsp, STACK + PAGE);
        assert_eq!(
            [first.rbx, first.rdx, first.rsi, first.rdi, first.rbp, first.r8, first.r9, first.r10],
            [1, 2, 3, 4, 5, 6, 7, 8].map(|n: u64| n * 0x1111_1111_1111_1111)
        );
        assert_eq!(
            [first.r12, first.r13, first.r14, first.r15],
            [9, 10, 11, 12].map(|n: u64| n * 0x1111_1111_1111_1111)
        );
        context.regs().rax = 0;
        // The carry flag came back, and every register the program did not touch.
        assert_eq!(next_call(&mut *context), 2001);
        let mut second = *context.regs();
        second.rax = first.rax;
        second.orig_rax = first.orig_rax;
        second.rip = first.rip;
        second.rcx = first.rcx;
        second.rflags = first.rflags;
        second.r11 = first.r11;
        assert_eq!(first, second);
        assert!(matches!(context.run().unwrap(), Trap::Fault(fault) if fault.signal == 11 && fault.trap_number == 13));
    });
}

#[test]
fn registers_are_what_the_kernel_sets() {
    limited(|| {
        let platform = platform();
        let (_space, mut context) = load(&platform, registers());
        next_call(&mut *context);
        let wanted = {
            let regs = context.regs();
            regs.rip -= 2;
            regs.rax = 77;
            regs.fs_base = 0x1234_5000;
            regs.gs_base = 0x5432_1000;
            regs.rcx = 5;
            regs.r11 = 6;
            regs.rsp = 0x12345;
            regs.rflags |= 0x400;
            *regs
        };
        assert_eq!(next_call(&mut *context), 77);
        let got = *context.regs();
        assert_eq!((got.fs_base, got.gs_base, got.rsp), (0x1234_5000, 0x5432_1000, 0x12345));
        assert_eq!(got.rflags, wanted.rflags);
        assert_eq!(got.rcx, got.rip);
    });
}

program!(loop_of_calls, "2:", "mov eax, 39", "syscall", "jmp 2b");

#[test]
fn a_stub_killed_from_outside_is_dead() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, loop_of_calls());
        next_call(&mut *context);
        let pid = rustix::process::Pid::from_raw(space.host_pid()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let result = loop {
            match context.run() {
                Ok(Trap::Syscall) => {}
                other => break other,
            }
        };
        assert_eq!(result, Err(Error::Dead));
        assert!(space.is_dead());
        assert_eq!(context.unmap(CODE, PAGE), Err(Error::Dead));
        assert_eq!(context.fork().err(), Some(Error::Dead));
        assert_eq!(context.spawn().err(), Some(Error::Dead));
        let mut bytes = [0];
        assert_eq!(space.read(CODE, &mut bytes), 0);
        // The platform lives on.
        let (_space, mut context) = load(&platform, loop_of_calls());
        next_call(&mut *context);
    });
}

// Fills three vector registers, makes a call, stores them at rdi; zmm where there is AVX-512.
program!(
    vectors,
    "movq xmm0, rsi",
    "vbroadcastsd ymm1, xmm0",
    "vbroadcastsd ymm15, xmm0",
    "fld1",
    "mov eax, 1",
    "syscall",
    "vmovdqu [rdi], ymm1",
    "vmovdqu [rdi + 32], ymm15",
    "fstp qword ptr [rdi + 64]",
    "mov eax, 2",
    "syscall",
    "2: jmp 2b",
);

#[test]
fn vector_registers_live_through_calls_copies_and_threads() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, vectors());
        context.regs().rdi = DATA;
        context.regs().rsi = 0x0123_4567_89ab_cdef;
        assert_eq!(next_call(&mut *context), 1);
        let (copy, mut copied) = context.fork().unwrap();
        let mut sibling = context.spawn().unwrap();
        sibling.regs().rdi = DATA + 128;
        for (space, context, at) in
            [(&copy, &mut copied, DATA), (&space, &mut sibling, DATA + 128), (&space, &mut context, DATA)]
        {
            assert_eq!(next_call(&mut **context), 2);
            for offset in (0..64).step_by(8) {
                assert_eq!(word(&**space, at + offset), 0x0123_4567_89ab_cdef);
            }
            assert_eq!(word(&**space, at + 64), 1.0f64.to_bits());
        }
    });
}

// Loads ymm1 from rdi, makes a call, and shows ymm1's two ends in rsi and rdx.
program!(
    show_vector,
    "vmovdqu ymm1, [rdi]",
    "2: mov eax, 1",
    "syscall",
    "movq rsi, xmm1",
    "vextractf128 xmm2, ymm1, 1",
    "movq rdx, xmm2",
    "jmp 2b",
);

#[test]
fn extended_state_is_saved_reset_and_restored() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, show_vector());
        let area = 0x70_0000;
        context.map(area, 4 * PAGE, Prot::READ | Prot::WRITE, Backing::Anonymous).unwrap();
        space.write(area, &[0xff; 4096]);
        space.write(DATA, &[0x5a; 32]);
        context.regs().rdi = DATA;
        next_call(&mut *context);
        context.save_fp(area).unwrap();
        assert_eq!(word(&*space, area + 512) & 4, 4, "AVX state is in the area");
        assert_eq!(word(&*space, area + 520), 0, "the header's rest is clear");
        context.reset_fp().unwrap();
        next_call(&mut *context);
        assert_eq!((context.regs().rsi, context.regs().rdx), (0, 0));
        context.restore_fp(area, platform.fp_features()).unwrap();
        next_call(&mut *context);
        let value = 0x5a5a_5a5a_5a5a_5a5a;
        assert_eq!((context.regs().rsi, context.regs().rdx), (value, value));
        // Of the area only the SSE state is wanted.
        context.restore_fp(area, 3).unwrap();
        next_call(&mut *context);
        assert_eq!((context.regs().rsi, context.regs().rdx), (value, 0));

        for bad in [0x1000, area + 1, 0x8000_0000_0000_0000, 0x7e00_4000_0000, area + 4 * PAGE - 64] {
            assert_eq!(context.save_fp(bad), Err(Error::Host(libc::EFAULT)), "{bad:#x}");
            assert_eq!(context.restore_fp(bad, u64::MAX), Err(Error::Host(libc::EFAULT)), "{bad:#x}");
        }
        // A header with bits that the processor refuses.
        space.write(area + 520, &u64::MAX.to_le_bytes());
        assert_eq!(context.restore_fp(area, u64::MAX), Err(Error::Host(libc::EFAULT)));
        next_call(&mut *context);
    });
}

program!(write_at_rdi, "mov qword ptr [rdi], 5", "mov eax, 1", "syscall", "hlt");
program!(divide, "xor edx, edx", "mov eax, 1", "xor ecx, ecx", "div ecx");
program!(undefined, "ud2");
program!(breakpoint, "nop", "int3", "mov eax, 1", "syscall");
program!(step, "pushfq", "or qword ptr [rsp], 0x100", "popfq", "nop", "nop");
program!(jump_to_rdi, "jmp rdi");

#[track_caller]
fn next_fault(context: &mut dyn Context) -> Fault {
    match context.run().unwrap() {
        Trap::Fault(fault) => fault,
        other => panic!("{other:?} with {:x?}", context.regs()),
    }
}

#[test]
fn faults_have_the_fields_of_linux() {
    limited(|| {
        let platform = platform();
        let (_space, mut context) = load(&platform, write_at_rdi());
        context.regs().rdi = 0x1234_5678;
        let fault = next_fault(&mut *context);
        assert_eq!((fault.signal, fault.code, fault.address), (libc::SIGSEGV, 1, 0x1234_5678));
        assert_eq!((fault.trap_number, fault.error_code, fault.cr2), (14, 6, 0x1234_5678));
        assert_eq!(context.regs().rip, CODE);
        // Once there is memory, the instruction is repeated.
        context.map(0x1234_5000, PAGE, Prot::READ, Backing::Anonymous).unwrap();
        let fault = next_fault(&mut *context);
        assert_eq!((fault.signal, fault.code, fault.error_code), (libc::SIGSEGV, 2, 6));
        context.protect(0x1234_5000, PAGE, Prot::READ | Prot::WRITE).unwrap();
        assert_eq!(next_call(&mut *context), 1);

        let (_space, mut context) = load(&platform, divide());
        let fault = next_fault(&mut *context);
        assert_eq!((fault.signal, fault.code, fault.address), (libc::SIGFPE, 1, context.regs().rip));
        let (_space, mut context) = load(&platform, undefined());
        let fault = next_fault(&mut *context);
        assert_eq!((fault.signal, fault.code, fault.address), (libc::SIGILL, 2, CODE));
        let (_space, mut context) = load(&platform, breakpoint());
        let fault = next_fault(&mut *context);
        assert_eq!((fault.signal, fault.code, context.regs().rip), (libc::SIGTRAP, 0x80, CODE + 2));
        assert_eq!(next_call(&mut *context), 1);
        let (_space, mut context) = load(&platform, step());
        for _ in 0..2 {
            let fault = next_fault(&mut *context);
            assert_eq!((fault.signal, fault.code, fault.address), (libc::SIGTRAP, 2, context.regs().rip));
        }
        context.regs().rip = CODE;
        context.regs().rflags = 0x100;
        let fault = next_fault(&mut *context);
        assert_eq!((fault.signal, fault.code, fault.address), (libc::SIGTRAP, 2, CODE + 1));
        let (_space, mut context) = load(&platform, jump_to_rdi());
        context.regs().rdi = 0xffff_8000_0000_0000;
        let fault = next_fault(&mut *context);
        assert_eq!((fault.signal, fault.code, fault.error_code), (libc::SIGSEGV, 1, 21));
        // The next attempt is the kernel's: it sees the same address.
        let fault = next_fault(&mut *context);
        assert_eq!(fault.signal, libc::SIGSEGV);
    });
}

#[test]
fn memory_is_mapped_moved_and_unmapped() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, loop_of_calls());
        let (a, b) = (0x1000_0000, 0x2000_0000);
        context.map(a, 4 * PAGE, Prot::READ | Prot::WRITE, Backing::Anonymous).unwrap();
        let data: Vec<u8> = (0..4 * PAGE).map(|n| (n / 7) as u8).collect();
        assert_eq!(space.write(a, &data), data.len());
        context.remap(a, 4 * PAGE, b, 6 * PAGE, false).unwrap();
        let mut back = vec![0; data.len()];
        assert_eq!(space.read(a, &mut back), 0);
        assert_eq!(space.read(b, &mut back), data.len());
        assert_eq!(back, data);
        context.unmap(b + PAGE, PAGE).unwrap();
        assert_eq!(space.read(b, &mut back), PAGE as usize, "up to the hole");
        assert_eq!(space.read(b + PAGE - 3, &mut back), 3);
        context.protect(b, PAGE, Prot::READ).unwrap();
        assert_eq!(space.write(b, &data), 0);
        assert_eq!(space.read(b, &mut back), PAGE as usize);
        context.advise(b + 2 * PAGE, PAGE, Advice::DontNeed).unwrap();
        assert_eq!(word(&*space, b + 2 * PAGE + 8), 0);
        context.remap(b + 2 * PAGE, 2 * PAGE, a, 2 * PAGE, true).unwrap();
        assert_eq!(word(&*space, b + 3 * PAGE + 8), 0, "the old range stays, empty");
        assert_eq!(word(&*space, a + PAGE + 8).to_le_bytes(), data[3 * 4096 + 8..3 * 4096 + 16]);

        for (address, length) in [(0x7e00_0000_0000, PAGE), (a + 1, PAGE), (a, 1), (a, 0), (a, u64::MAX - 0xfff)] {
            assert_eq!(context.unmap(address, length), Err(Error::Host(libc::EINVAL)));
            assert_eq!(context.protect(address, length, Prot::READ), Err(Error::Host(libc::EINVAL)));
            assert!(context.map(address, length, Prot::READ, Backing::Anonymous).is_err());
        }
        assert_eq!(context.protect(0x3000_0000, PAGE, Prot::READ), Err(Error::Host(libc::ENOMEM)));
        assert_eq!(space.read(0x7e00_0000_0000, &mut back), 0, "the stub is not application memory");
        next_call(&mut *context);
    });
}

#[test]
fn files_are_read_into_application_memory() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, write_at_rdi());
        let (mut file, fd) = tempfile();
        file.write_all(&[1; 4096]).unwrap();
        file.write_all(&[2; 100]).unwrap();
        let (_other, other) = tempfile();
        assert_eq!(context.read_file(&fd, 4088, DATA, 16).unwrap(), Some(16));
        assert_eq!((word(&*space, DATA), word(&*space, DATA + 8)), (0x0101_0101_0101_0101, 0x0202_0202_0202_0202));
        assert_eq!(context.read_file(&other, 0, DATA, 16).unwrap(), Some(0));
        assert_eq!(context.read_file(&fd, 4100, DATA, 4096).unwrap(), Some(96));
        assert_eq!(context.read_file(&fd, 0, DATA + 16 * PAGE, 16), Err(Error::Host(libc::EFAULT)));
        assert_eq!(context.read_file(&fd, 0, DATA, 8).unwrap(), Some(8));
        assert_eq!(word(&*space, DATA), 0x0101_0101_0101_0101);
        // The stub's memory is none of the application's.
        assert_eq!(context.read_file(&fd, 0, lazaret_platform::layout::APP_MAX - 8, 16).unwrap(), None);
        assert_eq!(context.read_file(&fd, 0, u64::MAX - 8, 16).unwrap(), None);
        context.regs().rdi = DATA;
        next_call(&mut *context);
    });
}

#[test]
fn files_are_mapped_private_and_shared() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, write_at_rdi());
        let (mut file, fd) = tempfile();
        file.write_all(&[1; 8192]).unwrap();
        let (private, shared) = (0x1000_0000, 0x2000_0000);
        let backing = |shared| Backing::File { fd: &fd, offset: 4096, shared, writable: shared, lasting: false };
        context.map(private, PAGE, Prot::READ | Prot::WRITE, backing(false)).unwrap();
        context.map(shared, PAGE, Prot::READ | Prot::WRITE, backing(true)).unwrap();
        space.write(private, &[2; 8]);
        assert_eq!(word(&*space, shared), 0x0101_0101_0101_0101);
        context.regs().rdi = shared + 8;
        next_call(&mut *context);
        let mut bytes = [0; 8];
        file.seek(std::io::SeekFrom::Start(4096 + 8)).unwrap();
        file.read_exact(&mut bytes).unwrap();
        assert_eq!(u64::from_le_bytes(bytes), 5);
        // A file that may not be written is not mapped to write.
        let read_only = Arc::new(File::open("/proc/self/exe").unwrap().into());
        let backing = Backing::File { fd: &read_only, offset: 0, shared: true, writable: true, lasting: false };
        let result = context.map(shared, PAGE, Prot::READ | Prot::WRITE, backing);
        assert_eq!(result, Err(Error::Host(libc::EACCES)));
        // Beyond the file's end the host raises a bus error.
        let backing = Backing::File { fd: &fd, offset: 8192, shared: true, writable: true, lasting: false };
        context.map(shared, PAGE, Prot::READ | Prot::WRITE, backing).unwrap();
        context.regs().rip = CODE;
        assert_eq!(next_fault(&mut *context).signal, libc::SIGBUS);
        let pid = space.host_pid();
        assert_eq!(std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(), 0, "no descriptor is left");
    });
}

fn tempfile() -> (File, Arc<OwnedFd>) {
    let fd = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    (File::from(fd.try_clone().unwrap()), Arc::new(fd))
}

#[test]
fn address_spaces_in_a_row_are_all_empty() {
    limited(|| {
        let platform = platform();
        let mut spaces = Vec::new();
        for _ in 0..8 {
            let (space, mut context) = load(&platform, write_at_rdi());
            assert_eq!(word(&*space, DATA), 0);
            context.regs().rdi = DATA;
            next_call(&mut *context);
            assert_eq!(word(&*space, DATA), 5);
            spaces.push((space, context));
        }
    });
}

#[test]
fn a_copy_of_an_address_space_goes_its_own_way() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, write_at_rdi());
        space.write(DATA, &1u64.to_le_bytes());
        let (copy, mut copied) = context.fork().unwrap();
        assert_eq!(copied.regs(), context.regs());
        assert_ne!(space.host_pid(), copy.host_pid());
        copied.regs().rdi = DATA;
        next_call(&mut *copied);
        assert_eq!((word(&*space, DATA), word(&*copy, DATA)), (1, 5));
        // Copies of copies; the parent may go first.
        let (grandchild, mut third) = copied.fork().unwrap();
        drop((copied, copy));
        third.regs().rip = CODE;
        third.regs().rdi = DATA + 8;
        next_call(&mut *third);
        assert_eq!((word(&*grandchild, DATA), word(&*grandchild, DATA + 8)), (5, 5));
        context.regs().rdi = DATA + 16;
        next_call(&mut *context);
    });
}

#[test]
fn copies_are_made_at_the_same_time() {
    limited(|| {
        let platform = platform();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let (_space, mut context) = load(&platform, loop_of_calls());
                    for _ in 0..50 {
                        let (_copy, mut copied) = context.fork().unwrap();
                        assert_eq!(next_call(&mut *copied), 39);
                        assert_eq!(next_call(&mut *context), 39);
                    }
                });
            }
        });
    });
}

// Adds 1 to the word at rdi, 1,000 times, with a call after each.
program!(
    count,
    "mov ebx, 1000",
    "2: lock inc qword ptr [rdi]",
    "mov eax, 39",
    "syscall",
    "dec ebx",
    "jnz 2b",
    "mov eax, 60",
    "syscall",
);

#[test]
fn threads_share_an_address_space() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, count());
        context.regs().rdi = DATA;
        let run = |mut context: Box<dyn Context>| move || while next_call(&mut *context) != 60 {};
        let mut threads: Vec<_> = (0..7).map(|_| thread::spawn(run(context.spawn().unwrap()))).collect();
        // A thread starts a thread.
        let mut sibling = context.spawn().unwrap();
        threads.push(thread::spawn(run(sibling.spawn().unwrap())));
        threads.push(thread::spawn(run(sibling)));
        run(context)();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(word(&*space, DATA), 10_000);
    });
}

#[test]
fn slots_of_threads_are_used_again() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, loop_of_calls());
        for _ in 0..300 {
            let mut sibling = context.spawn().unwrap();
            next_call(&mut *sibling);
        }
        // More at once than a chunk has room for.
        let mut siblings: Vec<_> = (0..100).map(|_| context.spawn().unwrap()).collect();
        for sibling in &mut siblings {
            next_call(&mut **sibling);
        }
        // One of them copies the process, in which it is the only one.
        let (copy, mut copied) = siblings[80].fork().unwrap();
        next_call(&mut *copied);
        let threads = |pid| std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
        assert_eq!(threads(copy.host_pid()), 1);
        assert_eq!(threads(space.host_pid()), 101);
        drop(siblings);
        next_call(&mut *context);
        let deadline = Instant::now() + Duration::from_secs(30);
        while threads(space.host_pid()) > 1 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(threads(space.host_pid()), 1);
    });
}

program!(spin, "2: inc rax", "jmp 2b");

#[test]
fn a_busy_loop_is_interrupted() {
    limited(|| {
        let platform = platform();
        let (_space, mut context) = load(&platform, spin());
        let interrupter = context.interrupter();
        // Before it runs: at once, and only once.
        interrupter.interrupt();
        interrupter.interrupt();
        assert_eq!(context.run(), Ok(Trap::Interrupted));
        assert_eq!(context.regs().rax, 0);
        let mut last = 0;
        for _ in 0..100 {
            thread::scope(|scope| {
                scope.spawn(|| {
                    thread::sleep(Duration::from_millis(1));
                    interrupter.interrupt();
                });
                assert_eq!(context.run(), Ok(Trap::Interrupted));
            });
            // On a busy machine the interrupt may come before the start.
            assert!(context.regs().rax >= last);
            last = context.regs().rax;
        }
        assert_ne!(last, 0);
    });
}

// Counts in rbx and in xmm0; rdi tells how many calls were answered with 7.
program!(
    checked_calls,
    "xor ebx, ebx",
    "pxor xmm0, xmm0",
    "mov r14d, 1",
    "movq xmm1, r14",
    "2: inc rbx",
    "paddq xmm0, xmm1",
    "mov rsi, rbx",
    "movq rdx, xmm0",
    "lea eax, [rbx + 1000]",
    "cmp rsp, r15",
    "jne 3f",
    "syscall",
    "cmp rax, 7",
    "jne 3f",
    "cmp rsi, rbx",
    "jne 3f",
    "mov r13d, 20",
    "4: dec r13d",
    "jnz 4b",
    "jmp 2b",
    "3: ud2",
);

#[test]
fn interrupts_lose_no_register_in_a_storm_of_calls() {
    limited(|| {
        let platform = platform();
        storm(load(&platform, checked_calls()).1);
    });
}

#[test]
fn interrupts_lose_no_register_in_a_storm_of_traps() {
    limited(|| {
        let platform = platform();
        storm(load_unpatched(&platform, checked_calls()).1);
    });
}

fn storm(mut context: Box<dyn Context>) {
    {
        context.regs().r15 = STACK + PAGE;
        let interrupter = context.interrupter();
        let stop = AtomicBool::new(false);
        let (mut calls, mut interrupts) = (0u64, 0u64);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut pause = 1u32;
                while !stop.load(Ordering::Relaxed) {
                    interrupter.interrupt();
                    pause = pause.wrapping_mul(1_103_515_245).wrapping_add(12345);
                    for _ in 0..pause >> 18 {
                        std::hint::spin_loop();
                    }
                }
            });
            let deadline = Instant::now() + Duration::from_secs(3);
            while Instant::now() < deadline {
                match context.run() {
                    Ok(Trap::Syscall) => {
                        calls += 1;
                        let regs = context.regs();
                        assert_eq!((regs.rsi, regs.rdx, regs.rax), (calls, calls, calls + 1000));
                        regs.rax = 7;
                    }
                    Ok(Trap::Interrupted) => interrupts += 1,
                    other => {
                        stop.store(true, Ordering::Relaxed);
                        panic!("{other:x?} after {calls} calls: {:x?}", context.regs());
                    }
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(calls > 1000 && interrupts > 50, "{calls} calls, {interrupts} interrupts");
    }
}

program!(int80, "mov eax, 20", "int 0x80", "mov rdi, rax", "mov eax, 1", "syscall");
program!(x32, "mov eax, 0x40000027", "syscall", "hlt");
program!(vsyscall, "mov rax, 0xffffffffff600400", "call rax", "mov rdi, rax", "mov eax, 1", "syscall");

#[test]
fn other_entries_do_not_reach_the_host() {
    limited(|| {
        let platform = platform();
        let (_space, mut context) = load(&platform, int80());
        assert_eq!(next_call(&mut *context), 1);
        assert_eq!(context.regs().rdi.cast_signed(), i64::from(-libc::ENOSYS));
        let (_space, mut context) = load(&platform, x32());
        assert_eq!(next_call(&mut *context), 0x4000_0027);
        let (_space, mut context) = load(&platform, vsyscall());
        match context.run().unwrap() {
            // time(2)
            Trap::Syscall => {
                assert_eq!(context.regs().rax, 201);
                context.regs().rax = 1234;
                assert_eq!(next_call(&mut *context), 1);
                assert_eq!(context.regs().rdi, 1234);
            }
            // A host without the page.
            Trap::Fault(fault) => assert_eq!(fault.signal, libc::SIGSEGV),
            other => panic!("{other:?}"),
        }
    });
}

program!(vdso_time, "sub rsp, 8", "mov edi, 1", "mov rsi, rsp", "call rbx", "pop rdi", "mov eax, 1", "syscall");

#[test]
fn the_vdso_is_an_elf_image_in_every_address_space() {
    limited(|| {
        let platform = platform();
        let (space, _context) = load(&platform, vdso_time());
        let mut magic = [0; 4];
        // The application may read it, but it lies outside of what the kernel copies to and from.
        assert_eq!(space.read(platform.vdso().start, &mut magic), 0);
        let pid = rustix::process::Pid::from_raw(space.host_pid()).unwrap();
        lazaret_hostcall::remote::read_memory(pid, platform.vdso().start, &mut magic);
        assert_eq!(&magic, b"\x7fELF");
    });
}

#[test]
fn nothing_is_left_behind() {
    limited(|| {
        let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let platform = platform();
        let mut pids = Vec::new();
        let mut before = 0;
        for round in 0..1000 {
            let (space, mut context) = load(&platform, loop_of_calls());
            next_call(&mut *context);
            pids.push(space.host_pid());
            if round == 100 {
                before = descriptors();
            }
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        let is_there = |pid: &i32| std::fs::exists(format!("/proc/{pid}")).unwrap();
        while pids.iter().any(is_there) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(pids.iter().filter(|pid| is_there(pid)).count(), 0);
        // Other tests run beside this one.
        assert!(descriptors() < before + 40, "{before} before, {} now", descriptors());
    });
}
