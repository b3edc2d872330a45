//! Packets that arrive in parts; RFC 791, RFC 8200.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv6Packet};

use super::packet::{Packet, Part};

/// How long the rest of a packet may take (ipfrag_time).
const PATIENCE: Duration = Duration::from_secs(30);
/// Most packets that are put together at once, and bytes of all of them (ipfrag_high_thresh).
const MOST: usize = 256;
const BYTES: usize = 4 << 20;
/// Longest that a packet can be, and most parts of one.
const LONGEST: usize = 65_535;
const PARTS: usize = 512;

/// What parts of one packet have in common.
type Key = (IpAddr, IpAddr, IpProtocol, u32);

#[derive(Debug)]
struct Pending {
    /// What is in front of the data, of the first part.
    header: Option<Vec<u8>>,
    /// Data by offset, none of which overlaps another.
    parts: Vec<(usize, Vec<u8>)>,
    bytes: usize,
    /// Length of the whole, once the last part is there.
    end: Option<usize>,
    until: Instant,
}

/// Packets of which there are parts.
#[derive(Debug, Default)]
pub struct Pieces {
    pending: HashMap<Key, Pending>,
    bytes: usize,
}

impl Pieces {
    /// A part; the whole packet, as if it had arrived at once, when nothing is missing.
    pub fn add(&mut self, packet: &Packet<'_>, part: Part, now: Instant) -> Option<Vec<u8>> {
        let key = (packet.source, packet.destination, packet.protocol, part.number);
        let end = part.offset + packet.payload.len();
        let is_odd = part.more && !packet.payload.len().is_multiple_of(8);
        if packet.payload.is_empty() || is_odd || end > LONGEST {
            return None;
        }
        self.make_room(now, packet.payload.len());
        let pending = self.pending.entry(key).or_insert_with(|| Pending {
            header: None,
            parts: Vec::new(),
            bytes: 0,
            end: None,
            until: now + PATIENCE,
        });
        if pending.parts.iter().any(|(offset, data)| *offset == part.offset && data == packet.payload) {
            return None;
        }
        let overlaps = pending.parts.iter().any(|(offset, data)| *offset < end && part.offset < offset + data.len());
        let beyond = pending.end.is_some_and(|known| end > known || !part.more && end != known)
            || !part.more && pending.parts.iter().any(|(offset, data)| offset + data.len() > end);
        if overlaps || beyond || pending.parts.len() >= PARTS {
            // An attempt to have two readers see two packets: nobody sees any; RFC 5722.
            self.remove(&key);
            return None;
        }
        if part.offset == 0 {
            pending.header = Some(header(packet));
        }
        if !part.more {
            pending.end = Some(end);
        }
        pending.parts.push((part.offset, packet.payload.to_vec()));
        pending.bytes += packet.payload.len();
        self.bytes += packet.payload.len();
        if pending.end != Some(pending.bytes) {
            return None;
        }
        self.remove(&key)?.whole(packet.protocol)
    }

    fn remove(&mut self, key: &Key) -> Option<Pending> {
        let pending = self.pending.remove(key)?;
        self.bytes -= pending.bytes;
        Some(pending)
    }

    /// Forgets what is too old, and the oldest if there is too much.
    fn make_room(&mut self, now: Instant, more: usize) {
        if self.pending.len() < MOST && self.bytes + more <= BYTES {
            return;
        }
        let old: Vec<Key> =
            self.pending.iter().filter(|(_, pending)| pending.until <= now).map(|(key, _)| *key).collect();
        for key in old {
            self.remove(&key);
        }
        while self.pending.len() >= MOST || self.bytes + more > BYTES {
            let oldest = self.pending.iter().min_by_key(|(_, pending)| pending.until).map(|(key, _)| *key);
            let Some(oldest) = oldest else { return };
            self.remove(&oldest);
        }
    }
}

