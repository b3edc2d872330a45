//! Names of the system; see uts_namespaces(7).

use lazaret_abi::{
    errno::Errno,
    system::{UTS_LENGTH, UtsName},
};
use lazaret_snapshot::Snapshot;

use crate::sync::RwLock;

/// Release that uname(2) shows: the kernel version whose behaviour is followed.
pub const RELEASE: &str = "6.12.0";

/// Version that uname(2) shows.
pub const VERSION: &str = "#1 SMP PREEMPT_DYNAMIC Lazaret";

/// Host and domain name, shared by the tasks of a UTS namespace.
#[derive(Snapshot)]
pub struct UtsNamespace {
    names: RwLock<Names>,
}

#[derive(Clone, Snapshot)]
struct Names {
    host: Vec<u8>,
    domain: Vec<u8>,
}

/// Longest host or domain name.
pub const NAME_MAX: usize = UTS_LENGTH - 1;

impl UtsNamespace {
    /// A namespace with these names, cut to [`NAME_MAX`] bytes.
    pub fn new(host: &[u8], domain: &[u8]) -> UtsNamespace {
        let cut = |name: &[u8]| name.get(..NAME_MAX).unwrap_or(name).to_vec();
        UtsNamespace { names: RwLock::new(Names { host: cut(host), domain: cut(domain) }) }
    }

    /// A copy for a new namespace.
    pub fn duplicate(&self) -> UtsNamespace {
        UtsNamespace { names: RwLock::new(self.names.read().clone()) }
    }

    /// The host name.
    pub fn host(&self) -> Vec<u8> {
        self.names.read().host.clone()
    }

    /// The NIS domain name.
    pub fn domain(&self) -> Vec<u8> {
        self.names.read().domain.clone()
    }

    /// sethostname(2).
    ///
    /// # Errors
    /// `EINVAL` when it is too long.
    pub fn set_host(&self, name: &[u8]) -> Result<(), Errno> {
        check(name)?;
        self.names.write().host = name.to_vec();
        Ok(())
    }

    /// setdomainname(2).
    ///
    /// # Errors
    /// `EINVAL` when it is too long.
    pub fn set_domain(&self, name: &[u8]) -> Result<(), Errno> {
        check(name)?;
        self.names.write().domain = name.to_vec();
        Ok(())
    }

    /// What uname(2) returns.
    pub fn uname(&self) -> UtsName {
        let names = self.names.read();
        UtsName {
            system: field(b"Linux"),
            node: field(&names.host),
            release: field(RELEASE.as_bytes()),
            version: field(VERSION.as_bytes()),
            machine: field(b"x86_64"),
            domain: field(&names.domain),
        }
    }
}

fn check(name: &[u8]) -> Result<(), Errno> {
    if name.len() > NAME_MAX { Err(Errno::EINVAL) } else { Ok(()) }
}

/// Text with zeros after it; the last byte is always zero.
fn field(text: &[u8]) -> [u8; UTS_LENGTH] {
    let mut field = [0; UTS_LENGTH];
    for (to, from) in field.iter_mut().zip(text.iter().take(NAME_MAX)) {
        *to = *from;
    }
    field
}

#[cfg(test)]
mod tests {
    use super::{NAME_MAX, UtsNamespace};
    use lazaret_abi::errno::Errno;

    #[test]
    fn names_change_and_are_bounded() {
        let names = UtsNamespace::new(&[b'x'; 100], b"(none)");
        assert_eq!(names.host().len(), NAME_MAX);
        assert_eq!(names.set_host(&[b'y'; 65]), Err(Errno::EINVAL));
        names.set_host(&[b'y'; 64]).unwrap();
        let copy = names.duplicate();
        names.set_host(b"box").unwrap();
        assert_eq!(&names.uname().node[..4], b"box\0");
        assert_eq!(copy.uname().node[63..], *b"y\0");
    }
}
