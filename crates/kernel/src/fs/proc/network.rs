//! `/proc/PID/net`: what there is of the network.

use lazaret_abi::errno::Errno;

use super::process::Subject;
use crate::{
    fs::{
        inode::Inode,
        pseudo::{PseudoDirectory, PseudoFile, StaticDirectory},
    },
    sync::Arc,
};

const DEV: &str = "Inter-|   Receive                                                |  Transmit\n \
face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n";

/// The directory.
pub fn directory(subject: &Subject) -> Arc<dyn Inode> {
    let fs = &subject.fs;
    let fixed = |text: &'static str| PseudoFile::new(fs, 0o444, move || Ok::<_, Errno>(text.as_bytes().to_vec()));
    let entries = StaticDirectory::new()
        .with("arp", fixed("IP address       HW type     Flags       HW address            Mask     Device\n"))
        .with("dev", fixed(DEV))
        .with("if_inet6", fixed("00000000000000000000000000000001 01 80 10 80       lo\n"))
        .with("route", fixed("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n"));
    PseudoDirectory::with_attributes(fs, subject.attributes(0o555), entries)
}
