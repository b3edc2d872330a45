//! A very small kernel: loads programs into address spaces and runs them to their traps.

#![allow(dead_code, reason = "each test file uses a part")]

use std::{sync::Arc, sync::mpsc, thread, time::Duration};

use lazaret_platform::{
    AddressSpace, Backing, Context, Platform, Prot, Trap,
    stub::{StubConfig, StubPlatform},
};

/// Where programs are put.
pub const CODE: u64 = 0x40_0000;
/// The stack's page; the stack pointer starts at its end.
pub const STACK: u64 = 0x50_0000;
/// A page for data.
pub const DATA: u64 = 0x60_0000;
pub const PAGE: u64 = 0x1000;

/// Makes a constant function that returns the machine code of an assembly text.
#[macro_export]
macro_rules! program {
    ($name:ident, $($line:literal),+ $(,)?) => {
        core::arch::global_asm!(
            ".pushsection .rodata.programs, \"a\"",
            concat!(".globl program_", stringify!($name)),
            concat!("program_", stringify!($name), ":"),
            $($line,)+
            concat!(".globl program_", stringify!($name), "_end"),
            concat!("program_", stringify!($name), "_end:"),
            ".popsection",
        );
        fn $name() -> &'static [u8] {
            unsafe extern "C" {
                #[link_name = concat!("program_", stringify!($name))]
                static START: u8;
                #[link_name = concat!("program_", stringify!($name), "_end")]
                static END: u8;
            }
            // SAFETY: both labels bound one piece of read-only data.
            unsafe {
                let start = &raw const START;
                core::slice::from_raw_parts(start, (&raw const END).offset_from_unsigned(start))
            }
        }
    };
}

/// Runs a test with a limit on its time, on a thread whose end ends the stubs it made.
pub fn limited(body: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let test = thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = wait.recv_timeout(Duration::from_secs(60)) {
        eprintln!("the test hangs");
        std::process::abort();
    }
    if let Err(panic) = test.join() {
        std::panic::resume_unwind(panic);
    }
}

pub fn platform() -> StubPlatform {
    let proc = std::fs::File::open("/proc").unwrap().into();
    StubPlatform::new(StubConfig { proc: Some(proc), ..StubConfig::default() }).unwrap()
}

/// An address space with a program, a stack and a page of data.
pub fn load(platform: &dyn Platform, code: &[u8]) -> (Arc<dyn AddressSpace>, Box<dyn Context>) {
    let (space, mut context) = load_data(platform);
    let fd = Arc::new(rustix::fs::memfd_create("code", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    rustix::io::write(&fd, code).unwrap();
    let backing = Backing::File { fd: &fd, offset: 0, shared: false, writable: false, lasting: false };
    let length = (code.len() as u64).next_multiple_of(PAGE);
    context.map(CODE, length, Prot::READ | Prot::EXEC, backing).unwrap();
    (space, context)
}

/// The same with code that is never patched.
pub fn load_unpatched(platform: &dyn Platform, code: &[u8]) -> (Arc<dyn AddressSpace>, Box<dyn Context>) {
    let (space, mut context) = load_data(platform);
    let length = (code.len() as u64).next_multiple_of(PAGE);
    context.map(CODE, length, Prot::READ | Prot::WRITE, Backing::Anonymous).unwrap();
    assert_eq!(space.write(CODE, code), code.len());
    context.protect(CODE, length, Prot::READ | Prot::EXEC).unwrap();
    (space, context)
}

fn load_data(platform: &dyn Platform) -> (Arc<dyn AddressSpace>, Box<dyn Context>) {
    let (space, mut context) = platform.create().unwrap();
    context.map(STACK, PAGE, Prot::READ | Prot::WRITE, Backing::Anonymous).unwrap();
    context.map(DATA, PAGE, Prot::READ | Prot::WRITE, Backing::Anonymous).unwrap();
    context.settle().unwrap();
    let regs = context.regs();
    regs.rip = CODE;
    regs.rsp = STACK + PAGE;
    (space, context)
}

/// Runs to the next system call and returns its number.
#[track_caller]
pub fn next_call(context: &mut dyn Context) -> u64 {
    assert_eq!(context.run().unwrap(), Trap::Syscall, "{:x?}", context.regs());
    context.regs().rax
}

/// A word of application memory.
#[track_caller]
pub fn word(space: &dyn AddressSpace, address: u64) -> u64 {
    let mut bytes = [0; 8];
    assert_eq!(space.read(address, &mut bytes), 8);
    u64::from_le_bytes(bytes)
}
