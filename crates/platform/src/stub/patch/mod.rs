//! Call sites that enter the stub by a jump instead of a trap.
//!
//! A trap costs a signal. So a site that has trapped often becomes a jump to a trampoline, which
//! jumps to the stub. The application must not notice: an instruction pointer in a trampoline is
//! shown as the original one, and one in overwritten code is continued in its copy. Only private
//! code that is not writable is patched.

mod area;
mod site;

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    os::unix::fs::FileExt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use lazaret_hostcall::remote::{read_memory, write_memory};
use parking_lot::Mutex;
use rustix::{
    fs::{Mode, OFlags, openat},
    process::Pid,
};

use self::{
    area::{AREA_SIZE, Areas},
    site::{AFTER, BEFORE, JUMP, Plan, Site},
};
use super::{image, thread::Thread};
use crate::Result;

/// End of the highest area of trampolines.
pub(super) const TRAMPOLINES_END: u64 = crate::layout::APP_MAX + AREA_SIZE;

/// A site is worth patching after so many traps.
const TRAPS: u32 = 8;
/// The first site of an address space costs several times as much as another one, and most programs end before it pays.
const TRAPS_OF_FIRST: u32 = 32;
/// Counted for a site that was patched or cannot be.
const DECIDED: u32 = u32::MAX;
/// How many sites are counted at a time.
const COUNTED: usize = 1024;

/// The patched code of an address space.
pub(super) struct Code {
    state: Mutex<Arc<State>>,
    /// There are sites, or will be. Only to save looking.
    active: AtomicBool,
    /// The stub's /proc/PID/mem, through which code is written that nobody may write.
    memory: OnceLock<Option<File>>,
}

#[derive(Clone, Default)]
struct State {
    /// Code is not patched, any more.
    off: bool,
    /// Private executable mappings that are not writable: start and end.
    ranges: BTreeMap<u64, u64>,
    /// By the first overwritten byte.
    sites: BTreeMap<u64, Site>,
    /// Site by trampoline.
    trampolines: BTreeMap<u64, u64>,
    areas: Areas,
    traps: HashMap<u64, u32>,
    /// The stub may use membarrier.
    registered: bool,
}

impl State {
    /// The range of patchable code around `address`.
    fn range(&self, address: u64) -> Option<(u64, u64)> {
        let (&start, &end) = self.ranges.range(..=address).next_back()?;
        (address < end).then_some((start, end))
    }

    /// The site whose overwritten bytes contain `address`, or end less than a copy before it.
    fn site_before(&self, address: u64) -> Option<&Site> {
        self.sites.range(..=address).next_back().map(|(_, site)| site)
    }

    fn site_of_trampoline(&self, address: u64) -> Option<&Site> {
        let (_, start) = self.trampolines.range(..=address).next_back()?;
        self.sites.get(start)
    }

    /// Takes a range out of the patchable code.
    fn cut(&mut self, start: u64, end: u64) {
        let touched: Vec<(u64, u64)> =
            self.ranges.range(..end).rev().take_while(|(_, until)| **until > start).map(|(a, b)| (*a, *b)).collect();
        for (from, until) in touched {
            self.ranges.remove(&from);
            if from < start {
                self.ranges.insert(from, start);
            }
            if until > end {
                self.ranges.insert(end, until);
            }
        }
    }

    /// Sites that lie in a range.
    fn sites_in(&self, start: u64, end: u64) -> Vec<Site> {
        self.sites.range(start.saturating_sub(JUMP as u64)..end).map(|(_, site)| site.clone()).collect()
    }
}

impl Code {
    /// For a new address space; `off` for one that stays as it is.
    pub fn new(off: bool) -> Code {
        let state = State { off, ..State::default() };
        Code { state: Mutex::new(Arc::new(state)), active: AtomicBool::new(false), memory: OnceLock::new() }
    }

    /// For a copy of the address space.
    pub fn copy(&self) -> Code {
        let mut state = Arc::clone(&self.state.lock());
        if state.registered {
            Arc::make_mut(&mut state).registered = false;
        }
        let active = AtomicBool::new(self.active.load(Ordering::Relaxed));
        Code { state: Mutex::new(state), active, memory: OnceLock::new() }
    }

