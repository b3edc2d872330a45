//! Cgroups that systemd makes: a transient scope for each container; see systemd.scope(5) and
//! org.freedesktop.systemd1(5).

mod bus;
mod properties;

use std::path::Path;

use lazaret_control::Failure;
use rustix::process::{Pid, geteuid};
use serde::{Deserialize, Serialize};
use zbus::{ObjectPath, Variant};

use self::{
    bus::{Bus, CallError, Kind, Object},
    properties::Property,
};
use crate::spec::Resources;

const SYSTEMD: &str = "org.freedesktop.systemd1";

const MANAGER: Object<'_> =
    Object { destination: SYSTEMD, path: "/org/freedesktop/systemd1", interface: "org.freedesktop.systemd1.Manager" };

/// What systemd says of a unit that is there already, or not at all.
const EXISTS: &str = "org.freedesktop.systemd1.UnitExists";
const UNKNOWN: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// A scope that a container is to be in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Its name.
    unit: String,
    /// The slice that it is in.
    slice: String,
    /// It is one of the user's own systemd.
    user: bool,
}

impl Scope {
    /// The scope of container `id` with this `cgroupsPath`: slice, prefix and name, as with runc.
    ///
    /// # Errors
    /// What is wrong with the path, or that systemd does not run.
    pub fn plan(path: Option<&str>, id: &str) -> Result<Scope, Failure> {
        if !Path::new("/run/systemd/system").is_dir() {
            return Err(Failure::new("--systemd-cgroup", "systemd does not run on this host"));
        }
        Scope::parse(path, id, !geteuid().is_root())
    }

    fn parse(path: Option<&str>, id: &str, user: bool) -> Result<Scope, Failure> {
        let wrong = |problem: &str| Failure::new("linux.cgroupsPath", problem);
        let default = if user { "user.slice" } else { "system.slice" };
        let parts: Vec<&str> = path.map_or(vec!["", "lazaret", id], |path| path.split(':').collect());
        let [slice, prefix, name] = parts[..] else {
            let path = path.unwrap_or_default();
            return Err(wrong(&format!("{path:?} is not of the form slice:prefix:name that --systemd-cgroup needs")));
        };
        if name.is_empty() || name.ends_with(".slice") {
            return Err(wrong(&format!("{name:?} is not a name for a scope")));
        }
        let slice = if slice.is_empty() { default } else { slice };
        if !slice.ends_with(".slice") || slice.contains('/') {
            return Err(wrong(&format!("{slice:?} is not a slice")));
        }
        let unit = if prefix.is_empty() { format!("{name}.scope") } else { format!("{prefix}-{name}.scope") };
        Ok(Scope { unit, slice: slice.into(), user })
    }

    fn connect(&self) -> Result<Bus, Failure> {
        Bus::connect(if self.user { Kind::User } else { Kind::System })
    }

    fn step(&self, what: &str) -> String {
        format!("{what} systemd's {}", self.unit)
    }

