//! Loading programs: from a file to memory, registers and stack; see execve(2).
//!
//! [`resolve`] looks at files only, so its errors leave the caller as it was. [`load`] fills a fresh
//! address space.

mod elf;
mod script;
mod stack;

use lazaret_abi::{auxv::at, errno::Errno};
use lazaret_platform::{
    Context, Prot,
    layout::{APP_MAX, PAGE_SIZE, PIE_BASE},
};

use self::elf::{Elf, Head, PROGRAM_HEADER_SIZE};
pub use self::stack::check_size;
use crate::{
    fs::{
        file::File,
        vfs::{LookupFlags, PathContext, open::open_for_exec},
    },
    mm::{
        ImageLayout, MapRequest, MemoryLimits, Mm, Placement, host_errno,
        stack::{MAX_STACK, MIN_STACK},
        tree::{page_align_down, page_align_up},
        vma::VmaFlags,
    },
    sync::Arc,
};

/// How often one script may be the interpreter of another.
const MAX_SCRIPTS: usize = 5;

/// Room between the stack and mapped memory.
const STACK_GAP: u64 = 1 << 20;

/// Room that a stack at least has to grow into when its limit is raised, as on Linux.
const STACK_ROOM: u64 = 128 << 20;

/// Bounds of the randomisation of executable, stack and mappings, in pages: 256 MiB each, so that all
/// stays within reach of the platform's trampolines.
const RANDOM_PAGES: u64 = 1 << 16;

/// A program that was found and can be loaded.
pub struct Resolved {
    /// The program's file: the interpreter's, for a script. Its set-id bits count.
    pub file: Arc<File>,
    /// Path that execve(2) was given.
    pub path: Vec<u8>,
    /// Arguments, with what scripts put before them.
    pub args: Vec<Vec<u8>>,
    elf: Elf,
    interpreter: Option<(Arc<File>, Elf)>,
}

/// Finds out how to run `file`, which was opened with [`open_for_exec`]: follows `#!` lines and opens
/// the program interpreter. `can_reopen` tells that `path` is good for the new program as well.
///
/// # Errors
/// Those of execve(2).
pub fn resolve(
    paths: &PathContext,
    file: Arc<File>,
    path: Vec<u8>,
    args: Vec<Vec<u8>>,
    can_reopen: bool,
) -> Result<Resolved, Errno> {
    let (mut file, mut args) = (file, args);
    let mut name = path.clone();
    for _ in 0..=MAX_SCRIPTS {
        let head = Head::of(&file)?;
        let Some(line) = script::parse(head.first(script::HEAD_SIZE))? else {
            let elf = Elf::read(&head)?;
            let interpreter = match &elf.interpreter {
                Some(path) => Some(open_interpreter(paths, path)?),
                None => None,
            };
            return Ok(Resolved { file, path, args, elf, interpreter });
        };
        if !can_reopen {
            // Its interpreter would look for a descriptor that is closed by then.
            return Err(Errno::ENOENT);
        }
        // The script's own name takes the place of argument 0.
        let mut new = vec![line.interpreter.clone()];
        new.extend(line.argument);
        new.push(name);
        new.extend(args.into_iter().skip(1));
        args = new;
        file = open_for_exec(paths.lookup(&line.interpreter, LookupFlags::FOLLOW)?, &paths.creds)?;
        name = line.interpreter;
    }
    Err(Errno::ELOOP)
}

fn open_interpreter(paths: &PathContext, path: &[u8]) -> Result<(Arc<File>, Elf), Errno> {
    let file = open_for_exec(paths.lookup(path, LookupFlags::FOLLOW)?, &paths.creds)?;
    let elf =
        Elf::read(&Head::of(&file)?).map_err(|error| if error == Errno::ENOEXEC { Errno::ELIBBAD } else { error })?;
    Ok((file, elf))
}

/// What a program is told about itself, and what bounds it.
pub struct LoadInfo<'a> {
    /// Environment.
    pub env: &'a [Vec<u8>],
    /// Real and effective user id, real and effective group id.
    pub ids: [u32; 4],
    /// AT_SECURE: the program has more rights than its caller.
    pub secure: bool,
    /// RLIMIT_STACK in bytes.
    pub stack_limit: u64,
    /// Other limits.
    pub limits: MemoryLimits,
    /// Address of the vDSO.
    pub vdso: u64,
    /// Least size of a signal stack (AT_MINSIGSTKSZ).
    pub min_signal_stack: u64,
    /// Addresses are randomised.
    pub randomize: bool,
}

