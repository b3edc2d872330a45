//! What a hostile application can do to its own stub, and that it ends there.

mod common;

use std::time::{Duration, Instant};

use common::{CODE, DATA, PAGE, load, load_unpatched, next_call, platform};
use lazaret_platform::{Context, Error, Platform, Trap};

/// Where every stub has its code and its first context page; see the stub's shared.rs.
const STUB: u64 = 0x7e00_0000_0000;
const PAGE_OF_CONTEXT: u64 = 0x7e00_4000_0000;

// Jumps to rbx with all registers as they are.
program!(jump, "jmp rbx");
program!(writes, "mov qword ptr [rdi], rsi", "mov eax, 1", "syscall", "jmp 2f", "2: mov eax, 2", "syscall");

/// Addresses of the syscall instructions in the stub's code.
fn doors(context: &mut dyn Context) -> Vec<u64> {
    let pid = rustix::process::Pid::from_raw(context.address_space().host_pid()).unwrap();
    let mut code = vec![0; 0x3000];
    let length = lazaret_hostcall::remote::read_memory(pid, STUB, &mut code);
    (0..length.saturating_sub(1)).filter(|&at| code[at..at + 2] == [0x0f, 0x05]).map(|at| STUB + at as u64).collect()
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
            // A guarded call waits for an answer, which comes with the next order to any stub.
            let platform = &platform;
            let result = std::thread::scope(|scope| {
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
            });
            assert!(matches!(result, Err(Error::Corrupted(_) | Error::Dead)), "{number}: {result:?}");
        }
        // The platform still works.
        let (_space, mut context) = load(&platform, writes());
        context.regs().rdi = DATA;
        assert_eq!(next_call(&mut *context), 1);
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
