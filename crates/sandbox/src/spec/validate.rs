//! Checks that a specification makes sense before any process is made for it.

mod limits;

use std::path::Path;

use super::{Capabilities, Hooks, Mount, Process, Rlimit, Spec, capability_bit, resource_number};

pub use limits::check_resources;

/// The field that is wrong, and what is wrong about it.
type Problem = (String, String);

fn problem<T>(field: impl Into<String>, what: impl Into<String>) -> Result<T, Problem> {
    Err((field.into(), what.into()))
}

/// Longest path, argument or environment string in bytes (MAX_ARG_STRLEN of execve(2)).
const MAX_STRING: usize = 128 << 10;

/// Finds the first problem of a specification.
pub fn validate(spec: &Spec) -> Result<(), Problem> {
    version(&spec.oci_version)?;
    let Some(root) = &spec.root else {
        return problem("root", "is missing");
    };
    if root.path.as_os_str().is_empty() {
        return problem("root.path", "is empty");
    }
    text("root.path", &root.path.to_string_lossy())?;
    match &spec.process {
        None => return problem("process", "is missing"),
        Some(process) => check_process(process)?,
    }
    // Linux limits both to 64 bytes (__NEW_UTS_LEN).
    for (field, name) in [("hostname", &spec.hostname), ("domainname", &spec.domainname)] {
        if name.len() > 64 {
            return problem(field, "is longer than 64 bytes");
        }
        text(field, name)?;
    }
    for (index, mount) in spec.mounts.iter().enumerate() {
        check_mount(&format!("mounts[{index}]"), mount)?;
    }
    spec.hooks.as_ref().map_or(Ok(()), check_hooks)?;
    let Some(linux) = &spec.linux else {
        return Ok(());
    };
    for (index, namespace) in linux.namespaces.iter().enumerate() {
        const KNOWN: [&str; 8] = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"];
        if !KNOWN.contains(&namespace.kind.as_str()) {
            return problem(format!("linux.namespaces[{index}].type"), format!("{:?} is unknown", namespace.kind));
        }
    }
    for (list, paths) in [("maskedPaths", &linux.masked_paths), ("readonlyPaths", &linux.readonly_paths)] {
        for (index, path) in paths.iter().enumerate() {
            absolute(&format!("linux.{list}[{index}]"), path)?;
        }
    }
    for (name, value) in &linux.sysctl {
        text("linux.sysctl", name)?;
        text(&format!("linux.sysctl.{name}"), value)?;
    }
    if let Some(seccomp) = &linux.seccomp {
        seccomp.validate().map_err(|(field, what)| (format!("linux.seccomp.{field}"), what))?;
    }
    linux.resources.as_ref().map_or(Ok(()), check_resources)
}

fn check_hooks(hooks: &Hooks) -> Result<(), Problem> {
    for (name, hooks) in [
        ("prestart", &hooks.prestart),
        ("createRuntime", &hooks.create_runtime),
        ("createContainer", &hooks.create_container),
        ("startContainer", &hooks.start_container),
        ("poststart", &hooks.poststart),
        ("poststop", &hooks.poststop),
    ] {
        for (index, hook) in hooks.iter().enumerate() {
            absolute(&format!("hooks.{name}[{index}].path"), &hook.path)?;
            if hook.timeout == Some(0) {
                return problem(format!("hooks.{name}[{index}].timeout"), "is not greater than 0");
            }
        }
    }
    Ok(())
}

fn version(version: &str) -> Result<(), Problem> {
    let mut parts = version.split(['.', '-', '+']);
    match (parts.next().map(str::parse::<u32>), parts.next().map(str::parse::<u32>)) {
        (Some(Ok(1)), Some(Ok(_))) => Ok(()),
        _ => problem("ociVersion", format!("{version:?} is not a version 1.x")),
    }
}

fn text(field: &str, text: &str) -> Result<(), Problem> {
    if text.contains('\0') {
        return problem(field, "contains a null character");
    }
    if text.len() > MAX_STRING {
        return problem(field, format!("is longer than {MAX_STRING} bytes"));
    }
    Ok(())
}

fn absolute(field: &str, path: &Path) -> Result<(), Problem> {
    text(field, &path.to_string_lossy())?;
    if path.is_absolute() { Ok(()) } else { problem(field, format!("{path:?} is not an absolute path")) }
}

/// Finds the first problem of a process.
pub fn check_process(process: &Process) -> Result<(), Problem> {
    if process.args.is_empty() {
        return problem("process.args", "is empty");
    }
    if process.args[0].is_empty() {
        return problem("process.args[0]", "is empty");
    }
    for (list, strings) in [("args", &process.args), ("env", &process.env)] {
        for (index, string) in strings.iter().enumerate() {
            text(&format!("process.{list}[{index}]"), string)?;
        }
    }
    if let Some(index) = process.env.iter().position(|variable| !variable.contains('=')) {
        return problem(format!("process.env[{index}]"), "is not of the form NAME=value");
    }
    absolute("process.cwd", Path::new(&process.cwd))?;
    if process.user.umask.is_some_and(|umask| umask > 0o777) {
        return problem("process.user.umask", "is greater than 0777");
    }
    if process.user.additional_gids.len() > 65536 {
        return problem("process.user.additionalGids", "has more than 65536 entries");
    }
    for (index, limit) in process.rlimits.iter().enumerate() {
        check_limit(index, limit, &process.rlimits)?;
    }
    if let Some(score) = process.oom_score_adj
        && !(-1000..=1000).contains(&score)
    {
        return problem("process.oomScoreAdj", format!("{score} is not within -1000..1000"));
    }
    process.capabilities.as_ref().map_or(Ok(()), check_capabilities)
}

