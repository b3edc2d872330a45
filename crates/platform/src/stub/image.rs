//! The stub's code, as the build script made it.

use super::shared::Header;

static IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stub.bin"));

/// The code, to be put at `STUB_BASE`.
pub(super) fn bytes() -> &'static [u8] {
    IMAGE
}

/// Where things are in it.
pub(super) fn header() -> Header {
    let mut words = IMAGE.chunks_exact(8).map(|word| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        u64::from_le_bytes(bytes)
    });
    let mut next = || words.next().unwrap_or(0);
    Header {
        start: next(),
        on_syscall: next(),
        on_fault: next(),
        on_interrupt: next(),
        restorer: next(),
        fast_entry: next(),
        end: next(),
    }
}
