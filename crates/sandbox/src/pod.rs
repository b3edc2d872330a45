//! What annotations say about the place of a container; they are those of containerd and of CRI-O, whose
//! names podman uses too.

use crate::spec::Spec;

/// Kind of container, and the sandbox of one that joins another.
const NAMES: [(&str, &str); 2] = [
    ("io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"),
    ("io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"),
];

/// Who has made the specification.
const MANAGER: &str = "io.container.manager";

/// The place of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// In a sandbox of its own.
    Alone,
    /// The first of a sandbox that others will join.
    Sandbox,
    /// It joins a sandbox.
    Member {
        /// The sandbox's id.
        sandbox: String,
    },
}

impl Role {
    /// The place that a specification gives a container.
    pub fn of(spec: &Spec) -> Role {
        let annotations = &spec.annotations;
        for (kind, sandbox) in NAMES {
            match (annotations.get(kind).map(String::as_str), annotations.get(sandbox)) {
                (Some("sandbox"), _) => return Role::Sandbox,
                (Some("container"), Some(sandbox)) => return Role::Member { sandbox: sandbox.clone() },
                _ => {}
            }
        }
        let by_podman = annotations.get(MANAGER).is_some_and(|manager| manager == "libpod");
        let cgroup = spec.linux.as_ref().and_then(|linux| linux.cgroups_path.as_deref());
        if by_podman && cgroup.is_some_and(is_in_pod) { Role::Sandbox } else { Role::Alone }
    }
}

/// Whether a cgroup that podman has chosen is below that of a pod. All containers of a pod say by annotations which one
/// they join, but for the first, which says nothing: `PARENT/POD/libpod-ID`, or `machine-libpod_pod_POD.slice:libpod:ID`.
fn is_in_pod(cgroup: &str) -> bool {
    let is_id = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let by_systemd = || cgroup.split_once(".slice:")?.0.rsplit_once("libpod_pod_").map(|(_, pod)| pod);
    let by_files = || cgroup.rsplit('/').nth(1);
    by_systemd().or_else(by_files).is_some_and(is_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Linux;

    #[test]
    fn annotations_of_all_clients() {
        let role = |pairs: &[(&str, &str)]| {
            let annotations = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            Role::of(&Spec { annotations, ..Spec::default() })
        };
        let member = Role::Member { sandbox: "pod".into() };
        assert_eq!(role(&[]), Role::Alone);
        assert_eq!(role(&[("io.kubernetes.cri.container-type", "sandbox")]), Role::Sandbox);
        assert_eq!(role(&[("io.kubernetes.cri-o.ContainerType", "sandbox")]), Role::Sandbox);
        let of_containerd =
            [("io.kubernetes.cri.container-type", "container"), ("io.kubernetes.cri.sandbox-id", "pod")];
        assert_eq!(role(&of_containerd), member);
        let of_podman = [("io.kubernetes.cri-o.ContainerType", "container"), ("io.kubernetes.cri-o.SandboxID", "pod")];
        assert_eq!(role(&of_podman), member);
        assert_eq!(role(&of_podman[..1]), Role::Alone);
    }

    #[test]
    fn the_first_container_of_a_pod_of_podman() {
        let pod = "0a".repeat(32);
        let role = |manager: &str, cgroup: &str| {
            let annotations = [(MANAGER.into(), manager.into())].into();
            let linux = Some(Linux { cgroups_path: Some(cgroup.into()), ..Linux::default() });
            Role::of(&Spec { annotations, linux, ..Spec::default() })
        };
        for cgroup in [
            format!("/libpod_parent/{pod}/libpod-{pod}"),
            format!("machine-libpod_pod_{pod}.slice:libpod:{pod}"),
            format!("user.slice/user-libpod_pod_{pod}.slice:libpod:{pod}"),
        ] {
            assert_eq!(role("libpod", &cgroup), Role::Sandbox, "{cgroup}");
            assert_eq!(role("other", &cgroup), Role::Alone, "{cgroup}");
        }
        for cgroup in [format!("/libpod_parent/libpod-{pod}"), format!("machine.slice:libpod:{pod}"), pod] {
            assert_eq!(role("libpod", &cgroup), Role::Alone, "{cgroup}");
        }
    }
}
