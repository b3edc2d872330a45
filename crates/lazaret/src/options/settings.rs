//! Global flags that were not typed: from a configuration file, and from annotations of a specification.
//!
//! What is typed wins over the file. Whoever runs containers writes the file, so it may hold any flag. Annotations may
//! come from whoever owns the container, who gets more to see or a stricter sandbox by them, never a weaker one.

use std::{collections::BTreeMap, ffi::OsString, io::ErrorKind, path::Path};

use clap::{CommandFactory, Parser};
use lazaret_sandbox::{Config, FileSharing, HostSockets, Network};
use toml::Value;

use super::Options;
use crate::report::CommandError;

/// The file that is read unless another one is named.
const DEFAULT: &str = "/etc/lazaret/config.toml";

/// What annotations of flags begin with.
const ANNOTATION: &str = "dev.lazaret.flag.";

/// The options of a command line. Help, and what is wrong with the command line, ends the process here.
pub fn parse(arguments: &[OsString]) -> Options {
    Options::try_parse_from(arguments).unwrap_or_else(|error| {
        // Nobody is left to be told that nobody can be told.
        let _ = error.print();
        // runc, too, has one status for all errors of its own.
        std::process::exit(if error.use_stderr() { 1 } else { 0 })
    })
}

/// Adds what the configuration file sets to the options of a command line.
///
/// # Errors
/// Names the file, and what is wrong with it.
pub fn add_file(options: &mut Options, typed: &[OsString]) -> Result<(), CommandError> {
    let path = options.config.clone().unwrap_or_else(|| DEFAULT.into());
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && options.config.is_none() => return Ok(()),
        result => result.map_err(|error| wrong(&path, &error))?,
    };
    let flags = flags(&text).map_err(|error| wrong(&path, &error))?;
    let program = || typed.first().cloned();
    // Alone first, so that what is wrong is known to be the file's; any command will do.
    let alone = program().into_iter().chain(flags.iter().cloned()).chain(["features".into()]);
    Options::try_parse_from(alone).map_err(|error| {
        let text = error.to_string();
        wrong(&path, &text.lines().next().unwrap_or_default().trim_start_matches("error: "))
    })?;
    let all: Vec<OsString> = program().into_iter().chain(flags).chain(typed.iter().skip(1).cloned()).collect();
    *options = parse(&all);
    Ok(())
}

fn wrong(path: &Path, problem: &dyn std::fmt::Display) -> CommandError {
    CommandError::new(format!("{}: {problem}", path.display()))
}

/// The flags that a configuration file sets, as they would be typed.
fn flags(text: &str) -> Result<Vec<OsString>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let command = Options::command();
    let is_known = |name: &str| name != "config" && command.get_arguments().any(|flag| flag.get_long() == Some(name));
    let mut flags = Vec::new();
    for (name, value) in table {
        if !is_known(&name) {
            return Err(format!("{name}: is not a flag of lazaret"));
        }
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let text = match value {
                Value::String(text) => text,
                Value::Boolean(switch) => switch.to_string(),
                Value::Integer(number) => number.to_string(),
                other => return Err(format!("{name}: a flag cannot be a {}", other.type_str())),
            };
            flags.push(format!("--{name}={text}").into());
        }
    }
    Ok(flags)
}

/// Applies the annotations of a specification that set flags.
///
/// # Errors
/// Names the annotation that is unknown, or would make the sandbox weaker.
pub fn annotate(config: &mut Config, annotations: &BTreeMap<String, String>) -> Result<(), CommandError> {
    let mut calls = Vec::new();
    for (annotation, value) in annotations {
        let Some(name) = annotation.strip_prefix(ANNOTATION) else { continue };
        match (name, value.as_str()) {
            ("debug", "true") => config.logging.debug = true,
            ("strace", "true") => drop(config.logging.strace.get_or_insert_default()),
            ("strace-syscalls", names) => calls.extend(names.split(',').map(str::to_owned)),
            ("overlay2", "memory") => config.overlay = true,
            ("network", "none") => config.network = Network::None,
            ("directfs", "false") => config.access.directfs = false,
            ("file-access", "shared") => config.access.root = Some(FileSharing::Shared),
            ("file-access-mounts", "shared") => config.access.mounts = FileSharing::Shared,
            ("host-uds", "none") => config.access.sockets = HostSockets::default(),
            // As it is without.
            ("debug" | "strace", "false") => {}
            _ => {
                return Err(CommandError::new(format!(
                    "annotation {annotation}: {value:?} cannot be set by annotations"
                )));
            }
        }
    }
    if let Some(traced) = &mut config.logging.strace
        && traced.is_empty()
    {
        *traced = calls;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_become_flags() {
        let text = "debug = true\noverlay2 = \"none\"\nstrace-syscalls = [\"open\", \"read\"]\n";
        let expected = ["--debug=true", "--overlay2=none", "--strace-syscalls=open", "--strace-syscalls=read"];
        assert_eq!(flags(text).unwrap(), expected);
        for (text, expected) in [
            ("debug", "TOML parse error"),
            ("colour = true", "colour: is not a flag of lazaret"),
            ("config = \"a\"", "config: is not a flag"),
            ("debug = 1.5", "debug: a flag cannot be a float"),
            ("[debug]", "debug: a flag cannot be a table"),
        ] {
            let error = flags(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn annotations_make_no_sandbox_weaker() {
        let apply = |name: &str, value: &str| {
            let mut config = Config { network: Network::Host, overlay: false, ..Config::of_root("/".into()) };
            let annotations = [(format!("{ANNOTATION}{name}"), value.to_owned()), ("other".into(), "x".into())];
            annotate(&mut config, &annotations.into()).map(|()| config)
        };
        assert!(apply("debug", "true").unwrap().logging.debug);
        assert_eq!(apply("strace", "true").unwrap().logging.strace, Some(Vec::new()));
        assert!(apply("overlay2", "memory").unwrap().overlay);
        assert_eq!(apply("network", "none").unwrap().network, Network::None);
        assert!(!apply("directfs", "false").unwrap().access.directfs);
        assert_eq!(apply("file-access", "shared").unwrap().access.root, Some(FileSharing::Shared));
        for (name, value) in [
            ("network", "host"),
            ("overlay2", "none"),
            ("debug-log", "/etc"),
            ("root", "/"),
            ("debug", "maybe"),
            ("directfs", "true"),
            ("host-uds", "open"),
            ("file-access-mounts", "exclusive"),
        ] {
            let error = apply(name, value).unwrap_err().message;
            assert!(error.contains(&format!("dev.lazaret.flag.{name}: ")), "{error}");
        }
    }
}