/// Where a loaded program starts.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// Instruction pointer.
    pub entry: u64,
    /// Stack pointer.
    pub stack_pointer: u64,
}

/// Loads a program into an empty address space.
///
/// # Errors
/// `ENOMEM` and errors of mapping; the address space is of no use then.
pub fn load(program: &Resolved, mm: &Mm, context: &mut dyn Context, info: &LoadInfo<'_>) -> Result<Loaded, Errno> {
    let interpreter = program.interpreter.as_ref().is_none_or(|(_, elf)| elf.is_loadable);
    if !program.elf.is_loadable || !interpreter {
        return Err(Errno::ENOEXEC);
    }
    let random = Random::new(info.randomize);
    let stack_top = APP_MAX - random.pages() * PAGE_SIZE;
    let stack_size = page_align_down(info.stack_limit.clamp(MIN_STACK, MAX_STACK));
    mm.set_top(stack_top - stack_size.max(STACK_ROOM) - STACK_GAP - random.pages() * PAGE_SIZE);

    let bias = if program.elf.relocatable {
        let (start, _) = program.elf.span();
        let wish = PIE_BASE + random.pages() * PAGE_SIZE;
        (wish & !(program.elf.alignment - 1)).wrapping_sub(start)
    } else {
        0
    };
    let mut loader = Loader { mm, context, limits: &info.limits, zeros: Vec::new() };
    loader.map_segments(&program.file, &program.elf, bias)?;
    let entry = program.elf.entry.wrapping_add(bias);
    let (interpreter_base, start) = match &program.interpreter {
        Some((file, elf)) => {
            let bias = loader.map_interpreter(file, elf)?;
            (bias, elf.entry.wrapping_add(bias))
        }
        None => (0, entry),
    };
    let (image_start, image_length) = program.elf.span();
    let image_end = image_start.wrapping_add(bias) + image_length;
    let heap_start = page_align_up(image_end).ok_or(Errno::ENOMEM)? + random.pages() / 8 * PAGE_SIZE;
    mm.set_heap_start(heap_start);

    loader.map(MapRequest {
        flags: VmaFlags::STACK | VmaFlags::NO_RESERVE,
        ..MapRequest::anonymous(Placement::FixedFree(stack_top - stack_size), stack_size, Prot::READ | Prot::WRITE)
    })?;
    let headers = match program.elf.headers_address {
        0 => 0,
        address => address.wrapping_add(bias),
    };
    let (hwcap, hwcap2) = rustix::param::linux_hwcap();
    let [uid, euid, gid, egid] = info.ids.map(u64::from);
    let auxv = [
        (at::SYSINFO_EHDR, info.vdso),
        (at::MINSIGSTKSZ, info.min_signal_stack),
        (at::HWCAP, hwcap as u64),
        (at::PAGESZ, PAGE_SIZE),
        (at::CLKTCK, 100),
        (at::PHDR, headers),
        (at::PHENT, PROGRAM_HEADER_SIZE),
        (at::PHNUM, program.elf.headers_count),
        (at::BASE, interpreter_base),
        (at::FLAGS, 0),
        (at::ENTRY, entry),
        (at::UID, uid),
        (at::EUID, euid),
        (at::GID, gid),
        (at::EGID, egid),
        (at::SECURE, u64::from(info.secure)),
        (at::HWCAP2, hwcap2 as u64),
    ];
    // Caches of neighbouring programs get different sets, as on Linux.
    let strings_top = stack_top - random.pages() % 512 * 16;
    let content = stack::StackContent {
        args: &program.args,
        env: info.env,
        path: &program.path,
        random: random.bytes(),
        auxv: &auxv,
    };
    let image = stack::build(strings_top, &content);
    if image.bytes.len() as u64 > stack_size / 2 {
        return Err(Errno::E2BIG);
    }
    loader.finish()?;
    if mm.space().write(image.pointer, &image.bytes) != image.bytes.len() {
        return Err(Errno::EFAULT);
    }
    let mut areas = mm.areas();
    areas.image = layout(program, bias, &image);
    areas.auxv = image.auxv;
    Ok(Loaded { entry: start, stack_pointer: image.pointer })
}

/// What `/proc/PID/stat` tells of the image.
fn layout(program: &Resolved, bias: u64, stack: &stack::StackImage) -> ImageLayout {
    let mut layout = ImageLayout {
        stack_start: stack.pointer,
        arg_start: stack.arg_start,
        arg_end: stack.arg_end,
        env_start: stack.env_start,
        env_end: stack.env_end,
        ..ImageLayout::default()
    };
    for segment in &program.elf.segments {
        let start = segment.address.wrapping_add(bias);
        let end = start.wrapping_add(segment.file_size);
        if segment.prot.contains(Prot::EXEC) {
            if layout.code_start == 0 {
                layout.code_start = start;
            }
            layout.code_end = layout.code_end.max(end);
        } else if segment.prot.contains(Prot::WRITE) {
            layout.data_start = layout.data_start.max(start);
            layout.data_end = layout.data_end.max(end);
        }
    }
    layout
}

