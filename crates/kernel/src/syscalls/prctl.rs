//! prctl(2).

use super::{SysResult, cred::commit, seccomp};
use crate::{
    sync::Ordering,
    task::{Current, creds::sets},
    uaddr::{UserAddr, UserPtr},
};
use lazaret_abi::{
    errno::Errno,
    prctl::{ambient, option, securebits},
    seccomp::mode,
    signal::Signal,
};

/// Longest thread name with its zero (TASK_COMM_LEN).
const NAME_SIZE: usize = 16;

/// PR_SET_DUMPABLE: the values an application may set.
const DUMPABLE_MAX: u64 = 1;

/// PR_TSC_ENABLE.
const TSC_ENABLE: u32 = 1;

/// prctl(2).
pub fn prctl(current: &mut Current, option: u32, arg2: u64, arg3: u64, arg4: u64, arg5: u64) -> SysResult {
    let rest_unused = arg3 | arg4 | arg5 == 0;
    let all_unused = rest_unused && arg2 == 0;
    match option {
        option::SET_NAME | option::GET_NAME => name(current, option, UserAddr::new(arg2)),
        option::SET_PDEATHSIG => {
            let signal = i32::try_from(arg2).ok().filter(|signal| *signal == 0 || Signal::new(*signal).is_some());
            current.task.death_signal.store(signal.ok_or(Errno::EINVAL)?, Ordering::Relaxed);
            Ok(0)
        }
        option::GET_PDEATHSIG => put_int(current, arg2, current.task.death_signal.load(Ordering::Relaxed)),
        option::GET_DUMPABLE => Ok(current.task.group().dumpable.load(Ordering::Relaxed) as usize),
        option::SET_DUMPABLE if arg2 > DUMPABLE_MAX => Err(Errno::EINVAL),
        option::SET_DUMPABLE => {
            current.task.group().dumpable.store(u32::from(arg2 == 1), Ordering::Relaxed);
            Ok(0)
        }
        option::SET_CHILD_SUBREAPER => {
            current.task.group().is_subreaper.store(arg2 != 0, Ordering::Relaxed);
            Ok(0)
        }
        option::GET_CHILD_SUBREAPER => {
            put_int(current, arg2, i32::from(current.task.group().is_subreaper.load(Ordering::Relaxed)))
        }
        option::SET_NO_NEW_PRIVS if arg2 != 1 || !rest_unused => Err(Errno::EINVAL),
        option::SET_NO_NEW_PRIVS => {
            let mut creds = (*current.task.creds()).clone();
            creds.no_new_privs = true;
            commit(&current.task, creds);
            Ok(0)
        }
        option::GET_NO_NEW_PRIVS if !all_unused => Err(Errno::EINVAL),
        option::GET_NO_NEW_PRIVS => Ok(usize::from(current.task.creds().no_new_privs)),
        option::SET_TIMERSLACK => {
            let mut scheduling = current.task.scheduling();
            scheduling.timer_slack.0 = if arg2.cast_signed() <= 0 { scheduling.timer_slack.1 } else { arg2 };
            Ok(0)
        }
        option::GET_TIMERSLACK => {
            usize::try_from(current.task.scheduling().timer_slack.0).map_err(|_| Errno::EOVERFLOW)
        }
        option::GET_TSC => put_int(current, arg2, TSC_ENABLE.cast_signed()),
        // The application reads the processor's counter itself; it cannot be kept from it.
        option::SET_TSC if arg2 == u64::from(TSC_ENABLE) => Ok(0),
        option::GET_AUXV => auxv(current, UserAddr::new(arg2), arg3, arg4 | arg5 == 0),
        option::GET_SECCOMP => usize::try_from(current.task.seccomp().mode()).map_err(|_| Errno::EINVAL),
        option::SET_SECCOMP => match u32::try_from(arg2) {
            Ok(mode::STRICT) => seccomp::set_strict(current),
            Ok(mode::FILTER) => seccomp::set_filter(current, 0, UserAddr::new(arg3)),
            _ => Err(Errno::EINVAL),
        },
        // PR_TIMING_STATISTICAL is the only way that Linux counts.
        option::GET_TIMING => Ok(0),
        option::SET_TIMING if arg2 == 0 => Ok(0),
        option::GET_THP_DISABLE | option::SET_THP_DISABLE if !rest_unused => Err(Errno::EINVAL),
        option::GET_THP_DISABLE if arg2 != 0 => Err(Errno::EINVAL),
        option::GET_THP_DISABLE => Ok(usize::from(current.task.group().huge_pages_disabled.load(Ordering::Relaxed))),
        option::SET_THP_DISABLE => {
            current.task.group().huge_pages_disabled.store(arg2 != 0, Ordering::Relaxed);
            Ok(0)
        }
        option::CAPBSET_READ
        | option::CAPBSET_DROP
        | option::GET_SECUREBITS
        | option::SET_SECUREBITS
        | option::GET_KEEPCAPS
        | option::SET_KEEPCAPS
        | option::CAP_AMBIENT => capabilities(current, option, arg2, [arg3, arg4, arg5]),
        // What is left are features of other processors, or parts of the kernel that can be left out
        // of Linux, which then says this.
        _ => Err(Errno::EINVAL),
    }
}

