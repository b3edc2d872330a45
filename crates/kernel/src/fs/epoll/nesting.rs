//! Epolls that watch epolls: how deep and how wide that may be.
//!
//! A wake-up goes from a file to the epolls that watch it, from there to those that watch these, and so on, each
//! step a call in the one before. So chains are short and without circles, and from one file that is no epoll, few
//! ways lead through them. The bounds are those of Linux.

use std::collections::HashMap;

use lazaret_abi::errno::Errno;

use super::{Epoll, Items, Key};
use crate::{
    fs::file::File,
    sync::{Arc, Mutex, MutexGuard, Weak},
};

/// Most epolls that may watch one another in a chain (EP_MAX_NESTS).
const MAX_NESTING: usize = 4;

/// Most ways to an outermost epoll, by the number of epolls between. Those without any are not counted.
const MAX_WAYS: [usize; MAX_NESTING + 1] = [usize::MAX, 500, 100, 50, 10];

/// Serializes changes of what watches what, as far as it matters here.
static NESTING: Mutex<()> = Mutex::new(());

/// Held while such a change is made.
pub type Nesting = MutexGuard<'static, ()>;

/// The epolls that watch an epoll.
#[derive(Default)]
pub struct Outers(Mutex<HashMap<(usize, i32), Weak<File>>>);

fn key(outer: &Epoll, (fd, _): Key) -> (usize, i32) {
    (std::ptr::from_ref(outer).addr(), fd)
}

impl Outers {
    /// `outer`, whose open file is `file`, watches under this number from now on.
    pub fn insert(&self, outer: &Epoll, watch: Key, file: &Arc<File>) {
        self.0.lock().insert(key(outer, watch), Arc::downgrade(file));
    }

    /// It does so no more.
    pub fn remove(&self, outer: &Epoll, watch: Key) {
        self.0.lock().remove(&key(outer, watch));
    }

    /// Those that are still open.
    fn files(&self) -> Vec<Arc<File>> {
        let mut outers = self.0.lock();
        outers.retain(|_, file| file.strong_count() > 0);
        outers.values().filter_map(Weak::upgrade).collect()
    }
}

impl Epoll {
    /// Before `inner` is watched by this epoll.
    ///
    /// # Errors
    /// `ELOOP` for a circle, and for a chain that would be too long.
    pub(super) fn begin_nesting(&self, inner: &Epoll) -> Result<Nesting, Errno> {
        let nesting = NESTING.lock();
        let below = inner.depth(self, &mut HashMap::new())?;
        let above = self.height(&mut HashMap::new());
        if below + 1 + above > MAX_NESTING { Err(Errno::ELOOP) } else { Ok(nesting) }
    }

    /// The watches, locked for a new one; with what serializes nesting if an epoll is watched or this one is.
    pub(super) fn lock_for_watch(&self, mut nesting: Option<Nesting>) -> (MutexGuard<'_, Items>, Option<Nesting>) {
        loop {
            let items = self.items.lock();
            if nesting.is_some() || self.outers.files().is_empty() {
                return (items, nesting);
            }
            // That lock comes first.
            drop(items);
            nesting = Some(NESTING.lock());
        }
    }

    /// The longest chain of epolls below.
    fn depth(&self, top: &Epoll, known: &mut HashMap<usize, usize>) -> Result<usize, Errno> {
        let own = std::ptr::from_ref(self).addr();
        if let Some(depth) = known.get(&own) {
            return Ok(*depth);
        }
        if std::ptr::eq(self, top) {
            return Err(Errno::ELOOP);
        }
        let mut depth = 0;
        for file in self.watched() {
            if let Some(inner) = Epoll::of(&file) {
                depth = depth.max(inner.depth(top, known)? + 1);
            }
        }
        known.insert(own, depth);
        Ok(depth)
    }

    /// The longest chain of epolls above.
    fn height(&self, known: &mut HashMap<usize, usize>) -> usize {
        let own = std::ptr::from_ref(self).addr();
        if let Some(height) = known.get(&own) {
            return *height;
        }
        let heights = self.outers.files().iter().filter_map(|file| Epoll::of(file).map(|e| e.height(known) + 1)).max();
        let height = heights.unwrap_or(0);
        known.insert(own, height);
        height
    }

    /// Open files that are watched.
    fn watched(&self) -> Vec<Arc<File>> {
        self.items.lock().values().filter_map(|watch| watch.file.upgrade()).collect()
    }

    /// Once this epoll is watched by one more: the files that it watches itself, or an epoll below it, must have
    /// few ways to the outermost epolls still.
    ///
    /// # Errors
    /// `EINVAL` when there are too many.
    pub(super) fn check_ways_below(&self, seen: &mut Vec<usize>) -> Result<(), Errno> {
        let own = std::ptr::from_ref(self).addr();
        if seen.contains(&own) {
            return Ok(());
        }
        seen.push(own);
        let (epolls, others): (Vec<_>, Vec<_>) = self.watched().into_iter().partition(|file| Epoll::of(file).is_some());
        if !others.is_empty() {
            self.check_ways()?;
        }
        epolls.iter().filter_map(|file| Epoll::of(file)).try_for_each(|inner| inner.check_ways_below(seen))
    }

    /// From a file that this epoll watches, few ways lead to the outermost epolls.
    ///
    /// # Errors
    /// `EINVAL` when there are too many.
    pub(super) fn check_ways(&self) -> Result<(), Errno> {
        self.count_ways(0, &mut [0; MAX_NESTING + 1])
    }

    fn count_ways(&self, depth: usize, ways: &mut [usize; MAX_NESTING + 1]) -> Result<(), Errno> {
        let outers = self.outers.files();
        if outers.is_empty() {
            let (Some(ways), Some(most)) = (ways.get_mut(depth), MAX_WAYS.get(depth)) else {
                return Err(Errno::EINVAL);
            };
            *ways += 1;
            return if *ways > *most { Err(Errno::EINVAL) } else { Ok(()) };
        }
        outers.iter().filter_map(|file| Epoll::of(file)).try_for_each(|outer| outer.count_ways(depth + 1, ways))
    }
}
