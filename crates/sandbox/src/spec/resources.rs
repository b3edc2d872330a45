//! `linux.resources` of a specification: limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::validate;

/// `linux.resources`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Resources {
    /// Which devices may be used; see [`Resources::validate`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<DeviceRule>>,
    /// Memory limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Processor limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Process limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<Pids>,
    /// Limits of block devices.
    #[serde(rename = "blockIO", skip_serializing_if = "Option::is_none")]
    pub block_io: Option<BlockIo>,
    /// Limits of huge pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hugepage_limits: Option<Vec<HugepageLimit>>,
    /// Marks of packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Limits of RDMA devices, by their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rdma: Option<BTreeMap<String, Rdma>>,
    /// Files of version 2 and what is written to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unified: Option<BTreeMap<String, String>>,
}

/// One of `linux.resources.devices`: a rule of the devices controller.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRule {
    /// Allow or deny.
    pub allow: bool,
    /// `a`, `b` or `c`; all if absent.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Major number; any if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub major: Option<i64>,
    /// Minor number; any if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor: Option<i64>,
    /// Some of `rwm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
}

/// `linux.resources.memory`: bytes; -1 is unlimited.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Memory {
    /// Most that is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// What is left to it when memory is short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation: Option<i64>,
    /// Most that is used of memory and swap together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<i64>,
    /// Most that the host's kernel uses on its behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<i64>,
    /// The same for buffers of TCP.
    #[serde(rename = "kernelTCP", skip_serializing_if = "Option::is_none")]
    pub kernel_tcp: Option<i64>,
    /// How readily memory is swapped out, from 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swappiness: Option<u64>,
    /// Let processes wait for memory instead of killing one.
    #[serde(rename = "disableOOMKiller", skip_serializing_if = "Option::is_none")]
    pub disable_oom_killer: Option<bool>,
    /// Refuse a limit below what is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_before_update: Option<bool>,
}

/// `linux.resources.cpu`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Cpu {
    /// Weight beside other cgroups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    /// Microseconds of processor time in each period; -1 is unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<i64>,
    /// Microseconds that may be saved up beyond the quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// Length of a period in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    /// Microseconds of real-time scheduling in each of its periods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realtime_runtime: Option<i64>,
    /// Length of a period of real-time scheduling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realtime_period: Option<u64>,
    /// Processors, such as `0-2,4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<String>,
    /// Memory nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mems: Option<String>,
    /// 1: run only where nobody else wants to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<i64>,
}

/// `linux.resources.pids`
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Pids {
    /// Number of processes and threads; -1 is unlimited.
    #[serde(default)]
    pub limit: i64,
}

/// `linux.resources.blockIO`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlockIo {
    /// Weight beside other cgroups, from 10 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// The same beside cgroups below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf_weight: Option<u16>,
    /// Weights for single devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_device: Option<Vec<WeightDevice>>,
    /// Bytes read in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle_read_bps_device: Option<Vec<ThrottleDevice>>,
    /// Bytes written in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle_write_bps_device: Option<Vec<ThrottleDevice>>,
    /// Read operations in a second.
    #[serde(rename = "throttleReadIOPSDevice", skip_serializing_if = "Option::is_none")]
    pub throttle_read_iops_device: Option<Vec<ThrottleDevice>>,
    /// Write operations in a second.
    #[serde(rename = "throttleWriteIOPSDevice", skip_serializing_if = "Option::is_none")]
    pub throttle_write_iops_device: Option<Vec<ThrottleDevice>>,
}

/// The weight for a block device.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WeightDevice {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// From 10 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// The same beside cgroups below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf_weight: Option<u16>,
}

/// The limit for a block device.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ThrottleDevice {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// In a second; 0 is unlimited.
    pub rate: u64,
}

/// One of `linux.resources.hugepageLimits`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HugepageLimit {
    /// Such as `2MB`.
    pub page_size: String,
    /// Bytes.
    pub limit: u64,
}

/// `linux.resources.network`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// A mark of packets for traffic control.
    #[serde(rename = "classID", skip_serializing_if = "Option::is_none")]
    pub class_id: Option<u32>,
    /// Priorities by interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priorities: Option<Vec<InterfacePriority>>,
}

/// One of `linux.resources.network.priorities`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InterfacePriority {
    /// The interface.
    pub name: String,
    /// Priority of packets that leave by it.
    pub priority: u32,
}

/// One of `linux.resources.rdma`
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rdma {
    /// Most handles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hca_handles: Option<u32>,
    /// Most objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hca_objects: Option<u32>,
}

impl Resources {
    /// Most tasks that the container may have.
    pub(crate) fn max_tasks(&self) -> Option<u64> {
        self.pids.and_then(|pids| u64::try_from(pids.limit).ok()).filter(|limit| *limit != 0)
    }

    /// Takes over what `other` names.
    pub fn merge(&mut self, other: Resources) {
        let merged = |own: &Resources, other: &Resources| -> serde_json::Result<Resources> {
            let mut own = serde_json::to_value(own)?;
            merge(&mut own, serde_json::to_value(other)?);
            serde_json::from_value(own)
        };
        // Both were read from such values, or could have been.
        *self = merged(self, &other).unwrap_or(other);
    }

    /// Finds the first problem: the field, and what is wrong.
    pub(crate) fn validate(&self) -> Result<(), (String, String)> {
        validate::check_resources(self)
    }
}

/// Puts the fields of `other` over those of `own`, fields of fields one by one.
fn merge(own: &mut Value, other: Value) {
    match (own, other) {
        (_, Value::Null) => {}
        (Value::Object(own), Value::Object(other)) => {
            other.into_iter().for_each(|(name, value)| merge(own.entry(name).or_insert(Value::Null), value));
        }
        (own, other) => *own = other,
    }
}

#[cfg(test)]
mod tests {
    use super::Resources;

    #[test]
    fn what_is_not_named_stays() {
        let parse = |text: &str| -> Resources { serde_json::from_str(text).unwrap() };
        let mut resources = parse(
            r#"{ "memory": { "limit": 5, "disableOOMKiller": true }, "unified": { "a.b": "1", "c.d": "2" },
                 "blockIO": { "throttleReadIOPSDevice": [{ "major": 1, "minor": 2, "rate": 3 }] } }"#,
        );
        resources.merge(parse(r#"{ "memory": { "swap": -1 }, "cpu": { "burst": 7 }, "unified": { "c.d": "3" } }"#));
        let memory = resources.memory.unwrap();
        assert_eq!((memory.limit, memory.swap, memory.disable_oom_killer), (Some(5), Some(-1), Some(true)));
        assert_eq!(resources.cpu.unwrap().burst, Some(7));
        assert_eq!(resources.unified.unwrap().into_values().collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(resources.block_io.unwrap().throttle_read_iops_device.unwrap()[0].rate, 3);
    }
}
