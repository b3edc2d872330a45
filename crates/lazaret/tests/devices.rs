//! `linux.resources.devices`: what may be done with nodes of devices, as under runc.

mod common;

use std::cell::RefCell;

use common::{change, runtime::both};
use serde_json::{Value, json};

/// Makes nodes and uses them; most are of numbers that no host has a device for.
const SCRIPT: &str = "for node in 'c 240 5' 'c 240 6' 'c 241 5' 'b 240 5' 'c 1 3' 'c 1 5'; do
    set -- $node
    file=/dev/$1-$2-$3
    busybox mknod $file $node && echo made $node
    (: < $file) && echo read
    (: > $file) && echo written
    (: <> $file) && echo both
    [ -r $file ] && echo readable
    [ -w $file ] && echo writable
done 2>&1; true";

/// What a container prints under these rules; none for those that are refused.
fn compare(rules: &Value) -> Option<String> {
    let seen: RefCell<Vec<Option<String>>> = RefCell::default();
    both(|runtime| {
        runtime.script(SCRIPT);
        change(&runtime.place, |spec| {
            spec["linux"]["resources"]["devices"] = rules.clone();
            for set in ["bounding", "effective", "permitted"] {
                spec["process"]["capabilities"][set].as_array_mut().unwrap().push(json!("CAP_MKNOD"));
            }
        });
        let output = runtime.output(&["run", &runtime.id]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() || text.is_empty(), "{}: {output:?}", runtime.program);
        seen.borrow_mut().push(output.status.success().then_some(text));
    });
    let mut seen = seen.into_inner();
    let ours = seen.pop()?;
    if let Some(expected) = seen.pop() {
        assert_eq!(ours, expected, "{rules}");
    }
    ours
}

#[test]
fn rules_for_devices_are_kept() {
    let rule = |allow: bool, kind: &str, major: Option<i64>, minor: Option<i64>, access: &str| {
        let mut rule = json!({ "allow": allow, "type": kind, "access": access });
        for (name, number) in [("major", major), ("minor", minor)] {
            if let Some(number) = number {
                rule[name] = number.into();
            }
        }
        rule
    };
    let none = rule(false, "a", None, None, "rwm");
    let all = rule(true, "a", None, None, "rwm");
    let Some(strict) = compare(&json!([none])) else { return };
    assert!(strict.contains("can't open /dev/c-240-5: Operation not permitted"), "{strict}");
    assert!(strict.ends_with("made c 1 5\nread\nwritten\nboth\nreadable\nwritable\n"), "{strict}");
    assert_eq!(compare(&json!([])).as_ref(), Some(&strict));
    // Then they fail because there are none.
    let open = compare(&json!([all])).unwrap();
    assert!(!open.contains("not permitted"), "{open}");
    for rules in [
        json!([none, rule(true, "c", Some(240), Some(5), "r")]),
        json!([none, rule(true, "c", Some(240), None, "rw")]),
        json!([none, rule(true, "c", None, Some(5), "w"), rule(true, "b", None, None, "rw")]),
        json!([none, rule(true, "c", Some(240), Some(5), "rw"), rule(false, "c", Some(240), Some(5), "w")]),
        json!([rule(true, "c", Some(240), Some(5), "rw"), none]),
        json!([all, rule(false, "c", Some(240), Some(5), "w"), rule(false, "b", None, None, "r")]),
        json!([all, rule(false, "c", Some(240), Some(-1), "rw")]),
    ] {
        let seen = compare(&rules).unwrap();
        assert!(seen != strict || rules[0] != none, "{rules}: {seen}");
    }
    // What the devices controller cannot keep is refused.
    for rules in [
        json!([none, rule(true, "c", Some(240), None, "rw"), rule(false, "c", Some(240), Some(5), "w")]),
        json!([all, rule(false, "c", Some(1), None, "rw")]),
        json!([rule(true, "c", Some(240), None, "")]),
    ] {
        assert_eq!(compare(&rules), None, "{rules}");
    }
}
