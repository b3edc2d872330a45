//! `ps`: the processes of a container, in the columns that ps(1) has.
//!
//! runc runs the host's ps(1) and leaves out what is not the container's. Here the processes are in the sandbox, so that
//! its options are understood as far as they choose columns.

use std::time::SystemTime;

use lazaret_sandbox::{Config, Container, Process};
use serde_json::Value;

use super::{print, table::table};
use crate::{
    options::{ListFormat, Ps},
    report::{CommandError, timestamp},
};

/// A column: its names, its title, and what it shows.
type Column = (&'static [&'static str], &'static str, fn(&Process) -> String);

const COLUMNS: &[Column] = &[
    (&["user", "euser", "ruser", "uname"], "USER", |process| process.uid.to_string()),
    (&["uid", "euid", "ruid"], "UID", |process| process.uid.to_string()),
    (&["pid", "tgid"], "PID", |process| process.pid.to_string()),
    (&["ppid"], "PPID", |process| process.ppid.to_string()),
    (&["pgid", "pgrp"], "PGID", |process| process.pgid.to_string()),
    (&["sid", "sess", "session"], "SID", |process| process.sid.to_string()),
    (&["c"], "C", |process| (share(process) / 10).to_string()),
    (&["%cpu", "pcpu"], "%CPU", |process| tenths(share(process))),
    (&["%mem", "pmem"], "%MEM", |process| tenths(memory_share(process))),
    (&["vsz", "vsize"], "VSZ", |process| (process.size / 1024).to_string()),
    (&["rss", "rssize", "rsz"], "RSS", |process| (process.resident / 1024).to_string()),
    (&["nlwp", "thcount"], "NLWP", |process| process.threads.to_string()),
    (&["stat", "state", "s"], "STAT", |process| process.state.to_string()),
    (&["tty", "tt", "tname"], "TTY", |process| process.terminal.map_or("?".into(), |number| format!("pts/{number}"))),
    (&["stime", "start", "bsdstart", "start_time"], "STIME", started),
    (&["etime"], "ELAPSED", |process| elapsed(lived(process))),
    (&["etimes"], "ELAPSED", |process| lived(process).to_string()),
    (&["time", "cputime"], "TIME", |process| clock(process.cpu / 1_000_000_000)),
    (&["times", "cputimes"], "TIME", |process| (process.cpu / 1_000_000_000).to_string()),
    (&["comm", "ucmd", "ucomm"], "COMMAND", |process| process.name.clone()),
    (&["cmd", "args", "command"], "CMD", |process| process.command.clone()),
];

/// Columns of `ps -f`, `ps u`, `ps x`, and without any of these.
const FULL: &str = "uid,pid,ppid,c,stime,tty,time,cmd";
const BY_USER: &str = "user,pid,%cpu,%mem,vsz,rss,tty,stat,start=START,time,command=COMMAND";
const BSD: &str = "pid,tty,stat,time,command=COMMAND";
const SHORT: &str = "pid,tty,time,comm=CMD";

/// Prints the processes of a container.
pub fn ps(config: &Config, args: &Ps) -> Result<(), CommandError> {
    let container = Container::load(config, &args.id)?;
    if args.format == ListFormat::Json {
        // As runc prints them: Docker and containerd look these up among the host's processes.
        return print(format!("{}\n", Value::from(container.host_processes()?)).as_bytes());
    }
    show(&container, &Choice::of(&args.options)?)
}

/// Prints the processes of a container as a table.
pub fn print_processes(container: &Container) -> Result<(), CommandError> {
    show(container, &Choice::of(&[])?)
}

fn show(container: &Container, choice: &Choice) -> Result<(), CommandError> {
    let processes = container.processes()?;
    let mut rows = Vec::new();
    if choice.heading && choice.columns.iter().any(|(title, _)| !title.is_empty()) {
        rows.push(choice.columns.iter().map(|(title, _)| title.clone()).collect::<Vec<_>>());
    }
    rows.extend(processes.iter().map(|process| choice.columns.iter().map(|(_, show)| show(process)).collect()));
    print(table(&rows).as_bytes())
}

/// A title, and what is shown of a process below it.
type Shown = (String, fn(&Process) -> String);

/// What is shown: columns with their titles.
struct Choice {
    columns: Vec<Shown>,
    heading: bool,
}

