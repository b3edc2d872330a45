//! A profile as a program of classic BPF.
//!
//! The call's number is looked up by halving, for calls of one number are many and profiles long: the
//! numbers fall into ranges with one decision each.

use std::collections::BTreeMap;

use lazaret_abi::{
    errno::Errno,
    seccomp::{ARCH_X86_64, BpfInstruction, action},
};
use lazaret_kernel::syscalls::by_name;

use super::{Action, Condition, Operator, Seccomp, X32};

/// BPF_LD | BPF_W | BPF_ABS
const LOAD: u16 = 0x20;
/// BPF_ALU | BPF_AND | BPF_K
const AND: u16 = 0x54;
/// BPF_JMP | BPF_JA, and BPF_JEQ, BPF_JGT, BPF_JGE with BPF_K
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_GREATER: u16 = 0x25;
const IF_NOT_LESS: u16 = 0x35;
/// BPF_RET | BPF_K
const RETURN: u16 = 0x06;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// __X32_SYSCALL_BIT
const X32_BIT: u32 = 0x4000_0000;

/// What is decided about a call: the first rule whose conditions all hold, or else the last value.
#[derive(Clone, Debug, Default, PartialEq)]
struct Decision<'a> {
    rules: Vec<(&'a [Condition], u32)>,
    /// `None` while it is the profile's default.
    otherwise: Option<u32>,
}

/// The program for a profile that has been checked.
pub fn program(profile: &Seccomp) -> Vec<BpfInstruction> {
    let mut code = vec![
        instruction(LOAD, ARCHITECTURE, 0, 0),
        instruction(IF_EQUAL, ARCH_X86_64, 1, 0),
        instruction(RETURN, action::KILL_THREAD, 0, 0),
        instruction(LOAD, NUMBER, 0, 0),
    ];
    let default = profile.default_action.code(profile.default_errno_ret);
    choose(&mut code, &ranges(profile, default), default);
    code
}

fn instruction(code: u16, k: u32, if_true: u8, if_false: u8) -> BpfInstruction {
    BpfInstruction { code, if_true, if_false, k }
}

/// Where each range of numbers begins, and what is decided in it.
fn ranges(profile: &Seccomp, default: u32) -> Vec<(u32, Decision<'_>)> {
    // As runc does: a call that is newer than the profile fails as on a kernel that does not have it, so
    // that programs try an older one.
    let permissive = matches!(profile.default_action, Action::Allow | Action::Log | Action::Trace);
    let newer = if permissive { default } else { action::ERRNO | Errno::ENOSYS.raw().unsigned_abs() };
    let has_x32 = profile.architectures.iter().any(|name| name == X32);
    let fixed = |code| Decision { rules: Vec::new(), otherwise: Some(code) };

    let mut starts = BTreeMap::from([(0, fixed(default))]);
    let calls = decisions(profile);
    let newest = calls.keys().last().copied();
    for (number, mut decision) in calls {
        decision.otherwise.get_or_insert(default);
        starts.insert(number, decision);
        starts.insert(number + 1, fixed(default));
    }
    if let Some(newest) = newest {
        starts.insert(newest + 1, fixed(newer));
    }
    // -1 is no call, and none of x32 either.
    let (x32, none) = if has_x32 { (newer, newer) } else { (action::KILL_THREAD, default) };
    starts.extend([(X32_BIT, fixed(x32)), (u32::MAX, fixed(none))]);
    let mut ranges: Vec<_> = starts.into_iter().collect();
    ranges.dedup_by(|next, kept| next.1 == kept.1);
    ranges
}

/// What the entries of the profile say of each call that there is, by its number. As in libseccomp, the
/// first entry without conditions is the only one that counts; else the first whose conditions hold.
fn decisions(profile: &Seccomp) -> BTreeMap<u32, Decision<'_>> {
    let mut calls = BTreeMap::<u32, Decision<'_>>::new();
    for entry in &profile.syscalls {
        let code = entry.action.code(entry.errno_ret);
        for call in entry.names.iter().filter_map(|name| by_name(name)) {
            let decision = calls.entry(call.number).or_default();
            if decision.otherwise.is_some() {
                continue;
            }
            if entry.args.is_empty() {
                *decision = Decision { rules: Vec::new(), otherwise: Some(code) };
            } else if share_an_argument(&entry.args) {
                decision.rules.extend(entry.args.chunks(1).map(|condition| (condition, code)));
            } else {
                decision.rules.push((&entry.args, code));
            }
        }
    }
    calls
}

