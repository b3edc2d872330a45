//! One patched system call: what is overwritten, and its trampoline.
//!
//! `mov $number, %eax; syscall`: the first instruction becomes a jump, the second stays, so that
//! who jumps to it still traps. The trampoline does what the first did.
//!
//! Any other `syscall`: it and what follows, up to five bytes or more, become the jump, and the
//! trampoline ends with a copy of what followed. Where another jump may lead into the five bytes
//! there is a byte that is no instruction: whoever gets there raises a fault that tells us, and goes
//! on in the copy.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic};

use super::area::{TRAMPOLINE, displacement};

/// Length of a jump with a 32-bit displacement.
pub const JUMP: usize = 5;
/// Length of the syscall instruction.
const SYSCALL: usize = 2;
/// Longest piece of code that is copied.
const MAX_COPY: usize = 24;
/// How many bytes before a system call are worth looking at.
pub const BEFORE: u64 = 32;
/// As many after it.
pub const AFTER: u64 = 24;

/// What is to be done at a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// First byte that is overwritten.
    pub start: u64,
    /// Bytes of the jump's displacement that must be no instruction.
    pub illegal: Vec<usize>,
    /// What is at `start`.
    pub original: [u8; JUMP],
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// The number's move is overwritten.
    Before { number: u32 },
    /// The call and these instructions are.
    After { copied: Vec<u8> },
}

/// Finds out how to patch the call that returns to `rip`. `code` begins at `base`; `number` is what
/// was called.
pub fn plan(code: &[u8], base: u64, rip: u64, number: u64) -> Option<Plan> {
    let end = usize::try_from(rip.checked_sub(base)?).ok()?;
    let call = end.checked_sub(SYSCALL)?;
    if code.get(call..end)? != [0x0f, 0x05] {
        return None;
    }
    before(code, call, base, number).or_else(|| after(code, call, base))
}

fn before(code: &[u8], call: usize, base: u64, number: u64) -> Option<Plan> {
    let start = call.checked_sub(JUMP)?;
    let original: [u8; JUMP] = code.get(start..call)?.try_into().ok()?;
    let [0xb8, immediate @ ..] = original else { return None };
    let immediate = u32::from_le_bytes(immediate);
    // The byte 0xb8 may be the end of another instruction.
    let prefixed = start > 0 && matches!(code[start - 1], 0x40..=0x4f | 0x66);
    if u64::from(immediate) != number || prefixed || !is_boundary(&code[..call], start) {
        return None;
    }
    let kind = Kind::Before { number: immediate };
    Some(Plan { start: base + start as u64, illegal: Vec::new(), original, kind })
}

/// An instruction begins at `at`: most ways to decode what is well before lead there, for wherever
/// one begins to decode, one soon gets into step with the code.
fn is_boundary(code: &[u8], at: usize) -> bool {
    let (mut for_it, mut against) = (0, 0);
    for start in 0..at.div_ceil(2) {
        let mut decoder = Decoder::new(64, &code[start..], DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() && start + decoder.position() < at {
            decoder.decode_out(&mut instruction);
            if instruction.is_invalid() {
                break;
            }
        }
        if instruction.is_invalid() && decoder.position() > 0 {
            continue;
        }
        if start + decoder.position() == at { for_it += 1 } else { against += 1 }
    }
    for_it >= 2 * against
}

fn after(code: &[u8], call: usize, base: u64) -> Option<Plan> {
    let first = call + SYSCALL;
    let mut decoder = Decoder::new(64, code.get(first..)?, DecoderOptions::NONE);
    let mut illegal = Vec::new();
    let mut ended = false;
    while SYSCALL + decoder.position() < JUMP {
        if !ended {
            // The jump's displacement begins after one byte.
            illegal.push(SYSCALL + decoder.position() - 1);
        }
        let instruction = decoder.decode();
        let movable = !instruction.is_invalid() && !instruction.is_ip_rel_memory_operand();
        match instruction.flow_control() {
            _ if !movable => return None,
            // Behind the end of a function, only padding is nobody's.
            _ if ended => {
                if !matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3) {
                    return None;
                }
            }
            FlowControl::Return if instruction.mnemonic() == Mnemonic::Ret => ended = true,
            FlowControl::Next => {}
            _ => return None,
        }
    }
    let copied = code.get(first..first + decoder.position())?;
    if copied.len() > MAX_COPY {
        return None;
    }
    let original = code.get(call..call + JUMP)?.try_into().ok()?;
    Some(Plan { start: base + call as u64, illegal, original, kind: Kind::After { copied: copied.to_vec() } })
}

