//! Copies between the application and the kernel that go with a call and its answer, and host calls
//! that do.

mod common;

use lazaret_platform::{AddressSpace, Context, Prot};

use common::{DATA, PAGE, limited, load, next_call, platform};

/// As many calls make a site worth patching.
const ENOUGH: usize = 40;

// Asks to open the path at DATA, again and again.
program!(opens, "2: mov edi, 0x600000", "mov eax, 2", "syscall", "jmp 2b",);

#[test]
fn strings_come_along() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, opens());
        space.write(DATA, b"/etc/passwd\0more");
        for _ in 0..=ENOUGH {
            assert_eq!(next_call(&mut *context), 2);
            context.answer(0);
        }
        assert_eq!(next_call(&mut *context), 2);
        space.write(DATA, b"elsewhere\0");
        let mut text = [0; 64];
        assert_eq!(context.memory().known_string(DATA, &mut text), Some(12));
        assert_eq!(&text[..12], b"/etc/passwd\0");
        assert_eq!(context.memory().known_string(DATA, &mut [0; 4]), None);
        assert_eq!(context.memory().known_string(DATA + 1, &mut text), None);
        // One without an end is left to the kernel.
        let end = DATA + PAGE - 8;
        space.write(end, &[b'x'; 8]);
        context.regs().rdi = end;
        assert_eq!(context.memory().known_string(end, &mut text), None);
    });
}

// Asks to write 16 bytes of DATA, again and again; %rdi is what the last call returned, %rsi is kept.
program!(
    writes,
    "mov rsi, 0x600000",
    "xor edi, edi",
    "2: mov edx, 16",
    "mov eax, 1",
    "syscall",
    "mov rdi, rax",
    "jmp 2b",
);

/// Runs until the call comes by a trampoline, or for the first time, by a trap.
fn called(context: &mut dyn Context, by_trampoline: bool) {
    for _ in 0..if by_trampoline { ENOUGH } else { 0 } {
        assert_eq!(next_call(context), 1);
        context.answer(0);
    }
    assert_eq!(next_call(context), 1);
}

fn read(space: &dyn AddressSpace, address: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    assert_eq!(space.read(address, &mut bytes), 16);
    bytes
}

#[test]
fn arguments_come_along() {
    limited(|| {
        for by_trampoline in [false, true] {
            let platform = platform();
            let (space, mut context) = load(&platform, writes());
            called(&mut *context, by_trampoline);
            space.write(DATA, b"what was written");
            context.answer(0);
            assert_eq!(next_call(&mut *context), 1);
            assert_eq!(context.call(), (1, [0, DATA, 16, 0, 0, 0]));
            // What changes after the call is not what the call was made with.
            space.write(DATA, b"something newer.");
            let memory = context.memory();
            assert_eq!(&read(&*memory, DATA), b"what was written");
            let mut part = [0; 3];
            assert_eq!(memory.read(DATA + 5, &mut part), 3);
            assert_eq!(&part, b"was");
            // Unless the kernel changes it.
            memory.write(DATA + 8, b"the kernel");
            assert_eq!(&read(&*memory, DATA), b"somethinthe kern");
        }
    });
}

#[test]
fn bad_arguments_are_left_to_the_kernel() {
    limited(|| {
        for by_trampoline in [false, true] {
            let platform = platform();
            let (_space, mut context) = load(&platform, writes());
            called(&mut *context, by_trampoline);
            for address in [8, DATA + PAGE - 8, 0x8000_0000_0000, u64::MAX] {
                let before = *context.regs();
                context.regs().rsi = address;
                context.answer(5);
                assert_eq!(next_call(&mut *context), 1);
                assert_eq!(context.call(), (1, [5, address, 16, before.r10, before.r8, before.r9]));
                assert!(context.memory().read(address, &mut [0; 16]) < 16);
            }
        }
    });
}

#[test]
fn results_are_stored_before_the_application_goes_on() {
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, writes());
        called(&mut *context, true);
        let memory = context.memory();
        assert_eq!(memory.write_later(DATA, b"goes with the an"), 16);
        assert_eq!(memory.write_later(DATA + 16, b"swer............"), 16);
        assert_eq!(read(&*space, DATA), [0; 16]);
        context.answer(16);
        assert_eq!(next_call(&mut *context), 1);
        assert_eq!(context.regs().rdi, 16);
        assert_eq!(&read(&*space, DATA), b"goes with the an");
        assert_eq!(&read(&*space, DATA + 16), b"swer............");
        // Who looks before sees it.
        memory.write_later(DATA + 8, b"looked");
        assert_eq!(&read(&*memory, DATA), b"goes witlookedan");
        assert_eq!(&read(&*space, DATA), b"goes witlookedan");
    });
}

#[test]
fn a_copy_of_the_process_has_the_results() {
    limited(|| {
        let platform = platform();
        let (_space, mut context) = load(&platform, writes());
        called(&mut *context, true);
        context.memory().write_later(DATA, b"for both of them");
        let (copy, mut child) = context.fork().unwrap();
        assert_eq!(&read(&*copy, DATA), b"for both of them");
        child.answer(3);
        assert_eq!(next_call(&mut *child), 1);
        assert_eq!(child.regs().rdi, 3);
    });
}

#[test]
fn results_for_bad_memory_fail_the_call() {
    limited(|| {
        let platform = platform();
        let (_space, mut context) = load(&platform, writes());
        called(&mut *context, true);
        context.memory().write_later(8, b"nobody there");
        context.answer(12);
        assert_eq!(next_call(&mut *context), 1);
        assert_eq!(context.regs().rdi.cast_signed(), i64::from(-libc::EFAULT));
    });
}

#[test]
fn memory_calls_go_with_the_answer() {
    const AREA: u64 = DATA + 64 * PAGE;
    limited(|| {
        let platform = platform();
        let (space, mut context) = load(&platform, writes());
        called(&mut *context, true);
        for offset in 0..6 {
            let backing = lazaret_platform::Backing::Anonymous;
            context.map(AREA + offset * PAGE, PAGE, Prot::READ | Prot::WRITE, backing).unwrap();
        }
        // The last ones are not made yet.
        assert_eq!(space.read(AREA + 5 * PAGE, &mut [0]), 0);
        context.memory().write_later(AREA + 5 * PAGE, b"x");
        context.answer(0);
        assert_eq!(next_call(&mut *context), 1);
        assert_eq!(context.regs().rdi, 0);
        let mut byte = [0];
        assert_eq!((space.read(AREA + 5 * PAGE, &mut byte), &byte), (1, b"x"));
        context.unmap(AREA, 5 * PAGE).unwrap();
        context.answer(1);
        assert_eq!(next_call(&mut *context), 1);
        assert_eq!(space.read(AREA, &mut byte), 0);
        assert_eq!(space.read(AREA + 5 * PAGE, &mut byte), 1);
        // What the host refuses is the call's result.
        context.protect(AREA, 6 * PAGE, Prot::READ).unwrap();
        context.answer(2);
        assert_eq!(next_call(&mut *context), 1);
        assert_eq!(context.regs().rdi.cast_signed(), i64::from(-libc::ENOMEM));
    });
}