    /// A range is about to be replaced or unmapped; `code` if private read-only code comes there.
    pub fn replaced(&self, address: u64, length: u64, code: bool) {
        let mut state = self.state.lock();
        let end = address.saturating_add(length);
        let touches = state.ranges.range(..end).next_back().is_some_and(|(_, until)| *until > address);
        if state.off || !(touches || code) {
            return;
        }
        let state = Arc::make_mut(&mut state);
        state.cut(address, end);
        for site in state.sites_in(address, end) {
            state.sites.remove(&site.plan.start);
            state.trampolines.remove(&site.trampoline);
        }
        if code {
            state.ranges.insert(address, end);
        }
    }

    /// A range is about to become writable or to be moved: puts the original code back.
    pub fn release(&self, address: u64, length: u64, thread: &mut Thread) -> Result<()> {
        let mut state = self.state.lock();
        let end = address.saturating_add(length);
        if state.off || state.ranges.range(..end).next_back().is_none_or(|(_, until)| *until <= address) {
            return Ok(());
        }
        let state = Arc::make_mut(&mut state);
        self.restore(state, state.sites_in(address, end), thread)?;
        state.cut(address, end);
        Ok(())
    }

    /// Puts all original code back, for good: the application does what trampolines cannot hide.
    pub fn turn_off(&self, thread: &mut Thread) -> Result<()> {
        let mut state = self.state.lock();
        if state.off {
            return Ok(());
        }
        let state = Arc::make_mut(&mut state);
        state.off = true;
        let sites = state.sites.values().cloned().collect();
        self.restore(state, sites, thread)
    }

    /// There may be sites.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Where to continue for the application's `rip`.
    pub fn real(&self, rip: u64) -> u64 {
        if !self.is_active() {
            return rip;
        }
        self.state.lock().site_before(rip).and_then(|site| site.real(rip)).unwrap_or(rip)
    }

    /// What the application takes `rip` for.
    pub fn visible(&self, rip: u64) -> u64 {
        if !self.is_active() || !Areas::is_inside(rip) {
            return rip;
        }
        self.state.lock().site_of_trampoline(rip).map_or(rip, |site| site.visible(rip))
    }

    /// The application jumped into overwritten code.
    pub fn is_overwritten(&self, rip: u64) -> bool {
        self.is_active() && self.real(rip) != rip
    }

    /// A breakpoint before `rip` is ours: the site is being changed.
    pub fn is_breakpoint(&self, rip: u64) -> bool {
        self.is_active() && self.state.lock().sites.contains_key(&rip.wrapping_sub(1))
    }

    /// A call that returns to `rip` trapped. Patches its site if that is worth it.
    pub fn trapped(&self, rip: u64, number: u64, thread: &mut Thread) -> Result<()> {
        let mut state = self.state.lock();
        // Unwinders know a signal frame by the bytes of the call that leaves it.
        let leaves_handler = i64::try_from(number) == Ok(libc::SYS_rt_sigreturn);
        if state.off || leaves_handler || state.range(rip).is_none() {
            return Ok(());
        }
        let state = Arc::make_mut(&mut state);
        if state.traps.len() >= COUNTED {
            state.traps.clear();
        }
        let enough = if state.sites.is_empty() { TRAPS_OF_FIRST } else { TRAPS };
        let traps = state.traps.entry(rip).or_default();
        *traps = traps.saturating_add(1);
        if *traps < enough || *traps == DECIDED {
            return Ok(());
        }
        *traps = DECIDED;
        self.patch(state, rip, number, thread)
    }

    fn patch(&self, state: &mut State, rip: u64, number: u64, thread: &mut Thread) -> Result<()> {
        let Some(plan) = self.plan(state, rip, number, thread) else { return Ok(()) };
        let known = state.sites.get(&plan.start).filter(|site| site.plan == plan).cloned();
        let site = match known {
            // The application has had the original page come back.
            Some(site) => site,
            None => {
                let Some(site) = self.make_trampoline(state, plan, thread)? else { return Ok(()) };
                self.active.store(true, Ordering::Release);
                state.trampolines.insert(site.trampoline, site.plan.start);
                state.sites.insert(site.plan.start, site.clone());
                site
            }
        };
        let jump = site.jump_bytes();
        let [_, tail @ ..] = jump;
        let mut steps = vec![(0, vec![0xcc])];
        steps.extend(site.plan.illegal.iter().map(|&byte| (1 + byte, vec![tail[byte]])));
        steps.extend([(1, tail.to_vec()), (0, vec![jump[0]])]);
        self.write(state, site.plan.start, &jump, &steps, thread)
    }

