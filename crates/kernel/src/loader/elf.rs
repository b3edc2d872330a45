//! ELF files of x86_64: headers, checked; see elf(5).

use lazaret_abi::errno::Errno;
use lazaret_platform::{Prot, layout::APP_MAX};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{
    fs::file::File,
    mm::tree::{page_align_down, page_align_up},
    uio::BufferSink,
};

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct FileHeader {
    ident: [u8; 16],
    kind: u16,
    machine: u16,
    version: u32,
    entry: u64,
    segments_offset: u64,
    sections_offset: u64,
    flags: u32,
    header_size: u16,
    segment_size: u16,
    segment_count: u16,
    section_size: u16,
    section_count: u16,
    names_index: u16,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    file_size: u64,
    memory_size: u64,
    alignment: u64,
}

/// Size of a program header, for AT_PHENT.
pub const PROGRAM_HEADER_SIZE: u64 = size_of::<ProgramHeader>() as u64;

/// Most bytes of program headers that a file may have, as Linux has it.
const MAX_PROGRAM_HEADERS: usize = 65_536;

const TYPE_EXECUTABLE: u16 = 2;
const TYPE_SHARED: u16 = 3;
const MACHINE_X86_64: u16 = 62;
const SEGMENT_LOAD: u32 = 1;
const SEGMENT_INTERPRETER: u32 = 3;
const SEGMENT_HEADERS: u32 = 6;

/// A part of the file to be mapped; every sum of its fields is known not to overflow.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Address, before the load bias.
    pub address: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Bytes that come from the file.
    pub file_size: u64,
    /// Bytes in memory; the rest is zero.
    pub memory_size: u64,
    /// Access rights.
    pub prot: Prot,
}

impl Segment {
    /// Address where the bytes of the file end, before the load bias.
    fn file_end(&self) -> u64 {
        self.address + self.file_size
    }
}

/// What of an ELF file counts for loading it.
#[derive(Clone, Debug)]
pub struct Elf {
    /// Can be loaded anywhere (ET_DYN).
    pub relocatable: bool,
    /// Where it starts, before the load bias.
    pub entry: u64,
    /// Segments to load, ascending by address.
    pub segments: Vec<Segment>,
    /// Path of the program interpreter.
    pub interpreter: Option<Vec<u8>>,
    /// Where its program headers are in memory, before the load bias; 0 if they are not loaded.
    pub headers_address: u64,
    /// Number of program headers.
    pub headers_count: u64,
    /// All its segments make sense.
    pub is_loadable: bool,
    /// Alignment that the load address must have, a power of two of at least a page.
    pub alignment: u64,
}

/// A file with its first bytes, which hold all headers of most programs.
pub struct Head<'a> {
    file: &'a File,
    bytes: Vec<u8>,
}

impl Head<'_> {
    /// Bytes that are read at once.
    const SIZE: usize = 1024;

    /// Reads the first bytes.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn of(file: &File) -> Result<Head<'_>, Errno> {
        let mut sink = BufferSink::new(Self::SIZE);
        file.read_at(0, &mut sink)?;
        Ok(Head { file, bytes: sink.data })
    }

    /// At most `length` of the first bytes.
    pub fn first(&self, length: usize) -> &[u8] {
        &self.bytes[..length.min(self.bytes.len())]
    }

    /// Fills `buffer` from the file; false when the file ends before.
    fn read_exact(&self, offset: u64, buffer: &mut [u8]) -> Result<bool, Errno> {
        let known = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..)?.get(..buffer.len()));
        if let Some(known) = known {
            buffer.copy_from_slice(known);
            return Ok(true);
        }
        let mut sink = BufferSink::new(buffer.len());
        self.file.read_at(offset, &mut sink)?;
        if sink.data.len() < buffer.len() {
            return Ok(false);
        }
        buffer.copy_from_slice(&sink.data);
        Ok(true)
    }
}

impl Elf {
    /// Reads and checks the headers of a file.
    ///
    /// # Errors
    /// `ENOEXEC` for what is not an ELF program of this machine, errors of reading the file.
    pub fn read(file: &Head<'_>) -> Result<Elf, Errno> {
        let mut bytes = [0; size_of::<FileHeader>()];
        if !file.read_exact(0, &mut bytes)? {
            return Err(Errno::ENOEXEC);
        }
        let header = FileHeader::read_from_bytes(&bytes).map_err(|_| Errno::ENOEXEC)?;
        // Magic, 64-bit, little-endian.
        if header.ident[..6] != *b"\x7fELF\x02\x01"
            || header.machine != MACHINE_X86_64
            || !matches!(header.kind, TYPE_EXECUTABLE | TYPE_SHARED)
            || usize::from(header.segment_size) != size_of::<ProgramHeader>()
            || header.segment_count == 0
        {
            return Err(Errno::ENOEXEC);
        }
        let size = usize::from(header.segment_count) * size_of::<ProgramHeader>();
        if size > MAX_PROGRAM_HEADERS {
            return Err(Errno::ENOEXEC);
        }
        let mut table = vec![0; size];
        if !file.read_exact(header.segments_offset, &mut table)? {
            return Err(Errno::ENOEXEC);
        }
        let headers = <[ProgramHeader]>::ref_from_bytes(&table).map_err(|_| Errno::ENOEXEC)?;
        Elf::from_headers(file, &header, headers)
    }

