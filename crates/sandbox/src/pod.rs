//! What annotations say about the place of a container; they are those of containerd and of CRI-O, whose
//! names podman uses too.

use std::collections::BTreeMap;

/// Kind of container, and the sandbox of one that joins another.
const NAMES: [(&str, &str); 2] = [
    ("io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"),
    ("io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"),
];

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
    /// The place that annotations give a container.
    pub fn of(annotations: &BTreeMap<String, String>) -> Role {
        for (kind, sandbox) in NAMES {
            match (annotations.get(kind).map(String::as_str), annotations.get(sandbox)) {
                (Some("sandbox"), _) => return Role::Sandbox,
                (Some("container"), Some(sandbox)) => return Role::Member { sandbox: sandbox.clone() },
                _ => {}
            }
        }
        Role::Alone
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn annotations_of_all_clients() {
        let role = |pairs: &[(&str, &str)]| {
            Role::of(&pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
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
}