/// The header of a part, without what makes it one.
fn header(packet: &Packet<'_>) -> Vec<u8> {
    const HEADER_6: usize = 40;
    let length = packet.whole.len() - packet.payload.len();
    let length = if packet.source.is_ipv6() { HEADER_6 } else { length };
    packet.whole.get(..length).unwrap_or_default().to_vec()
}

impl Pending {
    fn whole(mut self, protocol: IpProtocol) -> Option<Vec<u8>> {
        self.parts.sort_by_key(|(offset, _)| *offset);
        let mut bytes = self.header?;
        let start = bytes.len();
        for (_, data) in self.parts {
            bytes.extend(data);
        }
        if super::frame::is_ipv4(&bytes) {
            let length = u16::try_from(bytes.len()).ok()?;
            let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
            packet.set_total_len(length);
            packet.set_more_frags(false);
            packet.set_frag_offset(0);
            packet.fill_checksum();
        } else {
            let length = u16::try_from(bytes.len() - start).ok()?;
            let mut packet = Ipv6Packet::new_unchecked(&mut bytes);
            packet.set_payload_len(length);
            packet.set_next_header(protocol);
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u16, offset: usize, more: bool, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x45; 20];
        bytes.extend(data);
        let length = u16::try_from(bytes.len()).unwrap();
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
        packet.set_total_len(length);
        packet.clear_flags();
        packet.set_ident(number);
        packet.set_frag_offset(u16::try_from(offset).unwrap());
        packet.set_more_frags(more);
        packet.set_next_header(IpProtocol::Udp);
        packet.fill_checksum();
        bytes
    }

    fn add(pieces: &mut Pieces, bytes: &[u8]) -> Option<Vec<u8>> {
        let packet = Packet::parse(bytes).unwrap();
        pieces.add(&packet, packet.part.unwrap(), Instant::now())
    }

    #[test]
    fn parts_come_in_any_order() {
        let mut pieces = Pieces::default();
        assert_eq!(add(&mut pieces, &part(1, 16, false, b"end")), None);
        assert_eq!(add(&mut pieces, &part(1, 0, true, &[1; 8])), None);
        assert_eq!(add(&mut pieces, &part(2, 8, true, &[9; 8])), None);
        assert_eq!(add(&mut pieces, &part(1, 0, true, &[1; 8])), None);
        let whole = add(&mut pieces, &part(1, 8, true, &[2; 8])).unwrap();
        let packet = Packet::parse(&whole).unwrap();
        assert_eq!((packet.payload, packet.part), (&[&[1; 8][..], &[2; 8], b"end"].concat()[..], None));
        assert_eq!((pieces.pending.len(), pieces.bytes), (1, 8));
    }

    #[test]
    fn parts_that_overlap_are_thrown_away() {
        let mut pieces = Pieces::default();
        add(&mut pieces, &part(1, 0, true, &[1; 16]));
        assert_eq!(add(&mut pieces, &part(1, 8, false, &[2; 8])), None);
        assert!(pieces.pending.is_empty());
        add(&mut pieces, &part(1, 8, false, &[2; 8]));
        assert_eq!(add(&mut pieces, &part(1, 16, false, &[2; 8])), None);
        assert_eq!((pieces.pending.len(), pieces.bytes), (0, 0));
        assert_eq!(add(&mut pieces, &part(1, 0, true, &[1; 7])), None);
        assert_eq!(add(&mut pieces, &part(1, 65_528, false, &[1; 8])), None);
        assert!(pieces.pending.is_empty());
    }

    #[test]
    fn parts_do_not_fill_the_memory() {
        let mut pieces = Pieces::default();
        for number in 0..2000 {
            add(&mut pieces, &part(number, 0, true, &[1; 32_000]));
        }
        assert!(pieces.bytes <= BYTES && pieces.pending.len() <= MOST);
        assert_eq!(pieces.bytes, pieces.pending.len() * 32_000);
    }
}
