//! Limits as properties of a unit; see systemd.resource-control(5).
//!
//! systemd writes to the files of a unit what its properties say whenever it is told anything new, so they must
//! agree with what is written there besides.

use zbus::Variant;

use super::super::limits::{self, Target};
use crate::spec::Resources;

/// The name of a property and its value.
pub type Property = (&'static str, Variant<'static>);

/// For no limit.
const INFINITY: u64 = u64::MAX;

/// Versions of systemd that have a property for the first time.
const QUOTA_PERIOD: u32 = 242;
const ALLOWED_CPUS: u32 = 244;

/// The limits that systemd of a `version` has properties for.
pub fn of(resources: &Resources, is_unified: bool, version: u32) -> Vec<Property> {
    let mut properties: Vec<Property> = Vec::new();
    let mut add = |name, value: Option<u64>| properties.extend(value.map(|value| (name, Variant::from(value))));
    let files = Files::of(resources, is_unified);
    let file = |name: &str| files.get(name);
    if is_unified {
        add("MemoryMax", file("memory.max"));
        add("MemoryHigh", file("memory.high"));
        add("MemoryLow", file("memory.low"));
        add("MemoryMin", file("memory.min"));
        add("MemorySwapMax", file("memory.swap.max"));
        add("CPUWeight", file("cpu.weight"));
        add("IOWeight", file("io.weight"));
    } else {
        add("MemoryLimit", file("memory.limit_in_bytes"));
        add("CPUShares", file("cpu.shares"));
        add("BlockIOWeight", file("blkio.bfq.weight"));
    }
    add("TasksMax", file("pids.max"));
    let quota = if is_unified { files.text("cpu.max").map(quota_of) } else { files.quota() };
    if let Some((quota, period)) = quota {
        add("CPUQuotaPerSecUSec", Some(quota.map_or(INFINITY, |quota| per_second(quota, period))));
        if version >= QUOTA_PERIOD {
            add("CPUQuotaPeriodUSec", Some(period));
        }
    }
    if is_unified && version >= ALLOWED_CPUS {
        for (name, list) in [("AllowedCPUs", "cpuset.cpus"), ("AllowedMemoryNodes", "cpuset.mems")] {
            properties.extend(files.text(list).and_then(mask).map(|mask| (name, Variant::from(mask))));
        }
    }
    properties
}

/// What is to be written to files.
struct Files(Vec<limits::Setting>);

impl Files {
    fn of(resources: &Resources, is_unified: bool) -> Files {
        let target = Target { is_unified, has: &|name: &str| name != "io.bfq.weight" };
        // What makes no sense is told when it is written.
        let all = limits::LIMITING.iter().filter_map(|name| limits::settings(name, resources, target).ok());
        let mut all: Vec<limits::Setting> = all.flatten().collect();
        if is_unified {
            all.extend(limits::by_name(resources));
        }
        Files(all)
    }

    /// Whoever comes last wins, as with the files.
    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|setting| setting.file == name).map(|setting| setting.value.trim())
    }

    fn get(&self, name: &str) -> Option<u64> {
        match self.text(name)? {
            "max" | "-1" => Some(INFINITY),
            // systemd.resource-control(5) has no word for single devices here.
            number => number.parse().ok(),
        }
    }

    /// Quota and period of version 1.
    fn quota(&self) -> Option<(Option<u64>, u64)> {
        let (quota, period) = (self.text("cpu.cfs_quota_us"), self.get("cpu.cfs_period_us"));
        if quota.is_none() && period.is_none() {
            return None;
        }
        Some((quota.and_then(|quota| quota.parse().ok()), period.unwrap_or(DEFAULT_PERIOD)))
    }
}

const DEFAULT_PERIOD: u64 = 100_000;

/// Quota, if there is one, and period of version 2.
fn quota_of(text: &str) -> (Option<u64>, u64) {
    let mut words = text.split_whitespace();
    let quota = words.next().and_then(|quota| quota.parse().ok());
    (quota, words.next().and_then(|period| period.parse().ok()).unwrap_or(DEFAULT_PERIOD))
}

/// systemd counts whole percents of a processor, so a part of one is a whole.
fn per_second(quota: u64, period: u64) -> u64 {
    const PERCENT: u64 = 10_000;
    quota.saturating_mul(1_000_000).checked_div(period).unwrap_or(INFINITY).div_ceil(PERCENT).saturating_mul(PERCENT)
}

/// A list such as `0-2,4` as bits, lowest first; `None` if it is none.
fn mask(list: &str) -> Option<Vec<u8>> {
    /// Most processors of Linux.
    const MOST: usize = 8192;
    let mut mask = Vec::new();
    for range in list.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= MOST {
            return None;
        }
        for number in first..=last {
            if mask.len() <= number / 8 {
                mask.resize(number / 8 + 1, 0);
            }
            if let Some(byte) = mask.get_mut(number / 8) {
                *byte |= 1 << (number % 8);
            }
        }
    }
    Some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, is_unified: bool, version: u32) -> Vec<String> {
        let resources: Resources = serde_json::from_str(text).unwrap();
        let show = |(name, value): &Property| match value {
            Variant::U64(INFINITY) => format!("{name}=infinity"),
            Variant::U64(value) => format!("{name}={value}"),
            other => format!("{name}={:?}", Vec::<u8>::try_from(other.clone()).unwrap()),
        };
        of(&resources, is_unified, version).iter().map(show).collect()
    }

    #[test]
    fn limits_are_properties() {
        let text = r#"{ "memory": { "limit": 1000, "swap": 1500, "reservation": 500 }, "pids": { "limit": 3 },
                        "cpu": { "shares": 1024, "quota": 25001, "period": 50000, "cpus": "0,2-9" },
                        "blockIO": { "weight": 10 }, "unified": { "memory.high": "max" } }"#;
        let expected = [
            "MemoryMax=1000",
            "MemoryHigh=infinity",
            "MemoryLow=500",
            "MemorySwapMax=500",
            "CPUWeight=39",
            "IOWeight=1",
            "TasksMax=70",
            "CPUQuotaPerSecUSec=510000",
            "CPUQuotaPeriodUSec=50000",
            "AllowedCPUs=[253, 3]",
        ];
        assert_eq!(shown(text, true, 252), expected);
        let expected =
            ["MemoryLimit=1000", "CPUShares=1024", "BlockIOWeight=10", "TasksMax=70", "CPUQuotaPerSecUSec=510000"];
        assert_eq!(shown(text, false, 241), expected);
        let unlimited = r#"{ "memory": { "limit": -1 }, "cpu": { "quota": -1 } }"#;
        let expected = ["MemoryMax=infinity", "MemorySwapMax=infinity", "CPUQuotaPerSecUSec=infinity"];
        assert_eq!(shown(unlimited, true, 241), expected);
        assert_eq!(shown("{}", true, 252), [""; 0]);
    }

    #[test]
    fn lists_are_bounded() {
        assert_eq!(mask("0-1\n"), Some(vec![3]));
        for wrong in ["1-0", "9999999999", "0-8192", "x", "-"] {
            assert_eq!(mask(wrong), None, "{wrong}");
        }
    }
}
