//! Where trampolines lie: in areas within reach of the code that jumps to them.

use crate::layout::{APP_MAX, RESERVED};

/// Size of an area.
pub const AREA_SIZE: u64 = 0x10_0000;
/// Where areas begin: two for executables, and one above the application for its libraries.
const BASES: [u64; 3] = [RESERVED[0].start, RESERVED[1].start, APP_MAX];
/// Size of a trampoline.
pub const TRAMPOLINE: u64 = 64;
/// How far trampolines are filled into an area at most: a bitmap this long.
const WORDS: usize = (AREA_SIZE / TRAMPOLINE / 64) as usize;

/// Bytes that are no instruction of 64-bit code.
const ILLEGAL: [u8; 16] =
    [0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x82, 0xce, 0xd4];

/// The trampolines of an address space.
#[derive(Clone, Default)]
pub struct Areas([Area; BASES.len()]);

#[derive(Clone, Default)]
struct Area {
    mapped: bool,
    /// One bit per trampoline; empty while there is none.
    used: Vec<u64>,
}

impl Areas {
    /// The base of the area that contains `address`.
    pub fn is_inside(address: u64) -> bool {
        BASES.iter().any(|&base| (base..base + AREA_SIZE).contains(&address))
    }

    /// Takes a place for a trampoline of the jump at `jump`, in whose displacement the bytes of
    /// these numbers must be illegal instructions. Tells which area must be mapped first.
    pub fn take(&mut self, jump: u64, illegal: &[usize]) -> Option<(u64, Option<u64>)> {
        for (area, base) in self.0.iter_mut().zip(BASES) {
            // In reach with a little to spare for the way back.
            if base.abs_diff(jump).max((base + AREA_SIZE).abs_diff(jump)) >= 0x7fff_0000 {
                continue;
            }
            area.used.resize(WORDS, 0);
            let found = (0..WORDS * 64).find(|&index| {
                let bytes = displacement(jump, base + index as u64 * TRAMPOLINE);
                area.used[index / 64] & 1 << (index % 64) == 0
                    && illegal.iter().all(|&byte| ILLEGAL.contains(&bytes[byte]))
            });
            if let Some(index) = found {
                area.used[index / 64] |= 1 << (index % 64);
                let missing = !std::mem::replace(&mut area.mapped, true);
                return Some((base + index as u64 * TRAMPOLINE, missing.then_some(base)));
            }
        }
        None
    }

    /// An area could not be mapped.
    pub fn forget(&mut self, base: u64) {
        for (area, _) in self.0.iter_mut().zip(BASES).filter(|(_, start)| *start == base) {
            *area = Area::default();
        }
    }
}

/// The operand of a five-byte jump.
pub fn displacement(jump: u64, target: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = target.wrapping_sub(jump.wrapping_add(5)).to_le_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trampolines_are_in_reach_and_distinct() {
        let mut areas = Areas::default();
        let jump = APP_MAX - 0x1234_5678;
        let (first, map) = areas.take(jump, &[]).unwrap();
        assert_eq!((first, map), (APP_MAX, Some(APP_MAX)));
        let (second, map) = areas.take(jump, &[1]).unwrap();
        assert!(map.is_none() && second > first && Areas::is_inside(second));
        let bytes = displacement(jump, second);
        assert!(ILLEGAL.contains(&bytes[1]));
        assert_eq!(jump.wrapping_add(5).wrapping_add_signed(i32::from_le_bytes(bytes).into()), second);
        assert!(areas.take(0x1000_0000_0000, &[]).is_none(), "out of reach");
    }
}
