//! `update`: other limits for a container.

use std::io::Read;

use lazaret_sandbox::{
    Config, Container,
    spec::{BlockIo, Cpu, Memory, Pids, Resources},
};

use crate::{options::Update, report::CommandError};

/// Longest description of limits, in bytes.
const MAX_LENGTH: u64 = 1 << 20;

/// Sets what was named.
pub fn run(config: &Config, args: &Update) -> Result<(), CommandError> {
    let resources = match &args.resources {
        Some(path) => read(path)?,
        None => Resources {
            memory: Some(Memory {
                limit: args.memory,
                reservation: args.memory_reservation,
                swap: args.memory_swap,
                kernel: args.kernel_memory,
                kernel_tcp: args.kernel_memory_tcp,
                ..Memory::default()
            }),
            cpu: Some(Cpu {
                shares: args.cpu_share,
                quota: args.cpu_quota,
                burst: args.cpu_burst,
                period: args.cpu_period,
                realtime_runtime: args.cpu_rt_runtime,
                realtime_period: args.cpu_rt_period,
                cpus: args.cpuset_cpus.clone(),
                mems: args.cpuset_mems.clone(),
                idle: args.cpu_idle,
            }),
            pids: args.pids_limit.map(|limit| Pids { limit }),
            block_io: args.blkio_weight.map(|weight| BlockIo { weight: Some(weight), ..BlockIo::default() }),
            ..Resources::default()
        },
    };
    Ok(Container::load(config, &args.id)?.update(resources)?)
}

fn read(path: &std::path::Path) -> Result<Resources, CommandError> {
    let failed = |error: &dyn std::fmt::Display| CommandError::new(format!("{}: {error}", path.display()));
    let mut text = Vec::new();
    if path == std::path::Path::new("-") {
        std::io::stdin().take(MAX_LENGTH).read_to_end(&mut text).map_err(|error| failed(&error))?;
    } else {
        let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
        file.take(MAX_LENGTH).read_to_end(&mut text).map_err(|error| failed(&error))?;
    }
    serde_json::from_slice(&text).map_err(|error| failed(&error))
}
