//! What is saved comes back the same.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    path::PathBuf,
    sync::{Arc, OnceLock, Weak, atomic::AtomicU32},
    time::{Duration, Instant},
};

use lazaret_snapshot::{Context, Error, Reader, Snapshot, Writer, load, load_with, save, snapshot_dyn};
use parking_lot::{Mutex, RwLock};

fn copy<T: Snapshot>(value: &T) -> T {
    load(&save(value).unwrap()).unwrap()
}

#[derive(Snapshot, Debug, PartialEq, Clone)]
enum Node {
    Leaf,
    Pair(u32, String),
    Named {
        inner: Vec<Option<Node>>,
        #[snapshot(skip)]
        cache: Option<u64>,
    },
}

#[derive(Snapshot, Debug, PartialEq)]
struct Generic<T>(T, #[snapshot(with = lazaret_snapshot::bytes)] Vec<u8>);

#[derive(Snapshot, Debug, PartialEq, Clone, Default)]
struct Unit;

#[test]
fn plain_types_and_collections() {
    let value = (
        (u8::MAX, i64::MIN, true, 'ß', usize::MAX, ()),
        ("text".to_string(), PathBuf::from("/a/b"), Duration::from_nanos(5_000_000_001)),
        [Some(1u16), None],
        BTreeMap::from([(1u32, "one".to_string()), (2, "two".to_string())]),
        (HashMap::from([(3u8, vec![4u64])]), HashSet::from([7i32])),
        (VecDeque::from([1u8, 2]), Box::new(5u128), vec![Unit, Unit]),
    );
    assert_eq!(copy(&value), value);
}

#[test]
fn points_in_time_keep_their_distance() {
    let hour = Duration::from_secs(3600);
    let bytes = save(&(Instant::now() + hour, Instant::now())).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let (later, then): (Instant, Instant) = load(&bytes).unwrap();
    let left = later - Instant::now();
    assert!(left <= hour && left > hour - Duration::from_millis(450), "{left:?}");
    assert!(then <= Instant::now());
}

#[test]
fn derived_types() {
    let value = Node::Named { inner: vec![None, Some(Node::Leaf), Some(Node::Pair(1, "x".into()))], cache: Some(1) };
    let Node::Named { inner, cache } = copy(&value) else { panic!("other variant") };
    assert_eq!(inner, [None, Some(Node::Leaf), Some(Node::Pair(1, "x".into()))]);
    assert_eq!(cache, None);
    assert_eq!(copy(&Generic(7u8, vec![1, 2, 3])), Generic(7u8, vec![1, 2, 3]));
}

#[test]
fn locks_and_atomics() {
    let value = (Mutex::new(3u8), RwLock::new("x".to_string()), AtomicU32::new(9), OnceLock::from(4u8));
    let loaded = copy(&value);
    assert_eq!(*loaded.0.lock(), 3);
    assert_eq!(*loaded.1.read(), "x");
    assert_eq!(loaded.2.into_inner(), 9);
    assert_eq!(loaded.3.get(), Some(&4));
}

#[test]
fn a_held_lock_is_an_error() {
    let lock = Mutex::new(1u8);
    let _guard = lock.lock();
    assert_eq!(save(&lock), Err(Error::Locked("u8")));
}

#[derive(Snapshot)]
struct Task {
    id: u32,
    parent: Mutex<Weak<Task>>,
    children: Mutex<Vec<Arc<Task>>>,
}

fn task(id: u32, parent: Weak<Task>) -> Arc<Task> {
    Arc::new(Task { id, parent: Mutex::new(parent), children: Mutex::default() })
}

fn family() -> (Arc<Task>, Arc<Task>) {
    let parent = task(1, Weak::new());
    let child = task(2, Arc::downgrade(&parent));
    parent.children.lock().push(child.clone());
    (parent, child)
}

#[test]
fn shared_objects_keep_their_identity_in_any_order() {
    let (parent, child) = family();
    for roots in [vec![parent.clone(), child.clone()], vec![child, parent]] {
        let mut loaded = copy(&roots);
        loaded.sort_by_key(|task| task.id);
        let [parent, child] = loaded.as_slice() else { panic!("wrong number") };
        assert_eq!((parent.id, child.id), (1, 2));
        assert!(Arc::ptr_eq(&parent.children.lock()[0], child));
        assert!(Arc::ptr_eq(&child.parent.lock().upgrade().unwrap(), parent));
        assert!(parent.parent.lock().upgrade().is_none());
    }
}

#[test]
fn an_object_that_nobody_owns_dangles_after_the_load() {
    let (parent, child) = family();
    parent.children.lock().clear();
    let loaded = copy(&child);
    assert!(loaded.parent.lock().upgrade().is_none());
    drop(parent);
}

#[test]
fn owning_circles_are_refused() {
    #[derive(Snapshot)]
    struct Ring(Mutex<Option<Arc<Ring>>>);
    let ring = Arc::new(Ring(Mutex::default()));
    *ring.0.lock() = Some(ring.clone());
    assert!(matches!(save(&ring), Err(Error::Cycle(_))));
    ring.0.lock().take();
}

#[test]
fn long_chains_do_not_overflow_the_stack() {
    #[derive(Snapshot, Default)]
    struct Link {
        next: Option<Arc<Link>>,
        padding: [u64; 32],
    }
    let chain = |length| (0..length).fold(None, |next, _| Some(Arc::new(Link { next, ..Link::default() })));
    let loaded: Option<Arc<Link>> = copy(&chain(10_000));
    assert_eq!(std::iter::successors(loaded.as_ref(), |link| link.next.as_ref()).count(), 10_000);
    assert_eq!(save(&chain(20_000)), Err(Error::TooDeep));
}

trait File: Any + Send + Sync {
    fn name(&self) -> String;
}

#[derive(Snapshot)]
struct Regular(String);

#[derive(Snapshot)]
struct Null;

struct Unknown;

impl File for Regular {
    fn name(&self) -> String {
        self.0.clone()
    }
}

impl File for Null {
    fn name(&self) -> String {
        "null".into()
    }
}

impl File for Unknown {
    fn name(&self) -> String {
        "unknown".into()
    }
}

snapshot_dyn! {
    Arc<dyn File> {
        "regular" => Regular,
        "null" => Null,
    }
}

#[test]
fn trait_objects() {
    let regular = Arc::new(Regular("data".into()));
    let object: Arc<dyn File> = regular.clone();
    let files = vec![object.clone(), Arc::new(Null), object.clone()];
    let (concrete, weak, dangling, files) =
        copy(&(regular, Arc::downgrade(&object), Weak::<Null>::new() as Weak<dyn File>, files));
    let names: Vec<_> = files.iter().map(|file| file.name()).collect();
    assert_eq!(names, ["data", "null", "data"]);
    assert!(Arc::ptr_eq(&files[0], &files[2]));
    let concrete: Arc<dyn File> = concrete;
    assert!(Arc::ptr_eq(&files[0], &concrete));
    assert!(Arc::ptr_eq(&weak.upgrade().unwrap(), &concrete));
    assert!(dangling.upgrade().is_none());
    let unknown: Arc<dyn File> = Arc::new(Unknown);
    assert_eq!(save(&unknown), Err(Error::Unregistered("dyn File")));
}

snapshot_dyn! {
    Box<dyn File> {
        "regular" => Regular,
    }
}

#[test]
fn boxed_trait_objects() {
    let object: Box<dyn File> = Box::new(Regular("data".into()));
    assert_eq!(copy(&object).name(), "data");
    let unknown: Box<dyn File> = Box::new(Unknown);
    assert_eq!(save(&unknown), Err(Error::Unregistered("dyn File")));
}

/// An object that registers with its parent.
#[derive(Snapshot)]
#[snapshot(attach = Member::register)]
struct Member {
    club: Weak<Mutex<u32>>,
}

impl Member {
    fn register(this: &Arc<Member>, context: &Context) -> lazaret_snapshot::Result<()> {
        *this.club.upgrade().unwrap().lock() += context.get::<u32>()?;
        Ok(())
    }
}

#[test]
fn objects_are_attached_when_all_are_loaded() {
    let club = Arc::new(Mutex::new(0));
    let members = [(); 3].map(|()| Arc::new(Member { club: Arc::downgrade(&club) }));
    let bytes = save(&(members, club)).unwrap();
    let (_members, club) =
        load_with::<([Arc<Member>; 3], Arc<Mutex<u32>>)>(&bytes, &Context::new().with(2u32)).unwrap();
    assert_eq!(*club.lock(), 6);
}

/// A host resource that is not saved but found again.
#[derive(Debug, PartialEq, Clone)]
struct Descriptor(i32);

mod descriptor {
    use super::{Descriptor, Reader, Writer};

    pub fn save(_: &Descriptor, _: &mut Writer) -> lazaret_snapshot::Result<()> {
        Ok(())
    }

    pub fn load(reader: &mut Reader<'_>) -> lazaret_snapshot::Result<Descriptor> {
        reader.context::<Descriptor>().cloned()
    }
}

#[derive(Snapshot, Debug, PartialEq)]
struct Open(#[snapshot(with = descriptor)] Descriptor);

#[test]
fn host_resources_come_from_the_context() {
    let bytes = save(&Open(Descriptor(3))).unwrap();
    let loaded = load_with::<Open>(&bytes, &Context::new().with(Descriptor(9)));
    assert_eq!(loaded, Ok(Open(Descriptor(9))));
    assert!(matches!(load::<Open>(&bytes), Err(Error::MissingContext(_))));
}