/// Random numbers of one start.
struct Random {
    enabled: bool,
}

impl Random {
    fn new(enabled: bool) -> Random {
        Random { enabled }
    }

    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        // Sixteen bytes come whole once the host's pool is ready, long before any sandbox runs.
        let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
        bytes
    }

    /// A random number below [`RANDOM_PAGES`]; 0 without randomisation.
    fn pages(&self) -> u64 {
        if !self.enabled {
            return 0;
        }
        let [a, b, c, ..] = self.bytes();
        u64::from(u32::from_le_bytes([a, b, c, 0])) % RANDOM_PAGES
    }
}

struct Loader<'a> {
    mm: &'a Mm,
    context: &'a mut dyn Context,
    limits: &'a MemoryLimits,
    /// Memory to be cleared once all is mapped: start and end, within a page.
    zeros: Vec<(u64, u64)>,
}

impl Loader<'_> {
    fn map(&mut self, request: MapRequest) -> Result<u64, Errno> {
        self.mm.map(self.context, &request, self.limits)
    }

    /// Has all that was mapped so far made, and clears what is to be clear.
    fn finish(self) -> Result<(), Errno> {
        self.context.settle().map_err(host_errno)?;
        const ZEROS: [u8; PAGE_SIZE as usize] = [0; PAGE_SIZE as usize];
        for (start, end) in self.zeros {
            let zeros = &ZEROS[..ZEROS.len().min((end - start) as usize)];
            if self.mm.space().write(start, zeros) != zeros.len() {
                return Err(Errno::EFAULT);
            }
        }
        Ok(())
    }

    /// Maps the interpreter where there is room; returns its load bias.
    fn map_interpreter(&mut self, file: &Arc<File>, elf: &Elf) -> Result<u64, Errno> {
        let (start, length) = elf.span();
        let mut bias = 0;
        if elf.relocatable {
            // Sets the whole range aside, for the segments to be mapped over it.
            let length = page_align_up(length).ok_or(Errno::ENOMEM)?;
            let slack = elf.alignment - PAGE_SIZE;
            let room = self.map(MapRequest::anonymous(Placement::Hint(0), length + slack, Prot::empty()))?;
            let base = (room + slack) & !(elf.alignment - 1);
            for (from, to) in [(room, base), (base + length, room + slack + length)] {
                if from < to {
                    self.mm.unmap(self.context, from, to - from)?;
                }
            }
            bias = base.wrapping_sub(start);
        }
        self.map_segments(file, elf, bias)?;
        Ok(bias)
    }

    fn map_segments(&mut self, file: &Arc<File>, elf: &Elf, bias: u64) -> Result<(), Errno> {
        // The end of what the mapping of an earlier segment shows as well, and its rights.
        let mut shown = (0, Prot::empty());
        for (index, segment) in elf.segments.iter().enumerate() {
            let start = segment.address.wrapping_add(bias);
            let memory_end = start.checked_add(segment.memory_size).ok_or(Errno::ENOMEM)?;
            let file_end = start + segment.file_size;
            let page = page_align_down(start);
            let mut anonymous_from = page;
            if segment.file_size > 0 {
                let is_shown = file_end <= shown.0 && segment.prot == shown.1;
                if !is_shown {
                    let end = elf.common_end(index).wrapping_add(bias);
                    let offset = page_align_down(segment.offset);
                    self.map(MapRequest {
                        file: Some((file.clone(), offset)),
                        ..MapRequest::anonymous(Placement::Fixed(page), end - page, segment.prot)
                    })?;
                    if end > file_end {
                        shown = (end, segment.prot);
                    }
                }
                anonymous_from = page_align_up(file_end).ok_or(Errno::ENOMEM)?;
            }
            if memory_end > file_end && segment.prot.contains(Prot::WRITE) && file_end < anonymous_from {
                // The rest of the last page of the file is not part of the program.
                self.zeros.push((file_end, anonymous_from));
            }
            if memory_end > anonymous_from {
                let length = memory_end - anonymous_from;
                self.map(MapRequest::anonymous(Placement::Fixed(anonymous_from), length, segment.prot))?;
            }
        }
        Ok(())
    }
}
