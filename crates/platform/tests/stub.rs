//! The stub platform under small programs.

mod common;

use common::{CODE, DATA, PAGE, STACK, limited, load, next_call, platform, word};
use lazaret_platform::{Error, Platform, Trap};

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
