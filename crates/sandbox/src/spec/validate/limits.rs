//! Checks of limits.

use super::{Problem, problem, text};
use crate::spec::{BlockIo, DeviceRule, Resources, devices};

/// Below this a sandbox cannot start: its own processes need as much.
const MIN_MEMORY: i64 = 8 << 20;

/// Weights of block devices.
const WEIGHTS: std::ops::RangeInclusive<u16> = 10..=1000;

fn field(name: impl std::fmt::Display) -> String {
    format!("linux.resources.{name}")
}

/// Finds the first problem of limits.
pub fn check_resources(resources: &Resources) -> Result<(), Problem> {
    for (name, value) in resources.unified.iter().flatten() {
        let field = field(format_args!("unified.{name}"));
        let is_file =
            name.contains('.') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !is_file || name.starts_with("cgroup.") || name.starts_with('.') {
            return problem(field, "is not a limit");
        }
        text(&field, value)?;
    }
    for (index, rule) in resources.devices.iter().flatten().enumerate() {
        check_device(&field(format_args!("devices[{index}]")), rule)?;
    }
    if let Some(Err((index, text))) = resources.devices.as_deref().map(devices::combine) {
        return problem(field(format_args!("devices[{index}]")), text);
    }
    if let Some(cpu) = &resources.cpu {
        for (name, list) in [("cpus", &cpu.cpus), ("mems", &cpu.mems)] {
            let is_list = |list: &String| list.bytes().all(|byte| byte.is_ascii_digit() || b",-\n".contains(&byte));
            if !list.as_ref().is_none_or(is_list) {
                return problem(field(format_args!("cpu.{name}")), "is not a list of numbers");
            }
        }
        if cpu.idle.is_some_and(|idle| !(0..=1).contains(&idle)) {
            return problem(field("cpu.idle"), "is neither 0 nor 1");
        }
    }
    resources.block_io.as_ref().map_or(Ok(()), check_weights)?;
    for (index, huge) in resources.hugepage_limits.iter().flatten().enumerate() {
        let digits = huge.page_size.trim_end_matches(|letter: char| letter.is_ascii_uppercase());
        let is_size = !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && ["KB", "MB", "GB"].contains(&&huge.page_size[digits.len()..]);
        if !is_size {
            let field = field(format_args!("hugepageLimits[{index}].pageSize"));
            return problem(field, format!("{:?} is not a size such as 2MB", huge.page_size));
        }
    }
    let interfaces = resources.network.iter().flat_map(|network| network.priorities.iter().flatten());
    for (index, interface) in interfaces.enumerate() {
        word(&field(format_args!("network.priorities[{index}].name")), &interface.name)?;
    }
    for device in resources.rdma.iter().flatten().map(|(device, _)| device) {
        word(&field(format_args!("rdma.{}", device.escape_default())), device)?;
    }
    check_memory(resources)
}

fn check_memory(resources: &Resources) -> Result<(), Problem> {
    let Some(memory) = &resources.memory else { return Ok(()) };
    if let Some(swappiness) = memory.swappiness
        && swappiness > 100
    {
        return problem(field("memory.swappiness"), format!("{swappiness} is not within 0..100"));
    }
    for (name, limit) in [
        ("limit", memory.limit),
        ("reservation", memory.reservation),
        ("swap", memory.swap),
        ("kernel", memory.kernel),
        ("kernelTCP", memory.kernel_tcp),
    ] {
        if let Some(limit) = limit
            && limit < -1
        {
            return problem(field(format_args!("memory.{name}")), format!("{limit} is negative"));
        }
    }
    match memory.limit {
        Some(limit) if limit > 0 && limit < MIN_MEMORY => {
            problem(field("memory.limit"), format!("{limit} is too small: a sandbox needs {MIN_MEMORY} bytes"))
        }
        _ => Ok(()),
    }
}

fn check_device(field: &str, rule: &DeviceRule) -> Result<(), Problem> {
    match rule.kind.as_deref() {
        None | Some("" | "a" | "b" | "c") => {}
        Some(kind) => return problem(format!("{field}.type"), format!("{kind:?} is unknown")),
    }
    if rule.access.iter().flat_map(|access| access.bytes()).any(|letter| !b"rwm".contains(&letter)) {
        return problem(format!("{field}.access"), "has other letters than r, w and m");
    }
    Ok(())
}

fn check_weights(block_io: &BlockIo) -> Result<(), Problem> {
    let check = |name: &str, weight: Option<u16>| match weight {
        Some(weight) if weight != 0 && !WEIGHTS.contains(&weight) => {
            let range = format!("{}..{}", WEIGHTS.start(), WEIGHTS.end());
            problem(field(format_args!("blockIO.{name}")), format!("{weight} is not within {range}"))
        }
        _ => Ok(()),
    };
    check("weight", block_io.weight)?;
    check("leafWeight", block_io.leaf_weight)?;
    for (index, device) in block_io.weight_device.iter().flatten().enumerate() {
        check(&format!("weightDevice[{index}].weight"), device.weight)?;
        check(&format!("weightDevice[{index}].leafWeight"), device.leaf_weight)?;
    }
    Ok(())
}

/// A name that a line of a cgroup file begins with.
fn word(field: &str, name: &str) -> Result<(), Problem> {
    text(field, name)?;
    if name.is_empty() || name.contains(char::is_whitespace) {
        return problem(field, "is not a name");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_names_its_field() {
        for (text, name) in [
            (r#"{ "devices": [{ "allow": true, "type": "x" }] }"#, "devices[0].type"),
            (r#"{ "devices": [{}, { "type": "c", "access": "rx" }] }"#, "devices[1].access"),
            (r#"{ "memory": { "swappiness": 101 } }"#, "memory.swappiness"),
            (r#"{ "memory": { "reservation": -2 } }"#, "memory.reservation"),
            (r#"{ "memory": { "limit": 4096 } }"#, "memory.limit"),
            (r#"{ "cpu": { "idle": 2 } }"#, "cpu.idle"),
            (r#"{ "cpu": { "cpus": "../0" } }"#, "cpu.cpus"),
            (r#"{ "blockIO": { "weight": 9 } }"#, "blockIO.weight"),
            (r#"{ "blockIO": { "weightDevice": [{ "leafWeight": 1001 }] } }"#, "blockIO.weightDevice[0].leafWeight"),
            (r#"{ "hugepageLimits": [{ "pageSize": "../2MB", "limit": 1 }] }"#, "hugepageLimits[0].pageSize"),
            (r#"{ "hugepageLimits": [{ "pageSize": "MB", "limit": 1 }] }"#, "hugepageLimits[0].pageSize"),
            (r#"{ "network": { "priorities": [{ "name": "a b", "priority": 1 }] } }"#, "network.priorities[0].name"),
            (r#"{ "rdma": { "a\nb": {} } }"#, "rdma.a\\nb"),
            (r#"{ "unified": { "cgroup.procs": "1" } }"#, "unified.cgroup.procs"),
            (r#"{ "unified": { "../x.y": "1" } }"#, "unified.../x.y"),
        ] {
            let resources: Resources = serde_json::from_str(text).unwrap();
            assert_eq!(check_resources(&resources).map_err(|(field, _)| field), Err(field(name)), "{text}");
        }
        let good = r#"{ "devices": [{ "allow": false, "access": "rwm" }, { "allow": true, "type": "c", "major": 1, "access": "r" }],
                        "hugepageLimits": [{ "pageSize": "1GB", "limit": 0 }], "blockIO": { "weight": 0 } }"#;
        assert_eq!(check_resources(&serde_json::from_str(good).unwrap()), Ok(()));
    }
}
