//! `cargo xtask bench`: Lazaret beside runc, runsc and the host, in one run on one machine.
//!
//! The peers take turns, the table shows medians, and the ratio is to runc (to the host for single
//! calls). No result is stored: compare two versions by running both.

mod container;
mod crowd;
mod peer;
mod setup;
mod table;
mod work;

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;

use peer::Peer;
use setup::Setup;
use table::{Row, Samples};
use work::{Unit, Work};

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub struct Options {
    /// Only rows whose names contain this
    #[arg(long)]
    only: Option<String>,
    /// Fewer runs: a first look
    #[arg(long)]
    quick: bool,
    /// Only these systems (host, runc, runsc, lazaret); all that are installed otherwise
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// The lazaret binary, target/release/lazaret otherwise
    #[arg(long)]
    lazaret: Option<std::path::PathBuf>,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    fn rounds(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(4).max(2) } else { full }
    }
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    let setup = Setup::new(options.lazaret.clone())?;
    let peers = setup.peers(&options.peers);
    let names: Vec<_> = peers.iter().map(|peer| setup.describe(*peer)).collect();
    println!("{}\n", names.join("; "));
    let mut bench = Bench { setup, peers, problems: Vec::new() };
    bench.containers(options);
    bench.works(options);
    bench.calls(options);
    for problem in &bench.problems {
        println!("- {problem}");
    }
    Ok(())
}

struct Bench {
    setup: Setup,
    peers: Vec<Peer>,
    /// Why a cell of the tables says `failed`.
    problems: Vec<String>,
}

impl Bench {
    /// Start, memory, exec: what concerns a container as a whole.
    fn containers(&mut self, options: &Options) {
        let mut rows = Vec::new();
        for measure in container::MEASURES.iter().filter(|measure| options.wants(measure.name)) {
            let rounds = options.rounds(measure.rounds);
            let samples = self.take_turns(measure.name, rounds, |setup, peer| {
                if peer == Peer::Host { Ok(None) } else { (measure.run)(setup, peer).map(Some) }
            });
            rows.push(Row { name: measure.name.into(), unit: measure.unit, target: measure.target.into(), samples });
        }
        table::print("A container as a whole", Peer::Runc, &self.peers, &rows);
    }

    /// Programs, timed inside the container, without its start.
    fn works(&mut self, options: &Options) {
        let mut rows = Vec::new();
        for work in work::WORKS.iter().filter(|work| options.wants(work.name)) {
            let rounds = options.rounds(5);
            let samples = self.take_turns(work.name, rounds, |setup, peer| inner(setup, peer, work).map(Some));
            rows.push(Row { name: work.name.into(), unit: work.unit, target: work.target.into(), samples });
        }
        table::print("Programs, without the start of their container", Peer::Runc, &self.peers, &rows);
    }

    /// Single system calls, warm.
    fn calls(&mut self, options: &Options) {
        if !options.only.as_ref().is_none_or(|only| "calls".contains(only.as_str())) {
            return;
        }
        let mut by_call: BTreeMap<usize, (String, Samples)> = BTreeMap::new();
        for _ in 0..options.rounds(5) {
            for peer in self.peers.clone() {
                match self.setup.run(peer, &[setup::PROGRAM, "calls"]) {
                    Ok(output) => {
                        for (position, (name, value)) in numbers(&output).enumerate() {
                            let (_, samples) = by_call.entry(position).or_insert((name.to_owned(), Samples::default()));
                            samples.add(peer, value);
                        }
                    }
                    Err(error) => self.problems.push(format!("calls, {peer}: {error:#}")),
                }
            }
        }
        let rows: Vec<_> = by_call
            .into_values()
            .map(|(name, samples)| Row { name, unit: Unit::Nanoseconds, target: String::new(), samples })
            .collect();
        table::print("Single calls, warm", Peer::Host, &self.peers, &rows);
        table::print_geometric_mean(Peer::Host, &self.peers, &rows);
    }

    /// Runs `measure` for each peer in turn. A peer that failed once is left out of later rounds,
    /// except runsc, whose newer versions abort now and then.
    fn take_turns(
        &mut self,
        name: &str,
        rounds: usize,
        measure: impl Fn(&Setup, Peer) -> Result<Option<f64>>,
    ) -> Samples {
        let mut samples = Samples::default();
        for _ in 0..rounds {
            for peer in self.peers.clone() {
                if samples.failed(peer) && peer != Peer::Runsc {
                    continue;
                }
                match measure(&self.setup, peer) {
                    Ok(Some(value)) => samples.add(peer, value),
                    Ok(None) => {}
                    Err(error) => {
                        samples.fail(peer);
                        self.problems.push(format!("{name}, {peer}: {error:#}"));
                    }
                }
            }
        }
        samples
    }
}

/// One run of a program: its wall time in seconds, or the rate that it printed.
fn inner(setup: &Setup, peer: Peer, work: &Work) -> Result<f64> {
    let output = setup.run(peer, &[setup::PROGRAM, "time", "sh", "-euc", work.script])?;
    let wanted = if work.unit == Unit::Seconds { "ns" } else { "rate" };
    let value = numbers(&output).find(|(name, _)| *name == wanted).map(|(_, value)| value);
    let value = value.ok_or_else(|| anyhow::anyhow!("printed no `{wanted}`: {output}"))?;
    Ok(if work.unit == Unit::Seconds { value / 1e9 } else { value })
}

/// Lines of a name and a number.
fn numbers(output: &str) -> impl Iterator<Item = (&str, f64)> {
    output.lines().filter_map(|line| {
        let (name, value) = line.split_once(' ')?;
        Some((name, value.trim().parse().ok()?))
    })
}
