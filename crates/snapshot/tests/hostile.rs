//! A damaged or forged file yields an error: no panic, no crash, no memory out of proportion.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use lazaret_snapshot::{Error, Snapshot, load, save};
use parking_lot::Mutex;

#[derive(Snapshot, Default)]
struct Object {
    name: String,
    data: Vec<u8>,
    table: BTreeMap<u32, Option<Arc<Object>>>,
    owner: Mutex<Weak<Object>>,
    peer: Mutex<Weak<Other>>,
    boxed: Option<Box<Object>>,
}

#[derive(Snapshot, Default)]
struct Other(Vec<(u64, Kind)>);

#[derive(Snapshot, Default, Clone)]
enum Kind {
    #[default]
    Empty,
    Text(String),
    Number {
        value: u16,
    },
}

fn sample() -> Vec<u8> {
    let other = Arc::new(Other(vec![(1, Kind::Empty), (2, Kind::Text("t".into())), (3, Kind::Number { value: 4 })]));
    let root = Arc::new(Object {
        name: "root".into(),
        peer: Mutex::new(Arc::downgrade(&other)),
        boxed: Some(Box::default()),
        ..Object::default()
    });
    let leaf = Arc::new(Object {
        name: "leaf".into(),
        data: vec![7; 20],
        owner: Mutex::new(Arc::downgrade(&root)),
        ..Object::default()
    });
    let top = Object {
        table: BTreeMap::from([(1, Some(leaf.clone())), (2, None), (3, Some(leaf)), (4, Some(root))]),
        ..Object::default()
    };
    save(&(top, other)).unwrap()
}

type Root = (Object, Arc<Other>);

/// Makes the header fit a changed payload, as a forger would.
fn seal(file: &mut [u8]) {
    let checksum = crc32(&file[24..]);
    file[12..16].copy_from_slice(&checksum.to_le_bytes());
    let length = file.len() as u64 - 24;
    file[16..24].copy_from_slice(&length.to_le_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn the_header_is_checked() {
    let good = sample();
    assert!(load::<Root>(&good).is_ok());
    let error = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = good.clone();
        change(&mut file);
        load::<Root>(&file).err()
    };
    assert_eq!(error(&|file| file.clear()), Some(Error::Magic));
    assert_eq!(error(&|file| file[0] ^= 1), Some(Error::Magic));
    assert_eq!(error(&|file| file[8] = 9), Some(Error::Version { found: 9, expected: 1 }));
    assert_eq!(error(&|file| file[12] ^= 1), Some(Error::Checksum));
    assert_eq!(error(&|file| file[40] ^= 1), Some(Error::Checksum));
    assert_eq!(error(&|file| file.truncate(10)), Some(Error::Truncated));
    assert_eq!(error(&|file| file.truncate(file.len() - 1)), Some(Error::Truncated));
    assert_eq!(error(&|file| file.push(0)), Some(Error::TrailingBytes(1)));
    assert_eq!(
        error(&|file| {
            file.push(0);
            seal(file);
        }),
        Some(Error::TrailingBytes(1))
    );
}

#[test]
fn every_truncation_is_an_error() {
    let good = sample();
    for length in 24..good.len() {
        let mut file = good[..length].to_vec();
        seal(&mut file);
        assert!(load::<Root>(&file).is_err(), "length {length}");
    }
}

/// xorshift64*: the same damage in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}

#[test]
fn random_damage_never_crashes() {
    const INTERESTING: [u8; 8] = [0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff];
    let good = sample();
    // Set by `cargo xtask fuzz`.
    let variable = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut random = Random(variable("LAZARET_FUZZ_SEED").unwrap_or(0x1a2b_3c4d_5e6f_7788).max(1));
    let time = variable("LAZARET_FUZZ_SECONDS").map(Duration::from_secs);
    let start = Instant::now();
    for _ in (0..).take_while(|round| time.map_or(*round < 30_000, |time| start.elapsed() < time)) {
        let mut file = good.clone();
        for _ in 0..=random.below(4) {
            let at = 24 + random.below(file.len() - 24);
            match random.below(4) {
                0 => file[at] = INTERESTING[random.below(INTERESTING.len())],
                1 => file[at] ^= 1 << random.below(8),
                2 => drop(file.remove(at)),
                _ => file.insert(at, INTERESTING[random.below(INTERESTING.len())]),
            }
        }
        seal(&mut file);
        drop(load::<Root>(&file));
    }
}

#[test]
fn a_long_length_does_not_allocate() {
    let mut file = save(&vec![1u8; 4]).unwrap();
    file[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
    seal(&mut file);
    assert_eq!(load::<Vec<u8>>(&file).err(), Some(Error::Truncated));
}

#[test]
fn small_files_do_not_become_big_values() {
    let nothing = vec![None::<[u64; 1000]>; 100_000];
    assert_eq!(load::<Vec<Option<[u64; 1000]>>>(&save(&nothing).unwrap()), Err(Error::TooLarge));
}

#[test]
fn deep_nesting_is_refused() {
    #[derive(Snapshot, Debug)]
    struct Deep(Option<Box<Deep>>);
    let mut file = save(&0u64).unwrap();
    file.truncate(24);
    file.resize(1 << 20, 1);
    seal(&mut file);
    assert_eq!(load::<Deep>(&file).err(), Some(Error::TooDeep));
}

#[test]
fn objects_have_one_type() {
    let object = Arc::new(5u32);
    let file = save(&(object.clone(), object)).unwrap();
    assert_eq!(load::<(Arc<u32>, Arc<i32>)>(&file).err(), Some(Error::Invalid("object type")));
    let object = Arc::new(5u32);
    let file = save(&(Arc::downgrade(&object), object)).unwrap();
    assert_eq!(load::<(Weak<i32>, Arc<u32>)>(&file).err(), Some(Error::Invalid("object type")));
}
