//! Patched call sites: the application must not notice.

mod common;

use std::thread;

use common::{CODE, DATA, PAGE, STACK, limited, load, next_call, platform, word};
use lazaret_platform::{AddressSpace, Advice, Backing, Context, Prot, Trap};

/// As many calls make a site worth patching.
const ENOUGH: usize = 40;

/// The bytes of the code.
fn code_of(space: &dyn AddressSpace, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    assert_eq!(space.read(CODE, &mut bytes), length);
    bytes
}

// Both kinds of sites; every register and flag is checked after each call.
program!(
    both_kinds,
    "mov rbx, 0x1111111111111111",
    "mov rbp, rsp",
    "mov qword ptr [rsp - 8], 77",
    "mov qword ptr [rsp - 128], 78",
    "2:",
    "mov rdx, 3",
    "mov rsi, 4",
    "mov rdi, 5",
    "mov r8, 6",
    "mov r9, 7",
    "mov r10, 8",
    "mov r12, 9",
    "mov r13, 10",
    "mov r14, 11",
    "mov r15, 12",
    "mov ecx, 0x7fffffff",
    "add ecx, 1",
    "std",
    "mov eax, 39",
    "syscall",
    "jno 9f",
    "pushfq",
    "pop r11",
    "test r11d, 0x400",
    "jz 9f",
    "cld",
    "cmp rax, 100",
    "jne 9f",
    "xor eax, eax",
    "syscall",
    "cmp rax, -4096",
    "ja 9f",
    "cmp rbx, rax",
    "jne 9f",
    "cmp rsp, rbp",
    "jne 9f",
    "cmp qword ptr [rsp - 128], 78",
    "jne 9f",
    "cmp r15, 12",
    "jne 9f",
    "cmp rdi, 5",
    "jne 9f",
    "jmp 2b",
    "9: ud2",
);

#[test]
fn registers_flags_and_red_zone_survive() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, both_kinds());
        let original = code_of(&*space, both_kinds().len());
        let mut rips = Vec::new();
        for round in 0..4 * ENOUGH {
            assert_eq!(next_call(&mut *context), 39, "round {round}");
            let first = *context.regs();
            assert_eq!((first.orig_rax, first.rcx, first.r11), (39, first.rip, first.rflags));
            assert_eq!(first.rflags & 0xc81, 0xc80, "overflow, direction, sign, no carry");
            assert_eq!([first.rdx, first.rsi, first.rdi, first.r8, first.r9, first.r10], [3, 4, 5, 6, 7, 8]);
            assert_eq!([first.r12, first.r13, first.r14, first.r15], [9, 10, 11, 12]);
            assert_eq!((first.rsp, first.rbp, first.rbx), (STACK + PAGE, STACK + PAGE, 0x1111_1111_1111_1111));
            context.regs().rax = 100;
            assert_eq!(next_call(&mut *context), 0);
            let second = *context.regs();
            assert_eq!(second.rcx, second.rip);
            context.regs().rax = second.rbx;
            rips.push((first.rip, second.rip));
        }
        assert!(rips.iter().all(|pair| *pair == rips[0]), "the same addresses before and after");
        assert_ne!(code_of(&*space, original.len()), original, "the code was patched");
    });
}

// A call that is the target of a jump from behind, and returns into a loop that also jumps there.
program!(
    jumps_into,
    "mov ebx, 1000",
    "mov eax, 39",
    "2: syscall",
    "3: mov rdi, rax",
    "dec ebx",
    "js 4f",
    "test ebx, 1",
    "jz 3b",
    "mov eax, 39",
    "test ebx, 2",
    "jz 2b",
    "xor eax, eax",
    "mov al, 40",
    "jmp 2b",
    "4: mov eax, 60",
    "syscall",
);

#[test]
fn jumps_into_a_patched_site_work() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, jumps_into());
        let (mut calls, mut last) = (0, 0);
        loop {
            match next_call(&mut *context) {
                60 => break,
                number => {
                    assert!(number == 39 || number == 40);
                    calls += 1;
                    last = number;
                    context.regs().rax = 1000 + number;
                }
            }
        }
        assert_eq!(calls, 501);
        assert_eq!(context.regs().rdi, 1000 + last);
        assert_ne!(code_of(&*space, jumps_into().len()), jumps_into());
    });
}

