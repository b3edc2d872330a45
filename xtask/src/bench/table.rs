//! Medians, spreads and tables.

use std::collections::{BTreeMap, BTreeSet};

use super::{peer::Peer, work::Unit};

/// The measured values of one row.
#[derive(Default)]
pub struct Samples {
    values: BTreeMap<Peer, Vec<f64>>,
    failed: BTreeSet<Peer>,
}

impl Samples {
    /// Adds a value.
    pub fn add(&mut self, peer: Peer, value: f64) {
        self.values.entry(peer).or_default().push(value);
    }

    /// Notes that a run failed.
    pub fn fail(&mut self, peer: Peer) {
        self.failed.insert(peer);
    }

    /// Whether a run failed.
    pub fn failed(&self, peer: Peer) -> bool {
        self.failed.contains(&peer)
    }

    fn median(&self, peer: Peer) -> Option<f64> {
        let mut values = self.values.get(&peer)?.clone();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        Some(if values.len() % 2 == 1 { upper } else { (values.get(middle - 1)? + upper) / 2.0 })
    }

    /// Difference of the largest and the smallest value, relative to the median.
    fn spread(&self, peer: Peer) -> Option<f64> {
        let values = self.values.get(&peer)?;
        let largest = values.iter().copied().reduce(f64::max)?;
        let smallest = values.iter().copied().reduce(f64::min)?;
        let median = self.median(peer)?;
        (median > 0.0).then(|| (largest - smallest) / median)
    }

    fn cell(&self, peer: Peer, unit: Unit) -> String {
        let Some(median) = self.median(peer) else {
            return if self.failed(peer) { "failed".into() } else { "-".into() };
        };
        let value = format(median, unit);
        match self.spread(peer) {
            Some(spread) if spread >= 0.2 => format!("{value} (±{:.0} %)", spread * 50.0),
            _ => value,
        }
    }
}

fn format(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds if value < 0.1 => format!("{:.1} ms", value * 1e3),
        Unit::Seconds => format!("{value:.2} s"),
        Unit::Nanoseconds if value < 10.0 => format!("{value:.1}"),
        Unit::Nanoseconds => format!("{value:.0}"),
        Unit::MiB => format!("{value:.1} MiB"),
        Unit::Percent => format!("{value:.1} %"),
        Unit::KiloPerSecond => format!("{value:.1}"),
    }
}

/// One row of a table.
pub struct Row {
    /// What was measured.
    pub name: String,
    /// What the values are.
    pub unit: Unit,
    /// What Lazaret wants to reach.
    pub target: String,
    /// The values.
    pub samples: Samples,
}

/// Prints a table in Markdown, with the ratio of Lazaret to `base`.
pub fn print(title: &str, base: Peer, peers: &[Peer], rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    println!("### {title}\n");
    let columns: String = peers.iter().map(|peer| format!(" {peer} |")).collect();
    println!("| |{columns} lazaret / {base} | target |");
    println!("|---|{}---|---|", "---|".repeat(peers.len()));
    for row in rows {
        let cells: String = peers.iter().map(|peer| format!(" {} |", row.samples.cell(*peer, row.unit))).collect();
        let ratio = ratio(&row.samples, Peer::Lazaret, base).map_or("-".into(), |ratio| format!("{ratio:.2}"));
        println!("| {} |{cells} {ratio} | {} |", row.name, row.target);
    }
    println!();
}

/// Prints the geometric mean of the ratios to `base`, for each peer.
pub fn print_geometric_mean(base: Peer, peers: &[Peer], rows: &[Row]) {
    for peer in peers.iter().filter(|peer| **peer != base) {
        let ratios: Vec<_> = rows.iter().filter_map(|row| ratio(&row.samples, *peer, base)).collect();
        if ratios.is_empty() {
            continue;
        }
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        println!("{peer}: geometric mean {mean:.2} times the {base}'s time");
    }
    println!();
}

fn ratio(samples: &Samples, peer: Peer, base: Peer) -> Option<f64> {
    let base = samples.median(base)?;
    (base > 0.0).then_some(samples.median(peer)? / base)
}

#[cfg(test)]
mod tests {
    use super::{Peer, Samples, Unit};

    #[test]
    fn medians_and_spreads() {
        let mut samples = Samples::default();
        for value in [3.0, 1.0, 2.0, 10.0] {
            samples.add(Peer::Runc, value);
        }
        assert_eq!(samples.median(Peer::Runc), Some(2.5));
        assert_eq!(samples.cell(Peer::Runc, Unit::Seconds), "2.50 s (±180 %)");
        assert_eq!(samples.cell(Peer::Host, Unit::Seconds), "-");
    }
}
