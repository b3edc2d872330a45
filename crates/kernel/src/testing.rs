//! A kernel for unit tests: its platform keeps books, but runs no application.

use std::ops::Range;

use lazaret_platform::{
    AddressSpace, Advice, Backing, Context, Error, Interrupt, Platform, Prot, Regs, Result, Trap, layout::PAGE_SIZE,
};

use crate::{
    boot::{HostFiles, Kernel, KernelConfig},
    log::Log,
    net::Network,
    sync::Arc,
    task::sched::CpuSet,
};

/// A kernel without processes.
pub fn kernel() -> Arc<Kernel> {
    Kernel::new(config())
}

/// What [`kernel`] is made with.
pub fn config() -> KernelConfig {
    KernelConfig {
        cpus: CpuSet::of_host(),
        online: 2,
        platform: Box::new(Idle),
        log: Log::default(),
        host_proc: None,
        host_files: HostFiles::default(),
        network: Network::default(),
        strace: None,
    }
}

/// A platform whose address spaces are empty.
pub struct Idle;

impl Platform for Idle {
    fn create(&self) -> Result<(Arc<dyn AddressSpace>, Box<dyn Context>)> {
        let space: Arc<dyn AddressSpace> = Arc::new(IdleSpace);
        Ok((space.clone(), Box::new(IdleContext { regs: Regs::default(), space })))
    }

    fn branch(&self) -> Result<Box<dyn Platform>> {
        Ok(Box::new(Idle))
    }

    fn origin(&self) -> i32 {
        0
    }

    fn vdso(&self) -> Range<u64> {
        0..0
    }

    fn fp_size(&self) -> usize {
        PAGE_SIZE as usize
    }

    fn fp_features(&self) -> u64 {
        0
    }
}

struct IdleSpace;

impl AddressSpace for IdleSpace {
    fn read(&self, _address: u64, _into: &mut [u8]) -> usize {
        0
    }

    fn write(&self, _address: u64, _data: &[u8]) -> usize {
        0
    }

    fn is_dead(&self) -> bool {
        false
    }

    fn kill(&self) {}

    fn host_pid(&self) -> i32 {
        0
    }
}

struct IdleContext {
    regs: Regs,
    space: Arc<dyn AddressSpace>,
}

impl Context for IdleContext {
    fn regs(&mut self) -> &mut Regs {
        &mut self.regs
    }

    fn run(&mut self) -> Result<Trap> {
        Err(Error::Dead)
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        Arc::new(Idle)
    }

    fn address_space(&self) -> &Arc<dyn AddressSpace> {
        &self.space
    }

    fn map(&mut self, _address: u64, _length: u64, _prot: Prot, _backing: Backing<'_>) -> Result<()> {
        Ok(())
    }

    fn unmap(&mut self, _address: u64, _length: u64) -> Result<()> {
        Ok(())
    }

    fn protect(&mut self, _address: u64, _length: u64, _prot: Prot) -> Result<()> {
        Ok(())
    }

    fn remap(&mut self, _old: u64, _old_length: u64, _new: u64, _new_length: u64, _keep_old: bool) -> Result<()> {
        Ok(())
    }

    fn advise(&mut self, _address: u64, _length: u64, _advice: Advice) -> Result<()> {
        Ok(())
    }

    fn fork(&mut self) -> Result<(Arc<dyn AddressSpace>, Box<dyn Context>)> {
        Idle.create()
    }

    fn spawn(&mut self) -> Result<Box<dyn Context>> {
        Ok(Box::new(IdleContext { regs: self.regs, space: self.space.clone() }))
    }

    fn save_fp(&mut self, _address: u64) -> Result<()> {
        Ok(())
    }

    fn restore_fp(&mut self, _address: u64, _features: u64) -> Result<()> {
        Ok(())
    }

    fn reset_fp(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Interrupt for Idle {
    fn interrupt(&self) {}
}