    fn from_headers(file: &Head<'_>, header: &FileHeader, headers: &[ProgramHeader]) -> Result<Elf, Errno> {
        let mut elf = Elf {
            relocatable: header.kind == TYPE_SHARED,
            entry: header.entry,
            segments: Vec::new(),
            interpreter: None,
            headers_address: 0,
            headers_count: u64::from(header.segment_count),
            alignment: 4096,
            is_loadable: true,
        };
        for segment in headers {
            match segment.kind {
                SEGMENT_LOAD => {
                    match loadable(segment) {
                        Some(segment) => elf.segments.extend(segment),
                        // Linux finds out when it has left the old program.
                        None => elf.is_loadable = false,
                    }
                    if segment.alignment.is_power_of_two() && segment.alignment <= 1 << 30 {
                        elf.alignment = elf.alignment.max(segment.alignment);
                    }
                    let in_file = segment.offset..segment.offset.saturating_add(segment.file_size);
                    if elf.headers_address == 0 && in_file.contains(&header.segments_offset) {
                        elf.headers_address = segment.address.wrapping_add(header.segments_offset - segment.offset);
                    }
                }
                SEGMENT_HEADERS => elf.headers_address = segment.address,
                SEGMENT_INTERPRETER if elf.interpreter.is_none() => {
                    elf.interpreter = Some(interpreter_path(file, segment)?);
                }
                _ => {}
            }
        }
        elf.segments.sort_by_key(|segment| segment.address);
        let overlap = elf.segments.windows(2).any(|pair| pair[0].address + pair[0].memory_size > pair[1].address);
        if elf.segments.is_empty() && elf.is_loadable || overlap || elf.entry >= APP_MAX {
            return Err(Errno::ENOEXEC);
        }
        Ok(elf)
    }

    /// Where a mapping may end that shows segment `index`, before the bias: at the end of a later segment
    /// with the same rights, if the file continues in memory up to there as it does on disk. What lies between
    /// is then mapped over it. A mapping of a file is dear, and most programs have read-only data on
    /// both sides of their code.
    pub fn common_end(&self, index: usize) -> u64 {
        let Some(first) = self.segments.get(index) else { return 0 };
        let mut last = first;
        let mut end = first.file_end();
        for next in &self.segments[index + 1..] {
            let follows = last.memory_size == last.file_size
                && page_align_up(last.file_end()) == Some(page_align_down(next.address))
                && next.address.wrapping_sub(next.offset) == first.address.wrapping_sub(first.offset);
            if !follows || first.prot.contains(Prot::WRITE) {
                break;
            }
            last = next;
            if next.prot == first.prot && next.file_size == next.memory_size {
                end = next.file_end();
            }
        }
        end
    }

    /// First address and length of the memory that the segments take, page aligned, before the bias.
    pub fn span(&self) -> (u64, u64) {
        let start = self.segments.first().map_or(0, |segment| page_align_down(segment.address));
        let end = self.segments.last().map_or(0, |segment| segment.address + segment.memory_size);
        (start, end - start)
    }
}

/// A segment to load, where it has memory; `None` for one that makes no sense.
fn loadable(header: &ProgramHeader) -> Option<Option<Segment>> {
    if header.memory_size == 0 {
        return Some(None);
    }
    let end = header.address.checked_add(header.memory_size).filter(|end| *end <= APP_MAX - 4096);
    let file_end = header.offset.checked_add(header.file_size).filter(|end| i64::try_from(*end).is_ok());
    if end.is_none()
        || file_end.is_none()
        || header.file_size > header.memory_size
        || header.file_size > 0 && header.address % 4096 != header.offset % 4096
    {
        return None;
    }
    let mut prot = Prot::empty();
    prot.set(Prot::EXEC, header.flags & 1 != 0);
    prot.set(Prot::WRITE, header.flags & 2 != 0);
    prot.set(Prot::READ, header.flags & 4 != 0);
    Some(Some(Segment {
        address: header.address,
        offset: header.offset,
        file_size: header.file_size,
        memory_size: header.memory_size,
        prot,
    }))
}

/// Reads the path of the interpreter, without its terminating zero.
fn interpreter_path(file: &Head<'_>, header: &ProgramHeader) -> Result<Vec<u8>, Errno> {
    let size = usize::try_from(header.file_size).ok().filter(|size| (2..=4096).contains(size)).ok_or(Errno::ENOEXEC)?;
    let mut path = vec![0; size];
    if !file.read_exact(header.offset, &mut path)? || path.pop() != Some(0) {
        return Err(Errno::ENOEXEC);
    }
    // What comes after a zero inside is not part of the path.
    if let Some(end) = path.iter().position(|byte| *byte == 0) {
        path.truncate(end);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(address: u64, offset: u64, size: u64, prot: Prot) -> Segment {
        Segment { address, offset, file_size: size, memory_size: size, prot }
    }

    #[test]
    fn one_mapping_shows_the_read_only_data_around_the_code() {
        let mut elf = Elf {
            relocatable: true,
            entry: 0x1000,
            segments: vec![
                segment(0, 0, 0x800, Prot::READ),
                segment(0x1000, 0x1000, 0x1fff, Prot::READ | Prot::EXEC),
                segment(0x3000, 0x3000, 0x10, Prot::READ),
                segment(0x5000, 0x4000, 0x10, Prot::READ | Prot::WRITE),
            ],
            interpreter: None,
            headers_address: 0,
            headers_count: 4,
            is_loadable: true,
            alignment: 4096,
        };
        assert_eq!(elf.common_end(0), 0x3010);
        assert_eq!(elf.common_end(1), 0x2fff);
        assert_eq!(elf.common_end(2), 0x3010);
        assert_eq!(elf.common_end(3), 0x5010);
        // A gap in memory is not filled.
        elf.segments[2] = segment(0x4000, 0x4000, 0x10, Prot::READ);
        assert_eq!(elf.common_end(0), 0x800);
    }
}
