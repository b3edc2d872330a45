//! Structures as strace(1) writes them, abbreviated as it does by default.

use std::fmt::Write;

use lazaret_abi::{
    epoll::{EpollEvent, events},
    fcntl::{OpenHow, open, resolve},
    process::{CloneArgs, clone},
    resource::{RLimit, RUsage},
    signal::{SigAction, SigAltStack, SigInfo, SigSet, Signal, action, handler, stack},
    stat::{Stat, StatFs, Statx, format},
    time::{ITimerSpec, ITimerVal, Timespec, Timeval},
};

use super::names::{show_bits, show_mode, show_value};

/// A structure with a written form.
pub trait Show {
    /// Appends it.
    fn show(&self, out: &mut String);
}

macro_rules! show {
    ($($type:ty, $value:ident, $out:ident => $body:expr;)*) => {
        $(impl Show for $type {
            fn show(&self, $out: &mut String) {
                let $value = self;
                let _ = $body;
            }
        })*
    };
}

show! {
    i32, value, out => write!(out, "[{value}]");
    u32, value, out => write!(out, "[{value}]");
    i64, value, out => write!(out, "[{value}]");
    u64, value, out => write!(out, "[{value}]");
    [i32; 2], pair, out => write!(out, "[{}, {}]", pair[0], pair[1]);
    Timespec, time, out => write!(out, "{{tv_sec={}, tv_nsec={}}}", time.sec, time.nsec);
    Timeval, time, out => write!(out, "{{tv_sec={}, tv_usec={}}}", time.sec, time.usec);
    [Timespec; 2], times, out => show_pair(times, out);
    [Timeval; 2], times, out => show_pair(times, out);
    SigSet, set, out => write!(out, "{set}");
    RLimit, limit, out => {
        out.push_str("{rlim_cur=");
        show_limit(limit.current, out);
        out.push_str(", rlim_max=");
        show_limit(limit.maximum, out);
        out.push('}');
    };
    RUsage, usage, out => {
        out.push_str("{ru_utime=");
        usage.user_time.show(out);
        out.push_str(", ru_stime=");
        usage.system_time.show(out);
        out.push_str(", ...}");
    };
    ITimerSpec, timer, out => {
        out.push_str("{it_interval=");
        timer.interval.show(out);
        out.push_str(", it_value=");
        timer.value.show(out);
        out.push('}');
    };
    ITimerVal, timer, out => {
        out.push_str("{it_interval=");
        timer.interval.show(out);
        out.push_str(", it_value=");
        timer.value.show(out);
        out.push('}');
    };
    Stat, stat, out => {
        out.push_str("{st_mode=");
        show_mode(u64::from(stat.mode), format::NAMES, out);
        write!(out, ", st_size={}, ...}}", stat.size)
    };
    Statx, stat, out => {
        write!(out, "{{stx_mask={:#x}, stx_attributes={:#x}, stx_mode=", stat.mask, stat.attributes).and_then(|()| {
            show_mode(u64::from(stat.mode), format::NAMES, out);
            write!(out, ", stx_size={}, ...}}", stat.size)
        })
    };
    StatFs, stat, out => write!(
        out,
        "{{f_type={:#x}, f_bsize={}, f_blocks={}, f_bfree={}, f_bavail={}, ...}}",
        stat.kind, stat.bsize, stat.blocks, stat.bfree, stat.bavail
    );
    SigAction, new, out => {
        out.push_str("{sa_handler=");
        show_value(new.handler, handler::NAMES, out);
        let _ = write!(out, ", sa_mask={}, sa_flags=", new.mask);
        show_bits(new.flags, action::NAMES, out);
        if new.has(action::RESTORER) {
            let _ = write!(out, ", sa_restorer={:#x}", new.restorer);
        }
        out.push('}');
    };
    SigAltStack, alternate, out => {
        let _ = write!(out, "{{ss_sp={:#x}, ss_flags=", alternate.address);
        show_bits(u64::from(alternate.flags), stack::NAMES, out);
        write!(out, ", ss_size={:#x}}}", alternate.size)
    };
    SigInfo, info, out => match Signal::new(info.signal) {
        Some(signal) => write!(out, "{{si_signo={signal}, si_code={}, si_pid={}, ...}}", info.code, info.pid()),
        None => write!(out, "{{si_signo={}, ...}}", info.signal),
    };
    EpollEvent, event, out => {
        out.push_str("{events=");
        show_bits(u64::from(event.events), events::NAMES, out);
        write!(out, ", data={:#x}}}", { event.data })
    };
    OpenHow, how, out => {
        out.push_str("{flags=");
        show_bits(how.flags, open::NAMES, out);
        let _ = write!(out, ", mode=0{:o}, resolve=", how.mode);
        show_bits(how.resolve, resolve::NAMES, out);
        out.push('}');
    };
    CloneArgs, args, out => {
        out.push_str("{flags=");
        show_bits(args.flags, clone::NAMES, out);
        write!(
            out,
            ", exit_signal={}, stack={:#x}, stack_size={:#x}, ...}}",
            args.exit_signal, args.stack, args.stack_size
        )
    };
}

/// Appends a limit, most of which are round.
fn show_limit(limit: u64, out: &mut String) {
    let _ = match limit {
        RLimit::INFINITY => write!(out, "RLIM64_INFINITY"),
        limit if limit > 1024 && limit % 1024 == 0 => write!(out, "{}*1024", limit / 1024),
        limit => write!(out, "{limit}"),
    };
}

/// Appends two structures: times of access and modification.
fn show_pair<T: Show>(pair: &[T; 2], out: &mut String) {
    let [first, second] = pair;
    out.push('[');
    first.show(out);
    out.push_str(", ");
    second.show(out);
    out.push(']');
}
