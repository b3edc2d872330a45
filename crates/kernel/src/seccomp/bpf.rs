//! Classic BPF as seccomp(2) allows it: checking a program and running it.

use lazaret_abi::{
    errno::Errno,
    seccomp::{BpfInstruction, PROGRAM_MAX, SeccompData},
};
use lazaret_snapshot::{Reader, Snapshot, Writer};
use zerocopy::IntoBytes;

/// Words of scratch memory.
const MEMORY_WORDS: usize = 16;

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    Constant(u32),
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

/// A checked instruction. Jumps are forward distances that stay in the program; memory indices are
/// below [`MEMORY_WORDS`]; offsets are of whole words in [`SeccompData`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instruction {
    LoadData(usize),
    LoadConstant(u32),
    LoadMemory(usize),
    IndexConstant(u32),
    IndexMemory(usize),
    Store(usize),
    StoreIndex(usize),
    Compute(Arithmetic, Operand),
    Negate,
    Jump(usize),
    Branch(Comparison, Operand, usize, usize),
    ToIndex,
    FromIndex,
    ReturnConstant(u32),
    Return,
}

/// A program that ends whatever it is run on.
#[derive(Debug)]
pub struct Program {
    instructions: Vec<Instruction>,
    /// What it was made from.
    source: Box<[BpfInstruction]>,
}

/// A program is saved as the application gave it, and checked again when it is loaded.
impl Snapshot for Program {
    fn save(&self, writer: &mut Writer) -> lazaret_snapshot::Result<()> {
        self.source.save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> lazaret_snapshot::Result<Self> {
        let source = <Box<[BpfInstruction]>>::load(reader)?;
        Program::new(&source).map_err(|_| lazaret_snapshot::Error::Invalid("filter program"))
    }
}

impl Program {
    /// Checks a program as Linux does (`bpf_check_classic`, `seccomp_check_filter`).
    ///
    /// # Errors
    /// `EINVAL`.
    pub fn new(code: &[BpfInstruction]) -> Result<Program, Errno> {
        if code.is_empty() || code.len() > PROGRAM_MAX {
            return Err(Errno::EINVAL);
        }
        let check = |(at, instruction): (usize, &BpfInstruction)| {
            decode(instruction).filter(|decoded| stays_inside(decoded, at, code.len())).ok_or(Errno::EINVAL)
        };
        let program = Program {
            instructions: code.iter().enumerate().map(check).collect::<Result<_, _>>()?,
            source: code.into(),
        };
        let ends = matches!(program.instructions.last(), Some(Instruction::Return | Instruction::ReturnConstant(_)));
        if ends && program.reads_what_it_wrote() { Ok(program) } else { Err(Errno::EINVAL) }
    }

    /// Number of instructions.
    pub fn length(&self) -> usize {
        self.instructions.len()
    }

    /// No word of memory is read on any path before it is written.
    fn reads_what_it_wrote(&self) -> bool {
        // Words that are written on all ways to an instruction; jumps only lead forward.
        let mut written_at = vec![u16::MAX; self.instructions.len() + 1];
        let mut written = 0_u16;
        for (at, instruction) in self.instructions.iter().enumerate() {
            written &= written_at[at];
            let mut reach = |distance: usize, written: u16| {
                if let Some(target) = written_at.get_mut(at + 1 + distance) {
                    *target &= written;
                }
            };
            match *instruction {
                Instruction::Store(word) | Instruction::StoreIndex(word) => written |= 1 << word,
                Instruction::LoadMemory(word) | Instruction::IndexMemory(word) if written & 1 << word == 0 => {
                    return false;
                }
                Instruction::Jump(distance) => {
                    reach(distance, written);
                    written = u16::MAX;
                }
                Instruction::Branch(_, _, if_true, if_false) => {
                    reach(if_true, written);
                    reach(if_false, written);
                    written = u16::MAX;
                }
                _ => {}
            }
        }
        true
    }