/// A patched system call.
#[derive(Clone, Debug)]
pub struct Site {
    /// What was done.
    pub plan: Plan,
    /// Address of the trampoline.
    pub trampoline: u64,
    /// Length of its first part, up to the stub.
    head: u64,
}

impl Site {
    pub fn new(plan: Plan, trampoline: u64) -> Site {
        let mut site = Site { plan, trampoline, head: 0 };
        site.head = site.head_bytes().len() as u64;
        site
    }

    /// Where the call returns to, as the application knows it.
    fn returns_to(&self) -> u64 {
        match self.plan.kind {
            Kind::Before { .. } => self.plan.start + (JUMP + SYSCALL) as u64,
            Kind::After { .. } => self.plan.start + SYSCALL as u64,
        }
    }

    /// The part of the trampoline that ends in the stub; the displacement of its last jump, to the
    /// address in the trampoline's last word, is left out.
    fn head_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TRAMPOLINE as usize);
        if let Kind::Before { number } = self.plan.kind {
            bytes.push(0xb8); // mov $number, %eax
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend([0x48, 0xb9]); // movabs $visible, %rcx
        bytes.extend(self.returns_to().to_le_bytes());
        bytes.extend([0x49, 0xbb]); // movabs $real, %r11
        let length = bytes.len() as u64 + 8 + 6;
        let real = match self.plan.kind {
            Kind::Before { .. } => self.returns_to(),
            Kind::After { .. } => self.trampoline + length,
        };
        bytes.extend(real.to_le_bytes());
        bytes.extend([0xff, 0x25]); // jmp *entry(%rip)
        let entry = TRAMPOLINE - 8 - length;
        bytes.extend(u32::try_from(entry).unwrap_or_default().to_le_bytes());
        bytes
    }

    /// The trampoline; `entry` is where the stub takes over.
    pub fn trampoline_bytes(&self, entry: u64) -> Vec<u8> {
        let mut bytes = self.head_bytes();
        if let Kind::After { copied } = &self.plan.kind {
            bytes.extend(copied);
            let jump = self.trampoline + bytes.len() as u64;
            let target = self.returns_to() + copied.len() as u64;
            bytes.push(0xe9);
            bytes.extend(displacement(jump, target));
        }
        bytes.resize(TRAMPOLINE as usize - 8, 0xcc);
        bytes.extend(entry.to_le_bytes());
        bytes
    }

    /// The jump that is put at the site.
    pub fn jump_bytes(&self) -> [u8; JUMP] {
        let [a, b, c, d] = displacement(self.plan.start, self.trampoline);
        [0xe9, a, b, c, d]
    }

    fn copied(&self) -> u64 {
        match &self.plan.kind {
            Kind::Before { .. } => 0,
            Kind::After { copied } => copied.len() as u64,
        }
    }

    /// Where to run instead of `rip`, if that is in code that was copied.
    pub fn real(&self, rip: u64) -> Option<u64> {
        let offset = rip.checked_sub(self.returns_to())?;
        (offset < self.copied()).then(|| self.trampoline + self.head + offset)
    }

    /// What the application takes `rip`, an address in the trampoline, for.
    pub fn visible(&self, rip: u64) -> u64 {
        match rip.saturating_sub(self.trampoline).checked_sub(self.head) {
            Some(offset) => self.returns_to() + offset.min(self.copied()),
            None => self.plan.start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0x7000_0000;

    fn plan_of(code: &[u8], number: u64) -> Option<Plan> {
        let call = code.windows(2).position(|bytes| bytes == [0x0f, 0x05]).unwrap();
        let mut padded = vec![0x90; 32];
        padded.extend(code);
        padded.extend([0x90; 32]);
        plan(&padded, BASE, BASE + 32 + call as u64 + 2, number)
    }

    #[test]
    fn a_move_before_the_call_is_overwritten() {
        let plan = plan_of(&[0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3], 39).unwrap();
        assert_eq!((plan.start, plan.illegal.len()), (BASE + 32, 0));
        let site = Site::new(plan, 0x7010_0000);
        assert_eq!(site.visible(0x7010_0005), BASE + 32);
        assert_eq!(site.real(BASE + 32 + 5), None, "the call itself stays");
        let bytes = site.trampoline_bytes(0x1122_3344_5566_7788);
        assert_eq!(bytes.len(), 64);
        assert_eq!(bytes[..5], [0xb8, 39, 0, 0, 0]);
        assert_eq!(bytes[56..], 0x1122_3344_5566_7788u64.to_le_bytes());
        // The last jump finds it.
        assert_eq!(bytes[25..31], [0xff, 0x25, 25, 0, 0, 0]);
    }

    #[test]
    fn other_calls_are_overwritten_with_what_follows() {
        // xor %eax, %eax; syscall; cmp $-4096, %rax
        let code = [0x31, 0xc0, 0x0f, 0x05, 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff];
        let plan = plan_of(&code, 0).unwrap();
        assert_eq!((plan.start, &plan.illegal[..]), (BASE + 34, &[1][..]));
        let site = Site::new(plan, 0x7010_0000);
        let bytes = site.trampoline_bytes(0);
        assert_eq!(bytes[26..32], code[4..]);
        assert_eq!(site.real(BASE + 36), Some(0x7010_001a));
        assert_eq!(site.visible(0x7010_001a), BASE + 36);
        assert_eq!(site.visible(0x7010_0020), BASE + 42);
        assert_eq!(site.real(BASE + 42), None);
        assert_eq!(site.real(BASE + 35), None);
        // The number is not what the move says: it may be reached from elsewhere.
        let other = plan_of(&[0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x48, 0x89, 0xc7], 40).unwrap();
        assert_eq!(other.start, BASE + 32 + 5);
    }

    #[test]
    fn what_cannot_be_moved_is_left_alone() {
        for after in [
            &[0x74, 0x05, 0x90][..],         // je
            &[0xe8, 0, 0, 0, 0],             // call
            &[0x48, 0x8b, 0x05, 0, 0, 0, 0], // mov (%rip), %rax
            &[0xc3, 0x48, 0x89, 0xc7],       // ret; a function
            &[0x0f, 0x05, 0x90, 0x90],       // syscall
            &[0x06, 0x06, 0x06],             // no instruction
        ] {
            let mut code = vec![0x31, 0xc0, 0x0f, 0x05];
            code.extend(after);
            assert_eq!(plan_of(&code, 0), None, "{after:x?}");
        }
        // ret and padding is fine.
        assert!(plan_of(&[0x31, 0xc0, 0x0f, 0x05, 0xc3, 0x0f, 0x1f, 0x44, 0, 0], 0).is_some());
        // mov $imm, %r8d ends like mov $imm, %eax.
        let plan = plan_of(&[0x41, 0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0x48, 0x89, 0xc7], 1).unwrap();
        assert_eq!(plan.start, BASE + 32 + 6);
        // So may a store's displacement.
        let plan = plan_of(&[0xc7, 0x45, 0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0x48, 0x89, 0xc7], 1).unwrap();
        assert_eq!(plan.start, BASE + 32 + 7);
    }
}