program!(move_then_call, "2: mov eax, 39", "syscall", "inc rbx", "jmp 2b");
program!(call_then_compare, "2: xor eax, eax", "syscall", "cmp rax, -4096", "ja 3f", "inc rbx", "jmp 2b", "3: ud2");

#[test]
fn a_call_can_be_made_again_and_a_thread_sent_elsewhere() {
    limited(|| {
        for program in [move_then_call(), call_then_compare()] {
            let platform = platform();
            let (_space, mut context) = load(&platform, program);
            for _ in 0..ENOUGH {
                next_call(&mut *context);
                context.regs().rax = 0;
            }
            let before = *context.regs();
            // As a restart after a signal does it.
            context.regs().rip -= 2;
            context.regs().rax = before.orig_rax;
            assert_eq!(next_call(&mut *context), before.orig_rax);
            assert_eq!(context.regs().rip, before.rip);
            assert_eq!(context.regs().rbx, before.rbx);
            // As a signal handler and its return do it: all registers come from elsewhere.
            let interrupted = *context.regs();
            context.regs().rip = CODE;
            context.regs().rbx = 0;
            next_call(&mut *context);
            *context.regs() = interrupted;
            context.regs().rax = 7;
            next_call(&mut *context);
            assert_eq!(context.regs().rbx, interrupted.rbx + 1);
        }
    });
}

#[test]
fn copies_and_threads_have_the_patches() {
    limited(|| {
        for program in [move_then_call(), call_then_compare()] {
            let platform = platform();
            let (space, mut context) = load(&platform, program);
            for _ in 0..ENOUGH {
                next_call(&mut *context);
                context.regs().rax = 0;
            }
            assert_ne!(code_of(&*space, program.len()), program);
            let (_copy, mut copied) = context.fork().unwrap();
            let mut sibling = context.spawn().unwrap();
            for _ in 0..ENOUGH {
                for context in [&mut copied, &mut sibling, &mut context] {
                    let before = *context.regs();
                    next_call(&mut **context);
                    context.regs().rax = 0;
                    assert_eq!((context.regs().rip, context.regs().rbx), (before.rip, before.rbx + 1));
                }
            }
        }
    });
}

#[test]
fn sites_are_patched_while_other_threads_run_them() {
    limited(|| {
        for program in [move_then_call(), call_then_compare()] {
            for _ in 0..10 {
                let platform = platform();
                let (space, mut context) = load(&platform, program);
                let mut contexts: Vec<_> = (0..3).map(|_| context.spawn().unwrap()).collect();
                contexts.push(context);
                let threads: Vec<_> = contexts
                    .into_iter()
                    .map(|mut context| {
                        thread::spawn(move || {
                            for round in 0..200 {
                                next_call(&mut *context);
                                assert_eq!(context.regs().rbx, round);
                                context.regs().rax = 0;
                            }
                            context
                        })
                    })
                    .collect();
                let _contexts: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
                assert_ne!(code_of(&*space, program.len()), program);
            }
        }
    });
}

// After the call, what was moved to the trampoline writes to rdi.
program!(faults_after, "2: xor eax, eax", "syscall", "mov qword ptr [rdi], 5", "jmp 2b");

#[test]
fn a_fault_in_moved_code_has_the_original_address() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, faults_after());
        context.regs().rdi = DATA;
        for _ in 0..ENOUGH {
            next_call(&mut *context);
        }
        assert_ne!(code_of(&*space, faults_after().len()), faults_after());
        context.regs().rdi = 8;
        let Trap::Fault(fault) = context.run().unwrap() else { panic!() };
        assert_eq!((fault.signal, fault.address, context.regs().rip), (libc::SIGSEGV, 8, CODE + 4));
        context.regs().rdi = DATA + 8;
        next_call(&mut *context);
        assert_eq!(word(&*space, DATA + 8), 5);
    });
}

// Sets the trap flag after some calls, and steps over one more.
program!(stepped, "mov ebx, 50", "2: mov eax, 39", "syscall", "dec ebx", "jnz 2b", "mov eax, 60", "syscall");