fn check_limit(index: usize, limit: &Rlimit, all: &[Rlimit]) -> Result<(), Problem> {
    let field = format!("process.rlimits[{index}]");
    if resource_number(&limit.kind).is_none() {
        return problem(format!("{field}.type"), format!("{:?} is unknown", limit.kind));
    }
    if limit.soft > limit.hard {
        return problem(field, format!("the soft limit {} is above the hard limit {}", limit.soft, limit.hard));
    }
    if all.iter().take(index).any(|other| other.kind == limit.kind) {
        return problem(field, format!("{} is given twice", limit.kind));
    }
    Ok(())
}

fn check_capabilities(capabilities: &Capabilities) -> Result<(), Problem> {
    for (set, names) in [
        ("bounding", &capabilities.bounding),
        ("effective", &capabilities.effective),
        ("inheritable", &capabilities.inheritable),
        ("permitted", &capabilities.permitted),
        ("ambient", &capabilities.ambient),
    ] {
        if let Some(name) = names.iter().find(|name| capability_bit(name).is_none()) {
            return problem(format!("process.capabilities.{set}"), format!("{name:?} is unknown"));
        }
    }
    Ok(())
}

fn check_mount(field: &str, mount: &Mount) -> Result<(), Problem> {
    absolute(&format!("{field}.destination"), &mount.destination)?;
    for (index, option) in mount.options.iter().flatten().enumerate() {
        text(&format!("{field}.options[{index}]"), option)?;
    }
    if let Err((index, cause)) = crate::mounts::Own::of(mount) {
        return problem(format!("{field}.options[{index}]"), cause);
    }
    if crate::mounts::is_bind(mount) {
        return match &mount.source {
            Some(source) if !source.as_os_str().is_empty() => {
                text(&format!("{field}.source"), &source.to_string_lossy())
            }
            _ => problem(format!("{field}.source"), "is missing"),
        };
    }
    match mount.kind.as_deref() {
        Some(kind) if crate::mounts::KINDS.contains(&kind) => Ok(()),
        Some(kind) => problem(format!("{field}.type"), format!("{kind:?} is not supported")),
        None => problem(format!("{field}.type"), "is missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ConsoleSize, Memory, Namespace, Resources, default_spec};

    #[test]
    fn the_default_is_valid() {
        assert_eq!(validate(&default_spec()), Ok(()));
    }

    #[test]
    fn each_problem_names_its_field() {
        type Change = fn(&mut Spec);
        let changes: [(&str, Change); 20] = [
            ("ociVersion", |spec| spec.oci_version = "2.0.0".into()),
            ("ociVersion", |spec| spec.oci_version = String::new()),
            ("root", |spec| spec.root = None),
            ("root.path", |spec| spec.root.as_mut().unwrap().path = "".into()),
            ("process", |spec| spec.process = None),
            ("process.args", |spec| spec.process.as_mut().unwrap().args.clear()),
            ("process.args[0]", |spec| spec.process.as_mut().unwrap().args[0].clear()),
            ("process.env[0]", |spec| spec.process.as_mut().unwrap().env[0] = "PATH".into()),
            ("process.cwd", |spec| spec.process.as_mut().unwrap().cwd = "relative".into()),
            ("process.user.umask", |spec| spec.process.as_mut().unwrap().user.umask = Some(0o7777)),
            ("process.rlimits[0].type", |spec| spec.process.as_mut().unwrap().rlimits[0].kind = "NOFILE".into()),
            ("process.rlimits[0]", |spec| spec.process.as_mut().unwrap().rlimits[0].hard = 1),
            ("process.oomScoreAdj", |spec| spec.process.as_mut().unwrap().oom_score_adj = Some(1001)),
            ("process.capabilities.effective", |spec| {
                spec.process.as_mut().unwrap().capabilities.as_mut().unwrap().effective.push("CAP_FLY".into());
            }),
            ("hostname", |spec| spec.hostname = "x".repeat(65)),
            ("mounts[0].destination", |spec| spec.mounts[0].destination = "proc".into()),
            ("mounts[0].type", |spec| spec.mounts[0].kind = Some("ext4".into())),
            ("mounts[0].source", |spec| {
                spec.mounts[0] = Mount { destination: "/x".into(), kind: Some("bind".into()), ..Mount::default() };
            }),
            ("linux.namespaces[0].type", |spec| {
                spec.linux.as_mut().unwrap().namespaces[0] = Namespace { kind: "space".into(), path: None };
            }),
            ("linux.resources.memory.limit", |spec| {
                let memory = Some(Memory { limit: Some(4096), ..Memory::default() });
                spec.linux.as_mut().unwrap().resources = Some(Resources { memory, ..Resources::default() });
            }),
        ];
        for (field, change) in changes {
            let mut spec = default_spec();
            spec.process.as_mut().unwrap().console_size = Some(ConsoleSize { height: 24, width: 80 });
            change(&mut spec);
            assert_eq!(validate(&spec).map_err(|(field, _)| field), Err(field.to_owned()));
        }
    }
}
