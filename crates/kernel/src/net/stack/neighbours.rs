//! Who has which address on a link: what ARP (RFC 826) and neighbour discovery (RFC 4861) have told.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use smoltcp::wire::EthernetAddress;

/// What was heard of somebody is believed for so long without asking again.
const BELIEVED: Duration = Duration::from_secs(30);
/// How often somebody is asked, and how long one waits each time.
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(1);
/// Most neighbours that are remembered.
const MOST: usize = 1024;
/// Most bytes that wait for the address of one.
const WAITING: usize = 256 << 10;

#[derive(Debug)]
struct Neighbour {
    address: Option<EthernetAddress>,
    /// When it was heard of last.
    heard: Instant,
    /// How often it was asked since, and when the next time is.
    asked: Option<(u32, Instant)>,
    /// Frames for it.
    waiting: Vec<Vec<u8>>,
}

/// Those who are on a link.
#[derive(Debug, Default)]
pub struct Neighbours(HashMap<IpAddr, Neighbour>);

/// What is known of a neighbour.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// Its address.
    pub address: Option<EthernetAddress>,
    /// It is to be asked now.
    pub ask: bool,
}

/// What is to be done because nobody answered.
#[derive(Debug, Default)]
pub struct Silence {
    /// Who is to be asked again, there if it is known where.
    pub ask: Vec<(IpAddr, Option<EthernetAddress>)>,
    /// Frames that reach nobody.
    pub lost: Vec<Vec<u8>>,
}

impl Neighbours {
    /// Looks a neighbour up, to send something there.
    pub fn look_up(&mut self, who: IpAddr, now: Instant) -> Known {
        if !self.0.contains_key(&who) {
            self.make_room(now);
            let neighbour = Neighbour { address: None, heard: now, asked: None, waiting: Vec::new() };
            self.0.insert(who, neighbour);
        }
        let Some(neighbour) = self.0.get_mut(&who) else { return Known { address: None, ask: false } };
        let doubtful = neighbour.address.is_none() || now.saturating_duration_since(neighbour.heard) > BELIEVED;
        let ask = doubtful && neighbour.asked.is_none();
        if ask {
            neighbour.asked = Some((1, now + PATIENCE));
        }
        Known { address: neighbour.address, ask }
    }

    /// All of them, with their addresses where these are known.
    pub fn all(&self) -> Vec<(IpAddr, Option<EthernetAddress>)> {
        let mut all: Vec<_> = self.0.iter().map(|(who, neighbour)| (*who, neighbour.address)).collect();
        all.sort();
        all
    }

    /// Forgets those of whom nothing was heard for the longest time, if there are many. They may be made up by
    /// somebody on the link.
    fn make_room(&mut self, now: Instant) {
        if self.0.len() < MOST {
            return;
        }
        self.0.retain(|_, neighbour| now.saturating_duration_since(neighbour.heard) < BELIEVED);
        while self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, neighbour)| neighbour.heard).map(|(who, _)| *who);
            let Some(oldest) = oldest else { return };
            self.0.remove(&oldest);
        }
    }

    /// Keeps a frame until it is known where `who` is.
    pub fn keep(&mut self, who: IpAddr, frame: &[u8]) {
        if let Some(neighbour) = self.0.get_mut(&who) {
            let bytes: usize = neighbour.waiting.iter().map(Vec::len).sum();
            if bytes + frame.len() <= WAITING {
                neighbour.waiting.push(frame.to_vec());
            }
        }
    }

    /// Somebody has said where `who` is; who was never asked for is remembered if `new`. The frames that waited.
    pub fn learn(&mut self, who: IpAddr, address: EthernetAddress, new: bool, now: Instant) -> Vec<Vec<u8>> {
        if !address.is_unicast() || !(new || self.0.contains_key(&who)) {
            return Vec::new();
        }
        let known = Neighbour { address: Some(address), heard: now, asked: None, waiting: Vec::new() };
        if !self.0.contains_key(&who) {
            self.make_room(now);
        }
        self.0.insert(who, known).map(|before| before.waiting).unwrap_or_default()
    }

    /// Those who have not answered by now.
    pub fn silent(&mut self, now: Instant) -> Silence {
        let mut silence = Silence::default();
        self.0.retain(|who, neighbour| match &mut neighbour.asked {
            Some((tries, next)) if *next <= now && *tries < TRIES => {
                (*tries, *next) = (*tries + 1, now + PATIENCE);
                silence.ask.push((*who, neighbour.address));
                true
            }
            Some((_, next)) if *next <= now => {
                silence.lost.append(&mut neighbour.waiting);
                false
            }
            _ => true,
        });
        silence
    }

    /// When [`Neighbours::silent`] has something to tell, unless they answer.
    pub fn next(&self) -> Option<Instant> {
        self.0.values().filter_map(|neighbour| neighbour.asked.map(|(_, next)| next)).min()
    }

    /// Those whose addresses are known, or asked for.
    pub fn list(&self) -> Vec<(IpAddr, Option<EthernetAddress>)> {
        let mut all: Vec<_> = self.0.iter().map(|(who, neighbour)| (*who, neighbour.address)).collect();
        all.sort_by_key(|(who, _)| *who);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);

    fn who(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    #[test]
    fn frames_wait_for_an_answer() {
        let (mut neighbours, now) = (Neighbours::default(), Instant::now());
        assert_eq!(neighbours.look_up(who(1), now), Known { address: None, ask: true });
        assert_eq!(neighbours.look_up(who(1), now), Known { address: None, ask: false });
        neighbours.keep(who(1), b"frame");
        assert!(neighbours.learn(who(1), EthernetAddress::BROADCAST, true, now).is_empty());
        assert_eq!(neighbours.learn(who(1), HERE, false, now), [b"frame"]);
        assert_eq!(neighbours.look_up(who(1), now), Known { address: Some(HERE), ask: false });
        assert_eq!(neighbours.next(), None);
        let later = now + BELIEVED + PATIENCE;
        assert_eq!(neighbours.look_up(who(1), later), Known { address: Some(HERE), ask: true });
    }

    #[test]
    fn who_never_answers_is_given_up() {
        let (mut neighbours, mut now) = (Neighbours::default(), Instant::now());
        neighbours.look_up(who(1), now);
        neighbours.keep(who(1), b"frame");
        for _ in 1..TRIES {
            now += PATIENCE;
            assert_eq!(neighbours.next(), Some(now));
            assert_eq!(neighbours.silent(now).ask, [(who(1), None)]);
        }
        let silence = neighbours.silent(now + PATIENCE);
        assert_eq!((silence.ask.len(), silence.lost.len()), (0, 1));
        assert!(neighbours.list().is_empty());
    }

    #[test]
    fn nobody_fills_the_memory() {
        let (mut neighbours, now) = (Neighbours::default(), Instant::now());
        for number in 0..5000 {
            neighbours.learn(who(number), HERE, true, now);
            neighbours.learn(who(number + 10_000), HERE, false, now);
        }
        assert_eq!(neighbours.list().len(), MOST);
        neighbours.look_up(who(9000), now);
        for _ in 0..1000 {
            neighbours.keep(who(9000), &[0; 1000]);
        }
        assert!(neighbours.learn(who(9000), HERE, false, now).len() <= WAITING / 1000);
    }
}