    /// What the program returns for a call.
    pub fn run(&self, data: &SeccompData) -> u32 {
        let bytes = data.as_bytes();
        let mut accumulator = 0_u32;
        let mut index = 0_u32;
        let mut memory = [0_u32; MEMORY_WORDS];
        let mut at = 0;
        while let Some(instruction) = self.instructions.get(at) {
            at += 1;
            let operand = |operand| match operand {
                Operand::Constant(value) => value,
                Operand::Index => index,
            };
            match *instruction {
                Instruction::LoadData(offset) => accumulator = word_at(bytes, offset),
                Instruction::LoadConstant(value) => accumulator = value,
                Instruction::LoadMemory(word) => accumulator = memory[word],
                Instruction::IndexConstant(value) => index = value,
                Instruction::IndexMemory(word) => index = memory[word],
                Instruction::Store(word) => memory[word] = accumulator,
                Instruction::StoreIndex(word) => memory[word] = index,
                Instruction::Compute(operation, value) => match compute(operation, accumulator, operand(value)) {
                    Some(result) => accumulator = result,
                    // A division by zero ends the program.
                    None => return 0,
                },
                Instruction::Negate => accumulator = accumulator.wrapping_neg(),
                Instruction::Jump(distance) => at += distance,
                Instruction::Branch(comparison, value, if_true, if_false) => {
                    at += if compare(comparison, accumulator, operand(value)) { if_true } else { if_false };
                }
                Instruction::ToIndex => index = accumulator,
                Instruction::FromIndex => accumulator = index,
                Instruction::ReturnConstant(value) => return value,
                Instruction::Return => return accumulator,
            }
        }
        // Not reached: the last instruction returns, and jumps stay inside.
        0
    }
}

fn word_at(bytes: &[u8], offset: usize) -> u32 {
    let word = bytes.get(offset..).and_then(|rest| rest.first_chunk());
    word.map_or(0, |word| u32::from_ne_bytes(*word))
}

fn compute(operation: Arithmetic, left: u32, right: u32) -> Option<u32> {
    Some(match operation {
        Arithmetic::Add => left.wrapping_add(right),
        Arithmetic::Subtract => left.wrapping_sub(right),
        Arithmetic::Multiply => left.wrapping_mul(right),
        Arithmetic::Divide => return left.checked_div(right),
        Arithmetic::And => left & right,
        Arithmetic::Or => left | right,
        Arithmetic::Xor => left ^ right,
        Arithmetic::ShiftLeft => left.wrapping_shl(right),
        Arithmetic::ShiftRight => left.wrapping_shr(right),
    })
}

fn compare(comparison: Comparison, left: u32, right: u32) -> bool {
    match comparison {
        Comparison::Equal => left == right,
        Comparison::Greater => left > right,
        Comparison::GreaterOrEqual => left >= right,
        Comparison::AnyBit => left & right != 0,
    }
}

fn stays_inside(instruction: &Instruction, at: usize, length: usize) -> bool {
    let inside = |distance: usize| at + 1 + distance < length;
    match *instruction {
        Instruction::Jump(distance) => inside(distance),
        Instruction::Branch(_, _, if_true, if_false) => inside(if_true) && inside(if_false),
        _ => true,
    }
}

/// The instruction with a code of `linux/bpf_common.h`; `None` for one that filters may not have.
fn decode(raw: &BpfInstruction) -> Option<Instruction> {
    const SIZE: u32 = size_of::<SeccompData>() as u32;
    let k = raw.k;
    let memory = || usize::try_from(k).ok().filter(|word| *word < MEMORY_WORDS);
    let operand = if raw.code & 0x08 == 0 { Operand::Constant(k) } else { Operand::Index };
    let branch = |comparison| {
        Some(Instruction::Branch(comparison, operand, usize::from(raw.if_true), usize::from(raw.if_false)))
    };
    match raw.code {
        // BPF_LD | BPF_W | BPF_ABS, BPF_IMM, BPF_LEN, BPF_MEM; BPF_LDX likewise.
        0x20 if k < SIZE && k.is_multiple_of(4) => Some(Instruction::LoadData(usize::try_from(k).ok()?)),
        0x00 => Some(Instruction::LoadConstant(k)),
        0x80 => Some(Instruction::LoadConstant(SIZE)),
        0x60 => memory().map(Instruction::LoadMemory),
        0x01 => Some(Instruction::IndexConstant(k)),
        0x81 => Some(Instruction::IndexConstant(SIZE)),
        0x61 => memory().map(Instruction::IndexMemory),
        0x02 => memory().map(Instruction::Store),
        0x03 => memory().map(Instruction::StoreIndex),
        // BPF_ALU with a constant or the index.
        0x84 => Some(Instruction::Negate),
        0x34 if k == 0 => None,
        0x64 | 0x74 if k >= 32 => None,
        0x04 | 0x0c => Some(Instruction::Compute(Arithmetic::Add, operand)),
        0x14 | 0x1c => Some(Instruction::Compute(Arithmetic::Subtract, operand)),
        0x24 | 0x2c => Some(Instruction::Compute(Arithmetic::Multiply, operand)),
        0x34 | 0x3c => Some(Instruction::Compute(Arithmetic::Divide, operand)),
        0x44 | 0x4c => Some(Instruction::Compute(Arithmetic::Or, operand)),
        0x54 | 0x5c => Some(Instruction::Compute(Arithmetic::And, operand)),
        0x64 | 0x6c => Some(Instruction::Compute(Arithmetic::ShiftLeft, operand)),
        0x74 | 0x7c => Some(Instruction::Compute(Arithmetic::ShiftRight, operand)),
        0xa4 | 0xac => Some(Instruction::Compute(Arithmetic::Xor, operand)),
        // BPF_JMP.
        0x05 => Some(Instruction::Jump(usize::try_from(k).ok()?)),
        0x15 | 0x1d => branch(Comparison::Equal),
        0x25 | 0x2d => branch(Comparison::Greater),
        0x35 | 0x3d => branch(Comparison::GreaterOrEqual),
        0x45 | 0x4d => branch(Comparison::AnyBit),
        // BPF_RET, BPF_MISC.
        0x06 => Some(Instruction::ReturnConstant(k)),
        0x16 => Some(Instruction::Return),
        0x07 => Some(Instruction::ToIndex),
        0x87 => Some(Instruction::FromIndex),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Program;
    use lazaret_abi::seccomp::{BpfInstruction, SeccompData};

    fn code(instructions: &[(u16, u8, u8, u32)]) -> Vec<BpfInstruction> {
        instructions.iter().map(|&(code, if_true, if_false, k)| BpfInstruction { code, if_true, if_false, k }).collect()
    }

    fn run(instructions: &[(u16, u8, u8, u32)], data: &SeccompData) -> u32 {
        Program::new(&code(instructions)).unwrap().run(data)
    }

    #[test]
    fn programs_decide_by_number_and_argument() {
        let program = [(0x20, 0, 0, 0), (0x15, 0, 1, 39), (0x06, 0, 0, 7), (0x20, 0, 0, 16), (0x16, 0, 0, 0)];
        assert_eq!(run(&program, &SeccompData { number: 39, ..Default::default() }), 7);
        assert_eq!(run(&program, &SeccompData { args: [0x1_0000_0005, 0, 0, 0, 0, 0], ..Default::default() }), 5);
    }

    #[test]
    fn arithmetic_and_memory() {
        let program =
            [(0x00, 0, 0, 6), (0x02, 0, 0, 3), (0x61, 0, 0, 3), (0x2c, 0, 0, 0), (0x74, 0, 0, 1), (0x16, 0, 0, 0)];
        assert_eq!(run(&program, &SeccompData::default()), 18);
        let divides_by_index = [(0x00, 0, 0, 6), (0x3c, 0, 0, 0), (0x06, 0, 0, 1)];
        assert_eq!(run(&divides_by_index, &SeccompData::default()), 0);
    }

    #[test]
    fn bad_programs_are_refused() {
        let bad: &[&[(u16, u8, u8, u32)]] = &[
            &[],
            &[(0x00, 0, 0, 0)],
            &[(0x05, 0, 0, 0), (0x05, 0, 0, 0)],
            &[(0x15, 0, 1, 0), (0x06, 0, 0, 0)],
            &[(0x05, 0, 0, u32::MAX), (0x06, 0, 0, 0)],
            &[(0x20, 0, 0, 64), (0x06, 0, 0, 0)],
            &[(0x20, 0, 0, 2), (0x06, 0, 0, 0)],
            &[(0x34, 0, 0, 0), (0x06, 0, 0, 0)],
            &[(0x64, 0, 0, 32), (0x06, 0, 0, 0)],
            &[(0x60, 0, 0, 16), (0x06, 0, 0, 0)],
            &[(0x60, 0, 0, 1), (0x06, 0, 0, 0)],
            &[(0x28, 0, 0, 0), (0x06, 0, 0, 0)],
            // Written on one of two ways only.
            &[(0x15, 0, 1, 0), (0x02, 0, 0, 1), (0x60, 0, 0, 1), (0x16, 0, 0, 0)],
        ];
        for program in bad {
            assert!(Program::new(&code(program)).is_err(), "{program:x?}");
        }
        assert!(Program::new(&code(&[(0x06, 0, 0, 0); 4097])).is_err());
    }
}