    /// Makes the scope, with a process in it. Returns the path of its cgroup in each hierarchy.
    ///
    /// # Errors
    /// systemd's words.
    pub fn start(&self, pid: Pid, resources: &Resources, is_unified: bool) -> Result<String, Failure> {
        let bus = &mut self.connect()?;
        let mut properties: Vec<Property> = vec![
            ("Description", Variant::from(format!("lazaret container {}", self.unit))),
            ("Slice", Variant::from(self.slice.clone())),
            ("Delegate", Variant::from(true)),
            ("DefaultDependencies", Variant::from(false)),
            ("PIDs", Variant::from(vec![pid.as_raw_nonzero().get().cast_unsigned()])),
            ("MemoryAccounting", Variant::from(true)),
            ("CPUAccounting", Variant::from(true)),
            ("TasksAccounting", Variant::from(true)),
            (if is_unified { "IOAccounting" } else { "BlockIOAccounting" }, Variant::from(true)),
        ];
        properties.extend(properties::of(resources, is_unified, version(bus)));
        let none: Vec<(String, Vec<Property>)> = Vec::new();
        let start = |bus: &mut Bus| {
            let job = bus.call(MANAGER, "StartTransientUnit", &(&*self.unit, "replace", &properties, &none))?;
            await_job(bus, job.body::<ObjectPath<'_>>()?.as_str())
        };
        let result = match start(bus) {
            // The remains of one that ended badly.
            Err(CallError::Refused(name, _)) if name == EXISTS => {
                let _ = bus.call(MANAGER, "ResetFailedUnit", &self.unit);
                start(bus)
            }
            result => result,
        };
        let result = result.map_err(|error| error.because(self.step("start")))?;
        if result != "done" {
            return Err(Failure::new(self.step("start"), format!("the job's result is {result:?}")));
        }
        self.cgroup(bus).map_err(|error| error.because(self.step("find the cgroup of")))
    }

    /// The path of the scope's cgroup.
    fn cgroup(&self, bus: &mut Bus) -> Result<String, CallError> {
        let unit = bus.call(MANAGER, "GetUnit", &self.unit)?;
        let path = unit.body::<ObjectPath<'_>>()?;
        let unit = Object { path: path.as_str(), interface: "org.freedesktop.DBus.Properties", ..MANAGER };
        property(bus, unit, "org.freedesktop.systemd1.Scope", "ControlGroup")
    }

    /// Sets limits.
    ///
    /// # Errors
    /// systemd's words.
    pub fn limit(&self, resources: &Resources, is_unified: bool) -> Result<(), Failure> {
        let bus = &mut self.connect()?;
        let properties = properties::of(resources, is_unified, version(bus));
        if properties.is_empty() {
            return Ok(());
        }
        let set = bus.call(MANAGER, "SetUnitProperties", &(&*self.unit, true, &properties));
        set.map(drop).map_err(|error| error.because(self.step("limit")))
    }

    /// Ends the scope, and forgets how it ended. One that is gone already is no error.
    ///
    /// # Errors
    /// systemd's words.
    pub fn stop(&self) -> Result<(), Failure> {
        let bus = &mut self.connect()?;
        let stop = |bus: &mut Bus| {
            let job = bus.call(MANAGER, "StopUnit", &(&*self.unit, "replace"))?;
            await_job(bus, job.body::<ObjectPath<'_>>()?.as_str())
        };
        match stop(bus) {
            Err(CallError::Refused(name, _)) if name == UNKNOWN => return Ok(()),
            result => drop(result.map_err(|error| error.because(self.step("stop")))?),
        }
        // It has failed only if one of its processes was killed.
        let _ = bus.call(MANAGER, "ResetFailedUnit", &self.unit);
        Ok(())
    }
}

/// The version of systemd; 0 if it does not tell.
fn version(bus: &mut Bus) -> u32 {
    let manager = Object { interface: "org.freedesktop.DBus.Properties", ..MANAGER };
    let text = property(bus, manager, MANAGER.interface, "Version").unwrap_or_default();
    let digits: String = text.trim_start_matches('v').chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// A property that is a text.
fn property(bus: &mut Bus, object: Object<'_>, interface: &str, name: &str) -> Result<String, CallError> {
    let answer = bus.call(object, "Get", &(interface, name))?;
    match answer.body::<Variant<'_>>()? {
        Variant::Str(text) => Ok(text.to_string()),
        _ => Err(CallError::Lost(std::io::ErrorKind::InvalidData.into())),
    }
}

/// Waits for the end of a job; its result.
fn await_job(bus: &mut Bus, job: &str) -> Result<String, CallError> {
    loop {
        let signal = bus.signal()?;
        if signal.name != "JobRemoved" {
            continue;
        }
        let (_, ended, _, result): (u32, ObjectPath<'_>, String, String) = signal.body()?;
        if ended.as_str() == job {
            return Ok(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_runc() {
        let scope = |path| Scope::parse(path, "c", false).map(|scope| (scope.slice, scope.unit));
        let named = |slice: &str, unit: &str| (slice.to_owned(), unit.to_owned());
        assert_eq!(scope(None).unwrap(), named("system.slice", "lazaret-c.scope"));
        assert_eq!(scope(Some(":docker:x")).unwrap(), named("system.slice", "docker-x.scope"));
        assert_eq!(scope(Some("a-b.slice::x")).unwrap(), named("a-b.slice", "x.scope"));
        assert_eq!(Scope::parse(Some(":p:x"), "c", true).unwrap().slice, "user.slice");
        for path in ["/a/b", "a:b", "a.slice:b:c:d", "a.slice:b:", "a.slice:b:c.slice", "a:b:c", "../a.slice:b:c"] {
            let failure = scope(Some(path)).unwrap_err();
            assert_eq!(failure.step, "linux.cgroupsPath", "{failure}");
        }
    }
}
