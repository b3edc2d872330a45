//! What is kept of an immutable tree beyond its use, in bounded amounts.

use std::{collections::VecDeque, os::fd::OwnedFd};

use super::{HostFs, Listing};
use crate::sync::{Arc, Mutex, Ordering};

/// Open files that one tree keeps.
const RECENT_FILES: usize = 64;

/// Bytes of listings that one tree keeps.
const KEPT_LISTINGS: usize = 1 << 20;

/// Files that were opened lately stay open, so that programs run again and again, and their
/// libraries, cost the host no look-up.
#[derive(Default)]
pub struct Recent(Mutex<VecDeque<Arc<OwnedFd>>>);

impl Recent {
    /// Keeps `file` until [`RECENT_FILES`] others were opened.
    pub fn keep(&self, file: &Arc<OwnedFd>) {
        let mut files = self.0.lock();
        let oldest = if files.len() < RECENT_FILES { None } else { files.pop_front() };
        files.push_back(file.clone());
        drop(files);
        // Closes a host file: not under the lock.
        drop(oldest);
    }
}

/// Entries of a directory; those that a directory keeps are counted.
pub struct KeptListing {
    fs: Arc<HostFs>,
    /// The entries.
    pub listing: Arc<Listing>,
}

impl KeptListing {
    /// Counts a listing; `None` when too much is kept already.
    pub fn new(fs: &Arc<HostFs>, listing: &Arc<Listing>) -> Option<KeptListing> {
        let size = listing.memory();
        let update = |kept: usize| kept.checked_add(size).filter(|kept| *kept <= KEPT_LISTINGS);
        fs.kept_listings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update).ok()?;
        Some(KeptListing { fs: fs.clone(), listing: listing.clone() })
    }
}

impl Drop for KeptListing {
    fn drop(&mut self) {
        self.fs.kept_listings.fetch_sub(self.listing.memory(), Ordering::Relaxed);
    }
}
