//! `/sys/class/net`, and the directories of interfaces that its links lead to.

use lazaret_abi::errno::Errno;
use lazaret_hostcall::netlink::Link;

use super::text;
use crate::{
    boot::Kernel,
    fs::{
        inode::{FileKind, Inode, LinkTarget},
        pseudo::{Entries, PseudoDirectory, PseudoFile, PseudoFs, PseudoLink, StaticDirectory},
    },
    sync::{Arc, Weak},
};

/// IF_OPER_*, in words.
const STATES: [&str; 7] = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];
/// IFF_UP and IFF_LOWER_UP.
const UP: u32 = 1;
const LOWER_UP: u32 = 1 << 16;
/// Flags that files do not show: IFF_RUNNING and those above 16 bits are the answer to a question.
const SHOWN: u32 = 0xffff & !0x40;

/// Where the directories are, from `/sys/class/net`.
const PLACE: &str = "../../devices/virtual/net/";

/// `/sys/class/net`.
pub fn links(fs: &Arc<PseudoFs>, kernel: &Weak<Kernel>) -> Arc<dyn Inode> {
    PseudoDirectory::inode(fs, Interfaces { fs: fs.clone(), kernel: kernel.clone(), are_links: true })
}

/// `/sys/devices/virtual/net`.
pub fn directories(fs: &Arc<PseudoFs>, kernel: &Weak<Kernel>) -> Arc<dyn Inode> {
    PseudoDirectory::inode(fs, Interfaces { fs: fs.clone(), kernel: kernel.clone(), are_links: false })
}

/// One entry for each interface that there is at the moment.
struct Interfaces {
    fs: Arc<PseudoFs>,
    kernel: Weak<Kernel>,
    are_links: bool,
}

impl Interfaces {
    fn all(&self) -> Result<Vec<Link>, Errno> {
        Ok(self.kernel.upgrade().ok_or(Errno::ENOENT)?.network.tables().links)
    }
}

impl Entries for Interfaces {
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        let link = self.all()?.into_iter().find(|link| link.name == name).ok_or(Errno::ENOENT)?;
        if self.are_links {
            let target = [PLACE.as_bytes(), name].concat();
            return Ok(PseudoLink::inode(&self.fs, move || Ok(LinkTarget::Path(target.clone()))));
        }
        Ok(directory(&self.fs, &self.kernel, &link))
    }

    fn list(&self) -> Result<Vec<(u64, Vec<u8>, FileKind, u64)>, Errno> {
        let kind = if self.are_links { FileKind::Symlink } else { FileKind::Directory };
        let mut all = self.all()?;
        all.sort_by_key(|link| link.index);
        Ok(all.into_iter().map(|link| (link.index.into(), link.name, kind, link.index.into())).collect())
    }
}

fn hardware(address: &[u8]) -> String {
    address.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// What changes is read anew each time.
fn directory(fs: &Arc<PseudoFs>, kernel: &Weak<Kernel>, link: &Link) -> Arc<dyn Inode> {
    let number = |number: u64| text(fs, number.to_string());
    let name = String::from_utf8_lossy(&link.name);
    let is_on = u64::from(link.flags & UP != 0 && link.flags & LOWER_UP != 0);
    let state = STATES.get(usize::from(link.state)).copied().unwrap_or("unknown");
    let mut statistics = StaticDirectory::new();
    for (place, name) in [
        "rx_packets",
        "tx_packets",
        "rx_bytes",
        "tx_bytes",
        "rx_errors",
        "tx_errors",
        "rx_dropped",
        "tx_dropped",
        "multicast",
    ]
    .into_iter()
    .enumerate()
    {
        statistics.add(name, counter(fs, kernel, link.index, Some(place)));
    }
    // These have no counts here: nothing of the kind happens.
    for name in [
        "collisions",
        "rx_compressed",
        "rx_crc_errors",
        "rx_fifo_errors",
        "rx_frame_errors",
        "rx_length_errors",
        "rx_missed_errors",
        "rx_nohandler",
        "rx_over_errors",
        "tx_aborted_errors",
        "tx_carrier_errors",
        "tx_compressed",
        "tx_fifo_errors",
        "tx_heartbeat_errors",
        "tx_window_errors",
    ] {
        statistics.add(name, counter(fs, kernel, link.index, None));
    }
    let entries = StaticDirectory::new()
        .with("addr_assign_type", number(0))
        .with("addr_len", number(link.address.len() as u64))
        .with("address", text(fs, hardware(&link.address)))
        .with("broadcast", text(fs, hardware(&link.broadcast)))
        .with("carrier", number(is_on))
        .with("dev_id", text(fs, "0x0"))
        .with("dev_port", number(0))
        .with("dormant", number(0))
        .with("flags", text(fs, format!("0x{:x}", link.flags & SHOWN)))
        .with("group", number(0))
        .with("ifalias", PseudoFile::inode(fs, 0o444, || Ok::<_, Errno>(Vec::new())))
        .with("ifindex", number(link.index.into()))
        .with("iflink", number(link.index.into()))
        .with("link_mode", number(0))
        .with("mtu", number(link.mtu.into()))
        .with("netdev_group", number(0))
        .with("operstate", text(fs, state))
        .with("statistics", PseudoDirectory::inode(fs, statistics))
        .with("tx_queue_len", number(link.queue_length.into()))
        .with("type", number(link.hardware.into()))
        .with("uevent", text(fs, format!("INTERFACE={name}\nIFINDEX={}", link.index)));
    PseudoDirectory::inode(fs, entries)
}

/// A count of an interface.
fn counter(fs: &Arc<PseudoFs>, kernel: &Weak<Kernel>, index: u32, place: Option<usize>) -> Arc<dyn Inode> {
    let kernel = kernel.clone();
    PseudoFile::inode(fs, 0o444, move || {
        let links = kernel.upgrade().ok_or(Errno::ENODEV)?.network.tables().links;
        let link = links.into_iter().find(|link| link.index == index).ok_or(Errno::ENODEV)?;
        let count = place.and_then(|place| link.statistics.get(place).copied()).unwrap_or(0);
        Ok(format!("{count}\n").into_bytes())
    })
}
