//! Finding the cases, and the settings in their first lines.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

/// How a C case is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// With shared libraries: the loader runs too.
    Dynamic,
    /// One static file.
    Static,
}

/// The settings of a case: comment lines `key: value` before its first line of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `timeout: SECONDS` for one run.
    pub timeout: Duration,
    /// `link: static|dynamic`, for C.
    pub link: Link,
    /// `cflags: ...`, for C.
    pub cflags: Vec<String>,
    /// `with: PROGRAM ARGS...` runs the script instead of the usual one for its ending.
    pub interpreter: Vec<String>,
    /// `needs: TOOL...`: the case is ignored where one is missing.
    pub needs: Vec<String>,
    /// `also: FLAGS` runs the case a second time, in a sandbox made with these flags.
    pub also: Vec<String>,
    /// `stderr: ignore` where its wording is not stable.
    pub compare_stderr: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            link: Link::Dynamic,
            cflags: Vec::new(),
            interpreter: Vec::new(),
            needs: Vec::new(),
            also: Vec::new(),
            compare_stderr: true,
        }
    }
}

impl Settings {
    /// Reads the settings at the head of `source`.
    ///
    /// # Errors
    /// The first setting with a key or value that does not exist.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut settings = Self::default();
        let words = |value: &str| value.split_whitespace().map(str::to_owned).collect();
        for line in source.lines() {
            let Some(comment) = line.strip_prefix("//").or_else(|| line.strip_prefix('#')) else { break };
            let Some((key, value)) = comment.trim().split_once(": ") else { continue };
            let bad = || format!("{key}: {value}");
            match key {
                "timeout" => settings.timeout = Duration::from_secs(value.parse().map_err(|_| bad())?),
                "link" if value == "static" => settings.link = Link::Static,
                "link" if value == "dynamic" => settings.link = Link::Dynamic,
                "cflags" => settings.cflags = words(value),
                "with" => settings.interpreter = words(value),
                "needs" => settings.needs = words(value),
                "also" => settings.also = words(value),
                "stderr" if value == "ignore" => settings.compare_stderr = false,
                "link" | "stderr" => return Err(bad()),
                _ => {}
            }
        }
        Ok(settings)
    }
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// `family/name`.
    pub name: String,
    /// Its source file.
    pub path: PathBuf,
    /// What the sandbox is made with beside the usual.
    pub flags: Vec<String>,
    /// What its first lines ask for.
    pub settings: Settings,
}

impl Case {
    /// The programs that must exist on this machine: the interpreter or the compiler, and `needs`.
    pub fn tools(&self) -> impl Iterator<Item = &str> {
        let first = match self.interpreter().first() {
            Some(&program) => program,
            None => "gcc",
        };
        std::iter::once(first).chain(self.settings.needs.iter().map(String::as_str))
    }

    /// The program and arguments before the script's path; empty for C.
    pub fn interpreter(&self) -> Vec<&str> {
        if !self.settings.interpreter.is_empty() {
            return self.settings.interpreter.iter().map(String::as_str).collect();
        }
        match self.extension() {
            "sh" => vec!["bash"],
            // Without the folder of the script in its path, nor compiled files in it.
            "py" => vec!["python3", "-B", "-P"],
            "js" => vec!["node"],
            "java" => vec!["java"],
            _ => vec![],
        }
    }

    fn extension(&self) -> &str {
        self.path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
    }
}

/// All cases below `root` (`root/<family>/<name>.<ending>`), in the order of their names.
///
/// # Errors
/// A folder or file cannot be read, a setting is not known, or two cases have one name.
pub fn find(root: &Path) -> io::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for family in entries(root)? {
        let family_name = file_stem(&family);
        if !family.is_dir() || family_name == "lib" {
            continue;
        }
        for path in entries(&family)?.into_iter().filter(|path| path.is_file()) {
            let name = format!("{family_name}/{}", file_stem(&path));
            let settings = Settings::parse(&fs::read_to_string(&path)?)
                .map_err(|line| io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {line}")))?;
            if !settings.also.is_empty() {
                let name = format!("{name} {}", settings.also.join(" "));
                cases.push(Case { name, path: path.clone(), flags: settings.also.clone(), settings: settings.clone() });
            }
            cases.push(Case { name, path, flags: Vec::new(), settings });
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = cases.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("two cases named {}", pair[0].name)));
    }
    Ok(cases)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Link, Settings};
    use std::time::Duration;

    #[test]
    fn settings_end_with_the_comments() {
        let settings = Settings::parse("// Why: text.\n// timeout: 7\n// link: static\n\n// link: dynamic\n").unwrap();
        assert_eq!(settings.timeout, Duration::from_secs(7));
        assert_eq!(settings.link, Link::Static);
        assert_eq!(Settings::parse("#!/bin/sh\n# with: busybox sh\n").unwrap().interpreter, ["busybox", "sh"]);
        assert_eq!(Settings::parse("# link: other\n").unwrap_err(), "link: other");
    }
}
