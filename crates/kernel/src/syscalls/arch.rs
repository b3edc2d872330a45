//! Calls that only x86_64 has.

use lazaret_abi::{errno::Errno, prctl::arch};

use super::SysResult;
use crate::{
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// End of the lower half of the address space (TASK_SIZE_MAX).
const TASK_SIZE_MAX: u64 = 0x7fff_ffff_f000;

/// arch_prctl(2).
pub fn arch_prctl(current: &mut Current, code: u32, address: u64) -> SysResult {
    match code {
        arch::SET_FS | arch::SET_GS if address >= TASK_SIZE_MAX => Err(Errno::EPERM),
        arch::SET_FS => {
            current.regs().fs_base = address;
            Ok(0)
        }
        arch::SET_GS => {
            current.regs().gs_base = address;
            Ok(0)
        }
        arch::GET_FS => {
            let base = current.regs().fs_base;
            put_long(current, address, base)
        }
        arch::GET_GS => {
            let base = current.regs().gs_base;
            put_long(current, address, base)
        }
        // The cpuid instruction works and cannot be made to fault.
        arch::GET_CPUID => Ok(1),
        arch::SET_CPUID => Err(Errno::ENODEV),
        arch::GET_XCOMP_SUPP | arch::GET_XCOMP_PERM => {
            let features = current.task.kernel().platform.fp_features();
            put_long(current, address, features)
        }
        arch::REQ_XCOMP_PERM => {
            let features = current.task.kernel().platform.fp_features();
            let wanted = u32::try_from(address).ok().and_then(|feature| 1_u64.checked_shl(feature));
            if wanted.is_some_and(|bit| features & bit != 0) { Ok(0) } else { Err(Errno::EOPNOTSUPP) }
        }
        _ => Err(Errno::EINVAL),
    }
}

fn put_long(current: &Current, address: u64, value: u64) -> SysResult {
    current.write(UserPtr::new(UserAddr::new(address)), &value)?;
    Ok(0)
}
