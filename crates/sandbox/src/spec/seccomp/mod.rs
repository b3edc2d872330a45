//! `linux.seccomp`: which system calls the container's processes may make; see `config-linux.md`
//! ("Seccomp") of the runtime specification, and seccomp(2).
//!
//! The application kernel enforces it, as it does filters that a program sets on itself. Names that
//! x86_64 does not have are passed over: one profile serves several architectures.

mod compile;

use lazaret_abi::{
    errno::Errno,
    seccomp::{BpfInstruction, PROGRAM_MAX, action},
};
use serde::{Deserialize, Serialize};

/// The architecture whose calls the application kernel answers.
const NATIVE: &str = "SCMP_ARCH_X86_64";
/// Its interface of 32-bit pointers, which no kernel here answers.
const X32: &str = "SCMP_ARCH_X32";

/// The architectures of the specification, which libseccomp has the same names for.
pub const ARCHITECTURES: [&str; 20] = [
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_X86",
    X32,
    NATIVE,
];

/// Flags of seccomp(2). The first is about threads, of which a new container has none; the third is about the
/// host's processor, whose mitigations a sandbox keeps.
pub const FLAGS: [&str; 3] = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"];

/// Largest value that an action carries (SECCOMP_RET_DATA).
const MAX_DATA: u32 = 0xffff;

/// `linux.seccomp`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seccomp {
    /// For calls that no entry of [`Seccomp::syscalls`] is about.
    pub default_action: Action,
    /// The error number of the default action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Architectures whose calls are filtered; calls of others end the thread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Some of [`FLAGS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Who is to be asked about calls with [`Action::Notify`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub listener_path: String,
    /// What he is told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub listener_metadata: String,
    /// The calls that are not left to the default action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<Syscalls>,
}

/// One of `linux.seccomp.syscalls`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Syscalls {
    /// Names of the calls.
    pub names: Vec<String>,
    /// What is done with them.
    pub action: Action,
    /// The error number, for actions that have one; EPERM without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// What their arguments must be: all of these, or one of them where two are about one argument.
    #[serde(default, deserialize_with = "none_as_empty", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Condition>,
}

/// `null` where a list is meant, as engines write it.
fn none_as_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What is done with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// The thread ends as by SIGSYS.
    #[serde(rename = "SCMP_ACT_KILL", alias = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    /// So does its process.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// The thread gets SIGSYS.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// It fails.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// A tracer decides; it fails with ENOSYS where there is none.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// It is made, and the log tells.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// It is made.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    /// A listener decides.
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
}

/// Names of the actions that are enforced.
pub const ACTIONS: [&str; 8] = [
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_LOG",
    "SCMP_ACT_ALLOW",
];

impl Action {
    /// It tells an error number, or a number for a tracer.
    fn has_data(self) -> bool {
        matches!(self, Action::Errno | Action::Trace)
    }

    /// What a filter returns for it.
    fn code(self, data: Option<u32>) -> u32 {
        // Both default to EPERM in runc.
        let data = data.unwrap_or(Errno::EPERM.raw().unsigned_abs()) & MAX_DATA;
        match self {
            Action::KillThread => action::KILL_THREAD,
            Action::KillProcess => action::KILL_PROCESS,
            Action::Trap => action::TRAP,
            Action::Errno => action::ERRNO | data,
            Action::Trace => action::TRACE | data,
            Action::Log => action::LOG,
            Action::Allow => action::ALLOW,
            Action::Notify => action::USER_NOTIF,
        }
    }
}

/// One of `linux.seccomp.syscalls[].args`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Number of the argument, from 0.
    pub index: usize,
    /// What it is compared with; the mask of [`Operator::MaskedEqual`].
    pub value: u64,
    /// What the masked argument is compared with.
    #[serde(default)]
    pub value_two: u64,
    /// How.
    pub op: Operator,
}

/// How an argument is compared, unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// Not equal.
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    /// Less.
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    /// Less or equal.
    #[serde(rename = "SCMP_CMP_LE")]
    LessOrEqual,
    /// Equal.
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    /// Greater or equal.
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterOrEqual,
    /// Greater.
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    /// Equal under a mask.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}

/// Names of the operators.
pub const OPERATORS: [&str; 7] =
    ["SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"];

impl Seccomp {
    /// The filter program.
    pub fn program(&self) -> Vec<BpfInstruction> {
        compile::program(self)
    }

    /// Finds the first problem: the field below `linux.seccomp`, and what is wrong.
    pub(super) fn validate(&self) -> Result<(), (String, String)> {
        fn problem(field: impl Into<String>, what: impl Into<String>) -> Result<(), (String, String)> {
            Err((field.into(), what.into()))
        }
        // It would need a descriptor that behaves as the host's listener does.
        const NO_LISTENER: &str = "SCMP_ACT_NOTIFY is not supported";
        if self.default_action == Action::Notify {
            return problem("defaultAction", NO_LISTENER);
        }
        if self.default_errno_ret.is_some_and(|errno| errno > MAX_DATA) {
            return problem("defaultErrnoRet", format!("is greater than {MAX_DATA}"));
        }
        if let Some(name) = self.architectures.iter().find(|name| !ARCHITECTURES.contains(&name.as_str())) {
            return problem("architectures", format!("{name:?} is unknown"));
        }
        if let Some(flag) = self.flags.iter().find(|flag| !FLAGS.contains(&flag.as_str())) {
            return problem("flags", format!("{flag:?} is not supported"));
        }
        for (index, entry) in self.syscalls.iter().enumerate() {
            let field = |name: &str| format!("syscalls[{index}].{name}");
            if entry.names.is_empty() || entry.names.iter().any(String::is_empty) {
                return problem(field("names"), "is empty, or has an empty name");
            }
            if entry.action == Action::Notify {
                return problem(field("action"), NO_LISTENER);
            }
            match entry.errno_ret {
                Some(_) if !entry.action.has_data() => {
                    return problem(field("errnoRet"), "is for SCMP_ACT_ERRNO and SCMP_ACT_TRACE only");
                }
                Some(errno) if errno > MAX_DATA => {
                    return problem(field("errnoRet"), format!("is greater than {MAX_DATA}"));
                }
                _ => {}
            }
            if let Some(at) = entry.args.iter().position(|condition| condition.index > 5) {
                return problem(field(&format!("args[{at}].index")), "is greater than 5");
            }
        }
        let length = self.program().len();
        if length > PROGRAM_MAX {
            return problem("syscalls", format!("need {length} instructions, and a filter has {PROGRAM_MAX} at most"));
        }
        Ok(())
    }
}
