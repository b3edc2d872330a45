//! Runs filters in an interpreter; `tests/process.rs` loads one on the host.

use super::*;

/// What the host hands to a filter.
struct Call {
    number: u32,
    architecture: u32,
    ip: u64,
    args: [u64; 6],
}

fn call(number: i64, args: [u64; 6]) -> Call {
    Call { number: u32::try_from(number).unwrap(), architecture: X86_64, ip: 0, args }
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        let mut data = Vec::new();
        data.extend(self.number.to_le_bytes());
        data.extend(self.architecture.to_le_bytes());
        data.extend(self.ip.to_le_bytes());
        data.extend(self.args.iter().flat_map(|arg| arg.to_le_bytes()));
        let at = usize::try_from(offset).unwrap();
        u32::from_le_bytes(data[at..at + 4].try_into().unwrap())
    }
}

/// Interprets the instructions that the emitter uses; see the kernel's networking/filter.rst.
fn run(program: &[sock_filter], call: &Call) -> u32 {
    let (mut pc, mut a) = (0, 0_u32);
    loop {
        let instruction = &program[pc];
        pc += 1;
        let taken = |condition: bool| usize::from(if condition { instruction.jt } else { instruction.jf });
        match u32::from(instruction.code) {
            0x20 => a = call.word(instruction.k),
            0x54 => a &= instruction.k,
            0x05 => pc += usize::try_from(instruction.k).unwrap(),
            0x15 => pc += taken(a == instruction.k),
            0x35 => pc += taken(a >= instruction.k),
            0x06 => return instruction.k,
            code => panic!("instruction {code:#x}"),
        }
    }
}

const RULES: &[Rule] = seccomp_rules! {
    SYS_read "unconditional";
    SYS_mmap [arg(2).clear(4), arg(3).bits(0xff, 0x22), arg(4).int(-1)] "several conditions";
    SYS_futex [arg(1).one_of(&[0, 1, 128, 129])] "one of";
    SYS_futex [arg(1).equal(0x1_0000_0005)] "a second rule of one call";
    SYS_munmap [arg(0).below(0x7000_0000_1000)] "below";
    SYS_clone => Action::Notify, "another action";
    SYS_madvise [arg(2).only(0xc)] "only";
};

fn filter() -> Filter<'static> {
    Filter { rules: RULES, default: Action::Kill, foreign: Action::Trap, origin: None }
}

#[test]
fn decides_by_number_and_arguments() {
    let program = filter().program();
    let (allow, kill) = (Action::Allow.code(), Action::Kill.code());
    let high = 0xdead_beef_0000_0000;
    for (expected, number, args) in [
        (allow, libc::SYS_read, [u64::MAX; 6]),
        (kill, libc::SYS_write, [0; 6]),
        (kill, 449, [0; 6]),
        (allow, libc::SYS_mmap, [0, 0, 3, 0x22, 0xffff_ffff, 0]),
        (allow, libc::SYS_mmap, [0, 0, 3, 0x122, high | 0xffff_ffff, 0]),
        (kill, libc::SYS_mmap, [0, 0, 7, 0x22, 0xffff_ffff, 0]),
        (kill, libc::SYS_mmap, [0, 0, 3, 0x21, 0xffff_ffff, 0]),
        (kill, libc::SYS_mmap, [0, 0, 3, 0x22, 3, 0]),
        (allow, libc::SYS_futex, [0, 129, 0, 0, 0, 0]),
        (allow, libc::SYS_futex, [0, 0x1_0000_0005, 0, 0, 0, 0]),
        (kill, libc::SYS_futex, [0, 5, 0, 0, 0, 0]),
        (kill, libc::SYS_futex, [0, 2, 0, 0, 0, 0]),
        (allow, libc::SYS_munmap, [0x7000_0000_0fff, 0, 0, 0, 0, 0]),
        (allow, libc::SYS_munmap, [0xffff_ffff, 0, 0, 0, 0, 0]),
        (kill, libc::SYS_munmap, [0x7000_0000_1000, 0, 0, 0, 0, 0]),
        (kill, libc::SYS_munmap, [0x7001_0000_0000, 0, 0, 0, 0, 0]),
        (Action::Notify.code(), libc::SYS_clone, [0; 6]),
        (allow, libc::SYS_madvise, [0, 0, 8, 0, 0, 0]),
        (kill, libc::SYS_madvise, [0, 0, 1 << 40, 0, 0, 0]),
    ] {
        assert_eq!(run(&program, &call(number, args)), expected, "call {number} {args:x?}");
    }
}

#[test]
fn other_interfaces_are_told_apart() {
    let program = filter().program();
    let i386 = Call { architecture: 0x4000_0003, ..call(libc::SYS_read, [0; 6]) };
    let x32 = call(i64::from(X32), [0; 6]);
    assert_eq!(run(&program, &i386), Action::Trap.code());
    assert_eq!(run(&program, &x32), Action::Trap.code());
}

#[test]
fn calls_from_elsewhere_get_their_own_action() {
    let range = 0x7e00_0000_0000..0x7e00_0000_2000;
    let program = Filter { origin: Some((range, Action::Trap)), ..filter() }.program();
    for (ip, expected) in [
        (0x7dff_ffff_ffff, Action::Trap),
        (0x7e00_0000_0000, Action::Allow),
        (0x7e00_0000_1fff, Action::Allow),
        (0x7e00_0000_2000, Action::Trap),
        (0x7f00_0000_1000, Action::Trap),
        (0x1000, Action::Trap),
    ] {
        let call = Call { ip, ..call(libc::SYS_read, [0; 6]) };
        assert_eq!(run(&program, &call), expected.code(), "{ip:#x}");
    }
}

#[test]
fn each_rule_is_in_the_table() {
    let table = markdown(RULES);
    assert!(table.contains("| futex | arg1 in {0x0 0x1 0x80 0x81} | allowed | one of |"), "{table}");
    assert_eq!(table.lines().count(), RULES.len() + 2);
}