fn share_an_argument(conditions: &[Condition]) -> bool {
    let mut indices: Vec<_> = conditions.iter().map(|condition| condition.index).collect();
    indices.sort_unstable();
    indices.windows(2).any(|pair| pair[0] == pair[1])
}

/// Finds the range that the number in the accumulator is in, and decides.
fn choose(code: &mut Vec<BpfInstruction>, ranges: &[(u32, Decision<'_>)], default: u32) {
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let [(start, decision), ..] = high else { return };
    if low.is_empty() {
        return decide(code, decision, default);
    }
    code.push(instruction(IF_NOT_LESS, *start, 0, 1));
    // A conditional jump reaches 255 instructions far, this one any.
    let jump = code.len();
    code.push(instruction(JUMP, 0, 0, 0));
    choose(code, low, default);
    let distance = code.len() - jump - 1;
    code[jump].k = u32::try_from(distance).unwrap_or(u32::MAX);
    choose(code, high, default);
}

fn decide(code: &mut Vec<BpfInstruction>, decision: &Decision<'_>, default: u32) {
    for (conditions, result) in &decision.rules {
        rule(code, conditions, *result);
    }
    code.push(instruction(RETURN, decision.otherwise.unwrap_or(default), 0, 0));
}

/// Where a test leads: to the next test of the condition, past the condition, or past the rule.
#[derive(Clone, Copy)]
enum To {
    Next,
    Pass,
    Fail,
}

/// Returns `result` if all conditions hold.
fn rule(code: &mut Vec<BpfInstruction>, conditions: &[Condition], result: u32) {
    let tests: Vec<_> = conditions.iter().map(test).collect();
    let mut to_fail: usize = tests.iter().map(Vec::len).sum::<usize>() + 1;
    for test in tests {
        let mut to_pass = test.len();
        for (operation, k, if_true, if_false) in test {
            (to_pass, to_fail) = (to_pass - 1, to_fail - 1);
            // At most 36: six conditions of six instructions.
            let distance = |to: To| match to {
                To::Next => 0,
                To::Pass => u8::try_from(to_pass).unwrap_or(u8::MAX),
                To::Fail => u8::try_from(to_fail).unwrap_or(u8::MAX),
            };
            code.push(instruction(operation, k, distance(if_true), distance(if_false)));
        }
    }
    code.push(instruction(RETURN, result, 0, 0));
}

/// The instructions of a condition: the argument's upper half is looked at first.
fn test(condition: &Condition) -> Vec<(u16, u32, To, To)> {
    let halves = |value: u64| ((value >> 32) as u32, (value & 0xffff_ffff) as u32);
    // Checked to be below 6.
    let offset = ARGUMENTS + 8 * u32::try_from(condition.index).unwrap_or(0);
    let (low, high) = (offset, offset + 4);
    let load = |half| (LOAD, half, To::Next, To::Next);
    let (value_high, value_low) = halves(condition.value);
    let ordered = |last: (u16, To, To), above: To, below: To| {
        vec![
            load(high),
            (IF_GREATER, value_high, above, To::Next),
            (IF_EQUAL, value_high, To::Next, below),
            load(low),
            (last.0, value_low, last.1, last.2),
        ]
    };
    match condition.op {
        Operator::Equal => vec![
            load(high),
            (IF_EQUAL, value_high, To::Next, To::Fail),
            load(low),
            (IF_EQUAL, value_low, To::Next, To::Fail),
        ],
        Operator::NotEqual => vec![
            load(high),
            (IF_EQUAL, value_high, To::Next, To::Pass),
            load(low),
            (IF_EQUAL, value_low, To::Fail, To::Next),
        ],
        Operator::Greater => ordered((IF_GREATER, To::Pass, To::Fail), To::Pass, To::Fail),
        Operator::GreaterOrEqual => ordered((IF_NOT_LESS, To::Pass, To::Fail), To::Pass, To::Fail),
        Operator::Less => ordered((IF_NOT_LESS, To::Fail, To::Pass), To::Fail, To::Pass),
        Operator::LessOrEqual => ordered((IF_GREATER, To::Fail, To::Pass), To::Fail, To::Pass),
        Operator::MaskedEqual => {
            let (mask_high, mask_low) = (value_high, value_low);
            let (high_bits, low_bits) = halves(condition.value_two & condition.value);
            vec![
                load(high),
                (AND, mask_high, To::Next, To::Next),
                (IF_EQUAL, high_bits, To::Next, To::Fail),
                load(low),
                (AND, mask_low, To::Next, To::Next),
                (IF_EQUAL, low_bits, To::Next, To::Fail),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use lazaret_abi::seccomp::SeccompData;
    use lazaret_kernel::seccomp::Program;
    use serde_json::{Value, json};

    use super::*;

    fn judge(profile: &Value, call: &str, args: [u64; 6]) -> u32 {
        let profile: Seccomp = serde_json::from_value(profile.clone()).unwrap();
        assert_eq!(profile.validate(), Ok(()));
        let number = by_name(call).map_or_else(|| call.parse().unwrap(), |call| call.number);
        let data = SeccompData { number, arch: ARCH_X86_64, args, ..SeccompData::default() };
        Program::new(&program(&profile)).unwrap().run(&data)
    }

    const ENOSYS: u32 = action::ERRNO | 38;
    const EPERM: u32 = action::ERRNO | 1;

    #[test]
    fn each_call_gets_its_action() {
        let profile = json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [
                { "names": ["read", "write", "statx", "s390_runtime_instr"], "action": "SCMP_ACT_ALLOW", "args": null },
                { "names": ["getpid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7 },
                { "names": ["getpid"], "action": "SCMP_ACT_ALLOW" },
                { "names": ["kill"], "action": "SCMP_ACT_TRAP", "args": [{ "index": 1, "value": 9, "op": "SCMP_CMP_EQ" }] },
                { "names": ["kill"], "action": "SCMP_ACT_KILL_PROCESS",
                  "args": [{ "index": 1, "value": 8, "op": "SCMP_CMP_GT" }, { "index": 0, "value": 1, "op": "SCMP_CMP_EQ" }] },
            ],
        });
        let judged = |call: &str, args| judge(&profile, call, args);
        assert_eq!(judged("read", [0; 6]), action::ALLOW);
        assert_eq!(judged("statx", [0; 6]), action::ALLOW);
        assert_eq!(judged("open", [0; 6]), EPERM);
        assert_eq!(judged("getpid", [0; 6]), action::ERRNO | 7);
        assert_eq!(judged("kill", [1, 9, 0, 0, 0, 0]), action::TRAP);
        assert_eq!(judged("kill", [1, 10, 0, 0, 0, 0]), action::KILL_PROCESS);
        assert_eq!(judged("kill", [2, 10, 0, 0, 0, 0]), EPERM);
        // Newer than anything named.
        assert_eq!(judged("futex_waitv", [0; 6]), ENOSYS);
        assert_eq!(judged("1073741825", [0; 6]), action::KILL_THREAD);
        assert_eq!(judged("4294967295", [0; 6]), EPERM);
    }

    #[test]
    fn arguments_are_compared_as_64_bits() {
        const BIG: u64 = 5 << 32 | 7;
        let holds = |op: &str, value: u64, argument: u64| {
            let condition = json!({ "index": 3, "value": value, "valueTwo": 0x1_0000_0001_u64, "op": op });
            let profile = json!({
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{ "names": ["mmap"], "action": "SCMP_ACT_ERRNO", "args": [condition] }],
            });
            judge(&profile, "mmap", [0, 0, 0, argument, 0, 0]) == EPERM
        };
        for argument in [0, 7, 6 << 32, BIG - 1, BIG, BIG + 1, 5 << 32, 4 << 32 | 9, u64::MAX] {
            assert_eq!(holds("SCMP_CMP_EQ", BIG, argument), argument == BIG, "{argument:#x}");
            assert_eq!(holds("SCMP_CMP_NE", BIG, argument), argument != BIG, "{argument:#x}");
            assert_eq!(holds("SCMP_CMP_LT", BIG, argument), argument < BIG, "{argument:#x}");
            assert_eq!(holds("SCMP_CMP_LE", BIG, argument), argument <= BIG, "{argument:#x}");
            assert_eq!(holds("SCMP_CMP_GT", BIG, argument), argument > BIG, "{argument:#x}");
            assert_eq!(holds("SCMP_CMP_GE", BIG, argument), argument >= BIG, "{argument:#x}");
            let masked = argument & 0xf_0000_0001 == 0x1_0000_0001;
            assert_eq!(holds("SCMP_CMP_MASKED_EQ", 0xf_0000_0001, argument), masked, "{argument:#x}");
        }
    }

    #[test]
    fn conditions_about_one_argument_are_alternatives() {
        let is = |value| json!({ "index": 0, "value": value, "op": "SCMP_CMP_EQ" });
        let profile = json!({
            "defaultAction": "SCMP_ACT_LOG",
            "syscalls": [{ "names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [is(0), is(8)] }],
        });
        let judged = |value| judge(&profile, "personality", [value, 0, 0, 0, 0, 0]);
        assert_eq!([judged(0), judged(8), judged(1)], [action::ALLOW, action::ALLOW, action::LOG]);
    }
}