#[test]
fn step_by_step_there_are_no_trampolines() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, stepped());
        for _ in 0..ENOUGH {
            next_call(&mut *context);
        }
        assert_ne!(code_of(&*space, stepped().len()), stepped());
        context.regs().rflags |= 0x100;
        let mut steps = Vec::new();
        while context.regs().rbx != 0 {
            match context.run().unwrap() {
                Trap::Syscall => assert_eq!(context.regs().rax, 39),
                Trap::Fault(fault) => {
                    assert_eq!(fault.signal, libc::SIGTRAP);
                    steps.push(context.regs().rip - CODE);
                }
                Trap::Interrupted => {}
            }
        }
        assert!(steps.iter().all(|step| *step < stepped().len() as u64), "{steps:x?}");
        assert_eq!(code_of(&*space, stepped().len()), stepped());
    });
}

#[test]
fn an_application_with_a_use_for_gs_traps() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, move_then_call());
        for _ in 0..ENOUGH {
            next_call(&mut *context);
        }
        context.regs().gs_base = DATA;
        for _ in 0..ENOUGH {
            next_call(&mut *context);
            assert_eq!(context.regs().gs_base, DATA);
        }
        assert_eq!(code_of(&*space, move_then_call().len()), move_then_call());
        assert_eq!(code_of(&*space, 8), move_then_call()[..8]);
        assert!((0..PAGE).step_by(8).all(|offset| word(&*space, DATA + offset) == 0));
    });
}

// Sets %gs behind the kernel's back, to nowhere.
program!(hidden_gs, "2: mov eax, 39", "syscall", "cmp rbx, 0", "je 2b", "mov eax, 8", "wrgsbase rax", "jmp 2b");

#[test]
fn a_trampoline_that_does_not_find_the_page_traps() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, hidden_gs());
        for _ in 0..ENOUGH {
            next_call(&mut *context);
        }
        assert_ne!(code_of(&*space, hidden_gs().len()), hidden_gs());
        context.regs().rbx = 1;
        let before = *context.regs();
        assert_eq!(next_call(&mut *context), 39);
        assert_eq!((context.regs().rip, context.regs().gs_base), (before.rip, 8));
    });
}

#[test]
fn mappings_over_patched_code_are_clean() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, call_then_compare());
        let run = |context: &mut Box<dyn Context>| {
            for _ in 0..ENOUGH {
                assert_eq!(next_call(&mut **context), 0);
                context.regs().rax = 0;
            }
        };
        run(&mut context);
        // Writable code is the original.
        context.protect(CODE, PAGE, Prot::READ | Prot::WRITE | Prot::EXEC).unwrap();
        assert_eq!(code_of(&*space, call_then_compare().len()), call_then_compare());
        run(&mut context);
        // Other code in the same place.
        let (space, mut context) = load(&platform, call_then_compare());
        run(&mut context);
        context.map(CODE, PAGE, Prot::READ | Prot::WRITE, Backing::Anonymous).unwrap();
        context.settle().unwrap();
        space.write(CODE, move_then_call());
        context.protect(CODE, PAGE, Prot::READ | Prot::EXEC).unwrap();
        context.regs().rip = CODE;
        assert_eq!(next_call(&mut *context), 39);
        assert_eq!(next_call(&mut *context), 39);
        // The page is thrown away; it comes back from the file, and is patched again.
        let (space, mut context) = load(&platform, call_then_compare());
        run(&mut context);
        context.advise(CODE, PAGE, Advice::DontNeed).unwrap();
        context.settle().unwrap();
        assert_eq!(code_of(&*space, call_then_compare().len()), call_then_compare());
        run(&mut context);
        // Moved code is the original.
        let (space, mut context) = load(&platform, call_then_compare());
        run(&mut context);
        context.remap(CODE, PAGE, CODE + PAGE, PAGE, false).unwrap();
        let mut moved = vec![0; call_then_compare().len()];
        space.read(CODE + PAGE, &mut moved);
        assert_eq!(moved, call_then_compare());
        context.regs().rip += PAGE;
        assert_eq!(next_call(&mut *context), 0);
    });
}
