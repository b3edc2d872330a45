//! What each command does.

mod bundle;
mod debug;
mod exec;
mod inspect;
mod lifecycle;
mod list;
mod local;
mod proxy;
mod ps;
mod table;
mod update;
mod user;

pub use bundle::write_pid;

use std::io::Write;

use clap::CommandFactory;

use crate::{
    options::{Command, Options, SpecArgs},
    report::CommandError,
};

/// Does what was typed; returns the exit status.
pub fn run(options: &Options) -> Result<u8, CommandError> {
    let config = options.config();
    match &options.command {
        Command::Do(args) => return local::run(&config, args),
        Command::Run(args) => return bundle::run(&config, args),
        Command::Exec(args) => {
            // runc's status for it: 1 could be the process'.
            return exec::run(&config, args).map_err(|error| CommandError { status: 255, ..error });
        }
        Command::Create(args) => bundle::create(&config, args),
        Command::Start(args) => lifecycle::start(&config, &args.id),
        Command::Kill(args) => lifecycle::kill(&config, args),
        Command::Delete(args) => lifecycle::delete(&config, args),
        Command::Wait(args) => return lifecycle::wait(&config, args),
        Command::State(args) => list::state(&config, &args.id),
        Command::List(args) => list::list(&config, args),
        Command::Ps(args) => ps::ps(&config, args),
        Command::Pause(args) => lifecycle::pause(&config, &args.id),
        Command::Resume(args) => lifecycle::resume(&config, &args.id),
        Command::Events(args) => inspect::events(&config, args),
        Command::Update(args) => update::run(&config, args),
        Command::Debug(args) => debug::run(&config, args),
        Command::Features => inspect::features(),
        Command::Spec(args) => write_spec(args),
        Command::Completions(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Options::command(), "lazaret", &mut script);
            print(&script)
        }
        Command::Man(args) => clap_mangen::generate_to(Options::command(), &args.directory).map_err(|error| {
            CommandError::new(format!("write the manual pages to {}: {error}", args.directory.display()))
        }),
    }
    .map(|()| 0)
}

/// Writes to standard output.
fn print(bytes: &[u8]) -> Result<(), CommandError> {
    std::io::stdout().write_all(bytes).map_err(|error| CommandError::new(format!("write the output: {error}")))
}

/// Writes JSON to standard output. Its strings may come from an image, and JSON itself leaves some of
/// the characters in them that a terminal obeys.
fn print_json(text: &str) -> Result<(), CommandError> {
    let shown = |c: char| match c {
        '\n' => c.to_string(),
        _ if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        _ => c.to_string(),
    };
    let text: String = text.chars().map(shown).chain(["\n".into()]).collect();
    print(text.as_bytes())
}

fn write_spec(args: &SpecArgs) -> Result<(), CommandError> {
    let mut spec = lazaret_sandbox::spec::default_spec();
    if let (false, Some(process)) = (args.command.is_empty(), &mut spec.process) {
        process.args.clone_from(&args.command);
    }
    let path = args.bundle.join("config.json");
    let failed = |error: std::io::Error| CommandError::new(format!("write {}: {error}", path.display()));
    let text = serde_json::to_string_pretty(&spec).map_err(|error| failed(error.into()))?;
    // As runc does, never over one that is there.
    let mut file = std::fs::File::create_new(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed)
}
