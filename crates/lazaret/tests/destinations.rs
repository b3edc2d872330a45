//! Where mounts end up whose destinations lead through links: where runc puts them, and never outside the root.
//!
//! Needs root and busybox.

mod common;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use common::{
    Place, change, run,
    runtime::{Runtime, both},
};
use serde_json::{Value, json};

/// Mounts in their order: destination, what is mounted, and where it ends up.
const MOUNTS: [(&str, &str, &str); 10] = [
    ("/plain", "source", "/plain"),
    ("/link/a", "source", "/real/a"),
    ("/up/b", "source", "/real/b"),
    ("/chain/c", "source", "/real/c"),
    ("/dangling/d", "source", "/not/there/d"),
    ("/real/../../../e", "source", "/e"),
    ("/../../../../../f", "source", "/f"),
    ("/host/g", "source", "/tmp/lazaret-outside/g"),
    // Over the first one, which has a link of its own.
    ("/plain/inner/h", "source", "/real/h"),
    ("/link/file", "linked-file", "/real/file"),
];

/// A root and sources with links, of the host and of the container.
fn prepare(runtime: &Runtime) {
    let place = &runtime.place.0;
    let root = runtime.place.bundle().join("rootfs");
    fs::create_dir_all(root.join("real")).unwrap();
    for (link, target) in [
        ("link", "/real"),
        ("up", "../../../../../../real"),
        ("chain", "link"),
        ("dangling", "/not/there"),
        ("host", "/tmp/lazaret-outside"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
    fs::create_dir(place.join("target")).unwrap();
    fs::write(place.join("file"), "file\n").unwrap();
    symlink("/real", place.join("target/inner")).unwrap();
    symlink("target", place.join("source")).unwrap();
    symlink("file", place.join("linked-file")).unwrap();
    change(&runtime.place, |spec| {
        let mounts = spec["mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| mount["destination"] == "/proc");
        for (destination, source, _) in MOUNTS {
            let source = place.join(source);
            mounts.push(json!({
                "destination": destination, "type": "bind", "source": source, "options": ["rbind", "ro"]
            }));
        }
    });
}

/// The mount points that are not those of every container.
fn mount_points(text: &str) -> Vec<&str> {
    let all = text.lines().filter_map(|line| line.split(' ').nth(4));
    let usual =
        |path: &&str| *path == "/" || path.starts_with("/proc") || path.starts_with("/dev") || path.starts_with("/sys");
    all.filter(|path| !usual(path)).collect()
}

#[test]
fn links_in_a_destination_end_where_runc_puts_them() {
    both(|runtime| {
        prepare(runtime);
        runtime.script("cat /proc/self/mountinfo; cat /real/file; ls -d /plain/inner /real/a/inner");
        let said = runtime.good(&["run", &runtime.id]);
        let mut expected: Vec<_> = MOUNTS.iter().map(|(.., place)| *place).collect();
        expected.sort_unstable();
        let (table, rest) = said.split_once("file\n").unwrap_or((&said, ""));
        let mut found = mount_points(table);
        found.sort_unstable();
        assert_eq!(found, expected, "{}: {said}", runtime.program);
        assert_eq!(rest, "/plain/inner\n/real/a/inner\n", "{}", runtime.program);
        assert!(!Path::new("/tmp/lazaret-outside").exists());
        assert!(!runtime.place.bundle().join("e").exists() && !Path::new("/f").exists());
    });
}

/// What the file of a container says.
fn resolved(place: &Place, id: &str) -> Vec<Value> {
    serde_json::from_slice(&fs::read(place.state().join(id).join("mounts.json")).unwrap()).unwrap()
}

#[test]
fn the_file_of_resolved_mounts_names_what_is_mounted() {
    both(|runtime| {
        if runtime.program.ends_with("runc") {
            return;
        }
        for flag in ["--directfs=true", "--directfs=false"] {
            if flag == "--directfs=true" {
                prepare(runtime);
            }
            runtime.script("sleep 1000");
            let id = runtime.id.as_str();
            runtime.detached(&[flag, "create", id]);
            let mounts = resolved(&runtime.place, id);
            let spec: Value = serde_json::from_slice(&fs::read(runtime.place.config()).unwrap()).unwrap();
            let wanted = spec["mounts"].as_array().unwrap();
            // Devices are ours to make.
            assert_eq!(mounts[0], json!({ "destination": "/dev", "type": "devtmpfs" }));
            assert_eq!(mounts[1], wanted[0]);
            assert_eq!(mounts.len(), wanted.len() + 1);
            let at = |name: &str| fs::canonicalize(runtime.place.0.join(name)).unwrap();
            for ((_, source, place), mount) in MOUNTS.iter().zip(&mounts[2..]) {
                let source: PathBuf = at(source);
                let expected =
                    json!({ "destination": place, "type": "bind", "source": source, "options": ["rbind", "ro"] });
                assert_eq!(*mount, expected);
            }
            runtime.good(&["delete", "--force", id]);
        }
    });
}

#[test]
fn a_loop_of_links_is_an_error() {
    both(|runtime| {
        symlink("loop", runtime.place.bundle().join("rootfs/loop")).unwrap();
        change(&runtime.place, |spec| {
            let mount = json!({ "destination": "/loop/x", "type": "bind", "source": "/bin", "options": ["rbind"] });
            spec["mounts"].as_array_mut().unwrap().push(mount);
        });
        runtime.script("true");
        let mut command: Command = runtime.command(&["run", &runtime.id]);
        let output = run(&mut command);
        let told = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(!output.status.success() && told.contains("too many levels of symbolic links"), "{output:?}");
    });
}
