//! Rules for devices, and what comes of a list of them.
//!
//! They are what would be written to the files of the devices controller of version 1, one after another. Like runc,
//! this refuses a rule that the controller would take and not keep.

use lazaret_kernel::task::devices::{DeviceAccess, DeviceEntry, DeviceRules};

use super::resources::DeviceRule;

/// What runc allows each container after its own rules: to make nodes, and the devices of its `/dev`.
const ALWAYS: [(bool, Option<u32>, Option<u32>, DeviceAccess); 10] = [
    (false, None, None, DeviceAccess::MAKE),
    (true, None, None, DeviceAccess::MAKE),
    (false, Some(1), Some(3), DeviceAccess::all()),
    (false, Some(1), Some(8), DeviceAccess::all()),
    (false, Some(1), Some(7), DeviceAccess::all()),
    (false, Some(5), Some(0), DeviceAccess::all()),
    (false, Some(1), Some(5), DeviceAccess::all()),
    (false, Some(1), Some(9), DeviceAccess::all()),
    (false, Some(136), None, DeviceAccess::all()),
    (false, Some(5), Some(2), DeviceAccess::all()),
];

/// What a list of rules comes to.
///
/// # Errors
/// The number of the rule that is wrong, and why; of one of runc's own, that of the last one.
pub fn combine(rules: &[DeviceRule]) -> Result<DeviceRules, (usize, String)> {
    let mut all = DeviceRules { allows: false, entries: Vec::new() };
    for (index, rule) in rules.iter().enumerate() {
        let wrong = |problem: &str| (index, problem.to_owned());
        let letters = rule.access.as_deref().unwrap_or_default();
        if letters.is_empty() {
            return Err(wrong("has no access"));
        }
        let is_block = match rule.kind.as_deref() {
            None | Some("" | "a") => {
                all = DeviceRules { allows: rule.allow, entries: Vec::new() };
                continue;
            }
            Some(kind) => kind == "b",
        };
        let number = |number: Option<i64>| match number {
            None | Some(-1) => Ok(None),
            Some(number) => u32::try_from(number).map(Some).map_err(|_| wrong("has a number that no device has")),
        };
        let (major, minor) = (number(rule.major)?, number(rule.minor)?);
        let mut access = DeviceAccess::empty();
        access.set(DeviceAccess::READ, letters.contains('r'));
        access.set(DeviceAccess::WRITE, letters.contains('w'));
        access.set(DeviceAccess::MAKE, letters.contains('m'));
        let entry = DeviceEntry { is_block, major, minor, access: access.bits() };
        apply(&mut all, entry, rule.allow).map_err(|problem| wrong(&problem))?;
    }
    for (is_block, major, minor, access) in ALWAYS {
        let entry = DeviceEntry { is_block, major, minor, access: access.bits() };
        apply(&mut all, entry, true).map_err(|problem| (rules.len().saturating_sub(1), problem))?;
    }
    Ok(all)
}

fn same(one: &DeviceEntry, other: &DeviceEntry) -> bool {
    (one.is_block, one.major, one.minor) == (other.is_block, other.major, other.minor)
}

/// Adds an exception, or takes one away.
fn apply(all: &mut DeviceRules, new: DeviceEntry, allow: bool) -> Result<(), String> {
    if all.allows != allow {
        match all.entries.iter_mut().find(|entry| same(entry, &new)) {
            Some(entry) => entry.access |= new.access,
            None => all.entries.push(new),
        }
        return Ok(());
    }
    let wider = |entry: &DeviceEntry| {
        let covers = |own: Option<u32>, other: Option<u32>| own.is_none() || own == other;
        entry.is_block == new.is_block
            && covers(entry.major, new.major)
            && covers(entry.minor, new.minor)
            && !same(entry, &new)
    };
    if all.entries.iter().any(|entry| wider(entry) && entry.access & new.access != 0) {
        return Err("is an exception from a rule for several devices, which the devices controller cannot keep".into());
    }
    if let Some(entry) = all.entries.iter_mut().find(|entry| same(entry, &new)) {
        entry.access &= !new.access;
    }
    all.entries.retain(|entry| entry.access != 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(allow: bool, kind: &str, major: Option<i64>, minor: Option<i64>, access: &str) -> DeviceRule {
        DeviceRule { allow, kind: Some(kind.into()), major, minor, access: Some(access.into()) }
    }

    #[test]
    fn later_rules_change_earlier_ones() {
        let none = combine(&[]).unwrap();
        assert!(!none.allows && none.entries.len() == ALWAYS.len());
        let rules = [rule(true, "c", Some(10), Some(200), "rwm"), rule(false, "c", Some(10), Some(200), "w")];
        let combined = combine(&rules).unwrap();
        let expected = DeviceEntry { is_block: false, major: Some(10), minor: Some(200), access: 5 };
        assert_eq!(combined.entries[0], expected);
        let reset = combine(&[rules[0].clone(), rule(false, "a", None, None, "rwm")]).unwrap();
        assert_eq!(reset, none);
        let all = combine(&[rule(true, "a", None, None, "rwm"), rule(false, "b", Some(8), None, "rw")]).unwrap();
        assert!(all.allows && all.entries.len() == 1);
    }

    #[test]
    fn rules_that_cannot_be_kept_are_refused() {
        let hole = [rule(true, "c", Some(10), None, "rw"), rule(false, "c", Some(10), Some(200), "w")];
        let (index, problem) = combine(&hole).unwrap_err();
        assert!(index == 1 && problem.starts_with("is an exception"), "{problem}");
        assert!(combine(&[rule(true, "c", Some(10), None, "")]).unwrap_err().1.contains("no access"));
        assert!(combine(&[rule(true, "c", Some(-2), None, "r")]).unwrap_err().1.contains("no device has"));
    }
}
