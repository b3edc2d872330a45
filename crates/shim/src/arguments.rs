//! What containerd passes on the command line: flags as Go's tools write them, and an action.

use std::path::PathBuf;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Serve a container; what `start` leaves behind.
    #[default]
    Serve,
    /// Start a server for a container, or find one, and print its address.
    Start,
    /// Remove what is left of a container whose server is gone.
    Delete,
    /// Print what this runtime is.
    Info,
    /// Print the version.
    Version,
}

/// The command line; see containerd's `core/runtime/v2/README.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// What is to be done.
    pub action: Action,
    /// containerd's namespace, a part of paths.
    pub namespace: String,
    /// The container.
    pub id: String,
    /// The container's directory; it is the current one, too.
    pub bundle: PathBuf,
    /// containerd's socket.
    pub address: String,
}

impl Arguments {
    /// Reads the command line without the program's name.
    ///
    /// # Errors
    /// Names the argument that is wrong or missing.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Arguments, String> {
        let mut parsed = Arguments::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.strip_prefix('-') else {
                parsed.action = match argument.as_str() {
                    "start" => Action::Start,
                    "delete" => Action::Delete,
                    other => return Err(format!("unknown action {other:?}")),
                };
                continue;
            };
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            let (name, value) =
                flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value.to_owned())));
            match name {
                "debug" => continue,
                "info" => parsed.action = Action::Info,
                "v" | "version" => parsed.action = Action::Version,
                "namespace" | "id" | "bundle" | "address" | "publish-binary" => {
                    let value = value.or_else(|| arguments.next()).ok_or_else(|| format!("-{name}: has no value"))?;
                    match name {
                        "namespace" => parsed.namespace = value,
                        "id" => parsed.id = value,
                        "bundle" => parsed.bundle = value.into(),
                        "address" => parsed.address = value,
                        _ => {}
                    }
                }
                _ => return Err(format!("unknown flag -{name}")),
            }
        }
        if !matches!(parsed.action, Action::Info | Action::Version) {
            for (name, value) in [("namespace", &parsed.namespace), ("id", &parsed.id)] {
                lazaret_sandbox::check_id(value).map_err(|_| format!("-{name}: {value:?} is not a name"))?;
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_are_written_in_any_of_gos_ways() {
        let expected = Arguments {
            action: Action::Delete,
            namespace: "k8s.io".into(),
            id: "c".into(),
            bundle: "/b".into(),
            address: "/run/c.sock".into(),
        };
        for line in [
            "-namespace k8s.io -address /run/c.sock -publish-binary /bin/containerd -id c -bundle /b -debug delete",
            "--namespace=k8s.io --address=/run/c.sock --id=c --bundle=/b delete",
        ] {
            assert_eq!(parse(line).as_ref(), Ok(&expected), "{line}");
        }
        assert_eq!(parse("-v").unwrap().action, Action::Version);
        assert_eq!(parse("-namespace n -id c").unwrap().action, Action::Serve);
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (line, expected) in [
            ("-namespace n -id c stop", "unknown action \"stop\""),
            ("-namespace n -id", "-id: has no value"),
            ("-namespace n -id ../c start", "-id: \"../c\" is not a name"),
            ("-id c start", "-namespace: \"\" is not a name"),
            ("-tty -id c", "unknown flag -tty"),
        ] {
            assert_eq!(parse(line), Err(expected.to_owned()), "{line}");
        }
    }
}