impl Choice {
    /// The choice of options of ps(1); without any those of `-ef`.
    fn of(options: &[String]) -> Result<Choice, CommandError> {
        let (mut lists, mut preset, mut heading) = (Vec::new(), None, true);
        let mut words = options.iter();
        let refuse = |option: &str| {
            CommandError::new(format!(
                "ps option {option}: only -e, -A, -a, -x, -w, -f, -o LIST, a, x, u, w, o LIST, --format LIST and \
                 --no-headers are understood here"
            ))
        };
        while let Some(word) = words.next() {
            let mut list = |rest: &str| match rest {
                "" => words.next().cloned().ok_or_else(|| CommandError::new(format!("ps option {word}: needs a list"))),
                rest => Ok(rest.to_owned()),
            };
            match word.strip_prefix("--") {
                Some("no-headers" | "no-heading" | "noheaders" | "noheading") => heading = false,
                Some("format") => lists.push(list("")?),
                Some(long) => match long.strip_prefix("format=") {
                    Some(rest) => lists.push(rest.to_owned()),
                    None => return Err(refuse(word)),
                },
                None => {
                    let is_unix = word.starts_with('-');
                    let letters = word.strip_prefix('-').unwrap_or(word);
                    if letters.is_empty() {
                        return Err(refuse(word));
                    }
                    for (index, letter) in letters.char_indices() {
                        match letter {
                            'o' => {
                                lists.push(list(letters.get(index + 1..).unwrap_or_default())?);
                                break;
                            }
                            'f' if is_unix => preset = Some(FULL),
                            'u' if !is_unix => preset = Some(BY_USER),
                            // All are shown, however wide.
                            'e' | 'A' if is_unix => preset = preset.or(Some(SHORT)),
                            'a' | 'x' => preset = preset.or(Some(if is_unix { SHORT } else { BSD })),
                            'w' => {}
                            letter => return Err(refuse(&letter.to_string())),
                        }
                    }
                }
            }
        }
        if lists.is_empty() {
            lists.push(preset.unwrap_or(FULL).to_owned());
        }
        let columns = lists.iter().flat_map(|list| list.split([',', ' '])).map(column).collect::<Result<_, _>>()?;
        Ok(Choice { columns, heading })
    }
}

/// A column by a name of ps(1), with a title after `=` if wanted.
fn column(text: &str) -> Result<Shown, CommandError> {
    let (name, title) = text.split_once('=').map_or((text, None), |(name, title)| (name, Some(title)));
    let found = COLUMNS.iter().find(|(names, ..)| names.contains(&name));
    let (_, usual, show) =
        found.ok_or_else(|| CommandError::new(format!("ps option -o: there is no column {name:?}")))?;
    Ok((title.unwrap_or(usual).to_owned(), *show))
}

fn lived(process: &Process) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    now.saturating_sub(process.started)
}

/// Share of a processor since its start, in thousandths.
fn share(process: &Process) -> u64 {
    let milliseconds = process.cpu / 1_000_000;
    (milliseconds / lived(process).max(1)).min(999)
}

/// Share of the machine's memory, in thousandths.
fn memory_share(process: &Process) -> u64 {
    let all = rustix::system::sysinfo();
    let all = all.totalram.saturating_mul(all.mem_unit.into()).max(1);
    (u128::from(process.resident) * 1000 / u128::from(all)).try_into().unwrap_or(999).min(999)
}

fn tenths(thousandths: u64) -> String {
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

fn started(process: &Process) -> String {
    let started = timestamp(process.started);
    // A day's time is enough for what was started today.
    let started = if lived(process) < 86400 { started.get(11..16) } else { started.get(..10) };
    started.unwrap_or_default().to_owned()
}

fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `[[days-]hours:]minutes:seconds`
fn elapsed(seconds: u64) -> String {
    match (seconds / 86400, seconds / 3600) {
        (0, 0) => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        (0, _) => clock(seconds),
        (days, _) => format!("{days}-{}", clock(seconds % 86400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(options: &[&str]) -> Result<String, String> {
        let options: Vec<String> = options.iter().map(|&option| option.into()).collect();
        let choice = Choice::of(&options).map_err(|error| error.message)?;
        let titles: Vec<String> = choice.columns.into_iter().map(|(title, _)| title).collect();
        Ok(if choice.heading { titles.join(" ") } else { "no heading".into() })
    }

    #[test]
    fn options_of_ps_choose_columns() {
        let full = "UID PID PPID C STIME TTY TIME CMD";
        for (options, expected) in [
            (&[][..], full),
            (&["-ef"], full),
            (&["-e", "-f", "-ww"], full),
            (&["-A"], "PID TTY TIME CMD"),
            (&["ax"], "PID TTY STAT TIME COMMAND"),
            (&["aux"], "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
            (&["-o", "pid,comm"], "PID COMMAND"),
            (&["-eopid", "-o", "user=WHO"], "PID WHO"),
            (&["-eo", "pid,args", "--format=ppid"], "PID CMD PPID"),
            (&["-o", "pid=", "--no-headers"], "no heading"),
        ] {
            assert_eq!(titles(options).as_deref(), Ok(expected), "{options:?}");
        }
        for (options, expected) in [
            (&["-L"][..], "ps option L: only -e"),
            (&["--forest"], "ps option --forest: only"),
            (&["-o"], "ps option -o: needs a list"),
            (&["-o", "pid,moon"], "there is no column \"moon\""),
            (&["-"], "ps option -: only"),
            (&["-q"], "ps option q"),
        ] {
            let error = titles(options).unwrap_err();
            assert!(error.contains(expected), "{options:?}: {error}");
        }
    }

    #[test]
    fn times_are_written_as_ps_does() {
        let written = [59, 3599, 3600, 86399, 90061].map(elapsed);
        assert_eq!(written, ["00:59", "59:59", "01:00:00", "23:59:59", "1-01:01:01"]);
    }
}