fn put_int(current: &Current, address: u64, value: i32) -> SysResult {
    current.write(UserPtr::new(UserAddr::new(address)), &value)?;
    Ok(0)
}

/// PR_SET_NAME and PR_GET_NAME.
fn name(current: &Current, option: u32, address: UserAddr) -> SysResult {
    if option == option::GET_NAME {
        let mut bytes = current.task.name();
        bytes.resize(NAME_SIZE, 0);
        current.write_bytes(address, &bytes)?;
        return Ok(0);
    }
    let mut bytes = match current.read_cstr(address, NAME_SIZE) {
        // What is too long is cut.
        Err(Errno::ENAMETOOLONG) => {
            let mut bytes = vec![0; NAME_SIZE];
            current.read_bytes(address, &mut bytes)?;
            bytes
        }
        bytes => bytes?,
    };
    bytes.truncate(NAME_SIZE - 1);
    current.task.set_name(&bytes);
    Ok(0)
}

/// PR_GET_AUXV. Returns the size of the whole vector, however much was asked for.
fn auxv(current: &Current, address: UserAddr, size: u64, rest_unused: bool) -> SysResult {
    if !rest_unused {
        return Err(Errno::EINVAL);
    }
    let entries = current.mm().areas().auxv.clone();
    let bytes: Vec<u8> =
        entries.iter().flat_map(|(kind, value)| [kind.to_ne_bytes(), value.to_ne_bytes()]).flatten().collect();
    let wanted = bytes.len().min(usize::try_from(size).unwrap_or(usize::MAX));
    current.write_bytes(address, bytes.get(..wanted).unwrap_or(&bytes))?;
    Ok(bytes.len())
}

/// The options that concern capabilities.
fn capabilities(current: &Current, option: u32, arg2: u64, rest: [u64; 3]) -> SysResult {
    let creds = current.task.creds();
    let new = match option {
        option::CAPBSET_READ => return Ok(usize::from(creds.bounding & sets::bit(arg2)? != 0)),
        option::CAPBSET_DROP => creds.without_bounding(arg2)?,
        option::GET_SECUREBITS => return Ok(creds.securebits as usize),
        option::SET_SECUREBITS => creds.with_securebits(u32::try_from(arg2).map_err(|_| Errno::EPERM)?)?,
        option::GET_KEEPCAPS => return Ok(usize::from(creds.has_securebit(securebits::KEEP_CAPS))),
        option::SET_KEEPCAPS if arg2 > 1 => return Err(Errno::EINVAL),
        option::SET_KEEPCAPS => creds.with_keep_caps(arg2 == 1)?,
        _ => match (arg2, rest) {
            (ambient::CLEAR_ALL, [0, 0, 0]) => {
                let mut new = (*creds).clone();
                new.ambient = 0;
                new
            }
            (ambient::IS_SET, [capability, 0, 0]) => {
                return Ok(usize::from(creds.ambient & sets::bit(capability)? != 0));
            }
            (ambient::RAISE, [capability, 0, 0]) => creds.with_ambient(capability, true)?,
            (ambient::LOWER, [capability, 0, 0]) => creds.with_ambient(capability, false)?,
            _ => return Err(Errno::EINVAL),
        },
    };
    commit(&current.task, new);
    Ok(0)
}