    /// Puts original code back. The sites stay known: a thread may still be in a trampoline.
    fn restore(&self, state: &mut State, sites: Vec<Site>, thread: &mut Thread) -> Result<()> {
        for site in sites {
            let original = site.plan.original;
            let mut steps = vec![(0, vec![0xcc])];
            // What is no instruction keeps others out until all the rest is there.
            let illegal = |byte: usize| site.plan.illegal.contains(&(byte - 1));
            for last in [false, true] {
                steps.extend((1..JUMP).filter(|&byte| illegal(byte) == last).map(|byte| (byte, vec![original[byte]])));
            }
            steps.push((0, vec![original[0]]));
            self.write(state, site.plan.start, &original, &steps, thread)?;
        }
        Ok(())
    }

    fn plan(&self, state: &State, rip: u64, number: u64, thread: &Thread) -> Option<Plan> {
        let (start, end) = state.range(rip)?;
        let from = rip.saturating_sub(BEFORE).max(start);
        let until = rip.saturating_add(AFTER).min(end);
        let mut code = [0; (BEFORE + AFTER) as usize];
        let code = code.get_mut(..usize::try_from(until - from).ok()?)?;
        let length = thread.process.with_pid(|pid| read_memory(pid, from, code))?;
        // Between sites, code is still the application's; within one, it is not worth looking at.
        let overlaps = |plan: &Plan| {
            let known = state.sites_in(plan.start, plan.start + JUMP as u64);
            known.iter().any(|site| site.plan.start != plan.start)
        };
        site::plan(&code[..length], from, rip, number).filter(|plan| !overlaps(plan))
    }

    fn make_trampoline(&self, state: &mut State, plan: Plan, thread: &mut Thread) -> Result<Option<Site>> {
        let Some((address, area)) = state.areas.take(plan.start, &plan.illegal) else { return Ok(None) };
        if let Some(base) = area {
            let protection = (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC).cast_unsigned();
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
            let number = libc::SYS_mmap.cast_unsigned();
            let call = [number, base, AREA_SIZE, protection.into(), flags.cast_unsigned().into(), u64::MAX, 0];
            if let Err(error) = thread.call(call) {
                state.areas.forget(base);
                return if matches!(error, crate::Error::Host(_)) { Ok(None) } else { Err(error) };
            }
        }
        let site = Site::new(plan, address);
        let bytes = site.trampoline_bytes(image::header().fast_entry);
        let written = thread.process.with_pid(|pid| write_memory(pid, address, &bytes));
        Ok((written == Some(bytes.len())).then_some(site))
    }

    /// Overwrites code: at once where no other thread can be in it, else in steps (offset, bytes)
    /// after each of which every processor is made to see it.
    fn write(
        &self,
        state: &mut State,
        start: u64,
        whole: &[u8],
        steps: &[(usize, Vec<u8>)],
        thread: &mut Thread,
    ) -> Result<()> {
        let memory = self.memory.get_or_init(|| open_memory(thread));
        let Some(memory) = memory else {
            state.off = true;
            return Ok(());
        };
        let written = if thread.process.threads() == 1 {
            memory.write_all_at(whole, start)
        } else {
            let mut result = Ok(());
            for (offset, bytes) in steps {
                result = result.and_then(|()| memory.write_all_at(bytes, start + *offset as u64));
                synchronize(state, thread)?;
            }
            result
        };
        if written.is_err() {
            // The code went away under us; so did the need.
            state.off = true;
        }
        Ok(())
    }
}

fn open_memory(thread: &Thread) -> Option<File> {
    let proc = thread.process.shared.proc.as_ref()?;
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = |pid: Pid| openat(proc, format!("{}/mem", pid.as_raw_nonzero()), flags, Mode::empty()).ok();
    thread.process.with_pid(open).flatten().map(File::from)
}

/// Makes every processor that runs a thread of the stub see what was written; see membarrier(2).
fn synchronize(state: &mut State, thread: &mut Thread) -> Result<()> {
    let number = libc::SYS_membarrier.cast_unsigned();
    let mut commands = vec![libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE];
    if !std::mem::replace(&mut state.registered, true) {
        commands.insert(0, libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
    }
    for command in commands {
        thread.call([number, u64::from(command.cast_unsigned()), 0, 0, 0, 0, 0])?;
    }
    Ok(())
}
