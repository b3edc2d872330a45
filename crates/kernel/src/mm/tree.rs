//! The ordered set of areas of an address space.
//!
//! Pure data: it knows nothing of the host. Ranges are page aligned and non-empty; callers check.

use std::{collections::BTreeMap, ops::Range};

use lazaret_platform::layout::{APP_MAX, APP_MIN, PAGE_SIZE, RESERVED};
use lazaret_snapshot::Snapshot;

use super::vma::Vma;

/// Areas by start address; they never overlap.
#[derive(Clone, Default, Snapshot)]
pub struct VmaTree {
    areas: BTreeMap<u64, Vma>,
    /// Sum of all lengths in bytes.
    total: u64,
    /// Where the last search for free memory ended.
    #[snapshot(skip)]
    search: Search,
}

/// What the searches from one top have found, so that the next one need not begin there again:
/// between `top` and `from`, no hole is larger than `largest_hole`.
#[derive(Clone, Copy, Default, Snapshot)]
struct Search {
    top: u64,
    from: u64,
    largest_hole: u64,
}

impl VmaTree {
    /// The area that contains `address`.
    pub fn find(&self, address: u64) -> Option<&Vma> {
        self.areas.range(..=address).next_back().map(|(_, area)| area).filter(|area| area.contains(address))
    }

    /// All areas, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &Vma> {
        self.areas.values()
    }

    /// Areas that overlap `range`, ascending.
    pub fn overlapping(&self, range: Range<u64>) -> impl Iterator<Item = &Vma> {
        let first = self.find(range.start).map_or(range.start, |area| area.start);
        self.areas.range(first..range.end).map(|(_, area)| area)
    }

    /// Number of areas.
    pub fn count(&self) -> usize {
        self.areas.len()
    }

    /// Bytes mapped in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Every address of `range` is mapped.
    pub fn covers(&self, range: Range<u64>) -> bool {
        let mut next = range.start;
        for area in self.overlapping(range.clone()) {
            if area.start > next {
                return false;
            }
            next = area.end;
        }
        next >= range.end
    }

    /// Nothing in `range` is mapped or reserved.
    pub fn is_free(&self, range: Range<u64>) -> bool {
        self.overlapping(range.clone()).next().is_none()
            && !RESERVED.iter().any(|reserved| reserved.start < range.end && range.start < reserved.end)
    }

    /// Removes `range` and returns what was there, cut to it.
    pub fn remove(&mut self, range: Range<u64>) -> Vec<Vma> {
        let keys: Vec<u64> = self.overlapping(range.clone()).map(|area| area.start).collect();
        let mut removed = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(area) = self.areas.remove(&key) else { continue };
            let start = area.start.max(range.start);
            let end = area.end.min(range.end);
            self.total -= end - start;
            if area.start < start {
                self.areas.insert(area.start, area.part(area.start, start));
            }
            if end < area.end {
                self.areas.insert(end, area.part(end, area.end));
            }
            removed.push(area.part(start, end));
        }
        if !removed.is_empty() && range.end > self.search.from {
            self.search.from = range.end.min(self.search.top);
        }
        removed
    }

    /// Adds an area over whatever is there, merging it with its neighbours where they agree.
    pub fn insert(&mut self, area: Vma) {
        self.remove(area.start..area.end);
        self.total += area.length();
        let mut area = area;
        if let Some((_, before)) = self.areas.range(..area.start).next_back()
            && before.merges_with(&area)
        {
            let before = before.start;
            if let Some(before) = self.areas.remove(&before) {
                area = Vma { end: area.end, ..before };
            }
        }
        if let Some(after) = self.areas.get(&area.end)
            && area.merges_with(after)
        {
            let (key, end) = (after.start, after.end);
            self.areas.remove(&key);
            area.end = end;
        }
        self.areas.insert(area.start, area);
    }

    /// Changes every area in `range`, splitting and merging as needed.
    pub fn update(&mut self, range: Range<u64>, mut change: impl FnMut(&mut Vma)) {
        for mut area in self.remove(range) {
            change(&mut area);
            self.insert(area);
        }
    }

    /// Free range of `length` bytes that ends at or below `top`: the highest one, or nearly so.
    pub fn find_free_below(&mut self, top: u64, length: u64) -> Option<u64> {
        let top = top.min(APP_MAX);
        let mut search = self.search;
        if search.top != top || length <= search.largest_hole {
            search = Search { top, from: top, largest_hole: 0 };
        }
        let mut end = search.from;
        let mut below = self.areas.range(..end).rev().map(|(_, area)| area).peekable();
        loop {
            // The hole below `end` reaches down to the next area or reserved range.
            while let Some(area) = below.peek()
                && area.end >= end
            {
                end = end.min(area.start);
                below.next();
            }
            let reserved = RESERVED.iter().filter(|reserved| reserved.start < end).max_by_key(|reserved| reserved.end);
            let floor =
                below.peek().map_or(APP_MIN, |area| area.end).max(reserved.map_or(APP_MIN, |range| range.end.min(end)));
            let hole = end.saturating_sub(floor);
            if hole >= length {
                let start = end - length;
                self.search = Search { from: start, ..search };
                return Some(start);
            }
            search.largest_hole = search.largest_hole.max(hole);
            if floor == APP_MIN {
                return None;
            }
            end = match reserved {
                Some(reserved) if reserved.end.min(end) == floor => reserved.start,
                _ => floor,
            };
        }
    }
}

/// Rounds up to a page; `None` on overflow.
pub fn page_align_up(value: u64) -> Option<u64> {
    value.checked_add(PAGE_SIZE - 1).map(|value| value & !(PAGE_SIZE - 1))
}

/// Rounds down to a page.
pub fn page_align_down(value: u64) -> u64 {
    value & !(PAGE_SIZE - 1)
}

/// Is a multiple of the page size.
pub fn is_page_aligned(value: u64) -> bool {
    value.is_multiple_of(PAGE_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mm::vma::{VmaBacking, VmaFlags};
    use lazaret_platform::Prot;

    const BASE: u64 = 0x1000_0000;

    fn area(from: u64, to: u64, prot: Prot) -> Vma {
        Vma {
            start: BASE + from * PAGE_SIZE,
            end: BASE + to * PAGE_SIZE,
            prot,
            max_prot: Prot::all(),
            flags: VmaFlags::empty(),
            backing: VmaBacking::Anonymous,
        }
    }

    fn shape(tree: &VmaTree) -> Vec<(u64, u64, Prot)> {
        tree.iter().map(|a| ((a.start - BASE) / PAGE_SIZE, (a.end - BASE) / PAGE_SIZE, a.prot)).collect()
    }

    fn pages(from: u64, to: u64) -> Range<u64> {
        BASE + from * PAGE_SIZE..BASE + to * PAGE_SIZE
    }

    #[test]
    fn neighbours_with_equal_rights_merge() {
        let mut tree = VmaTree::default();
        tree.insert(area(0, 2, Prot::READ));
        tree.insert(area(4, 6, Prot::READ));
        tree.insert(area(2, 4, Prot::READ));
        assert_eq!(shape(&tree), [(0, 6, Prot::READ)]);
        assert_eq!(tree.total(), 6 * PAGE_SIZE);
    }

    #[test]
    fn a_hole_splits_an_area() {
        let mut tree = VmaTree::default();
        tree.insert(area(0, 10, Prot::READ));
        let removed = tree.remove(pages(3, 5));
        assert_eq!(removed.len(), 1);
        assert_eq!(shape(&tree), [(0, 3, Prot::READ), (5, 10, Prot::READ)]);
        assert!(tree.covers(pages(0, 3)));
        assert!(!tree.covers(pages(2, 6)));
        assert!(tree.is_free(pages(3, 5)));
        assert!(!tree.is_free(pages(3, 6)));
    }

    #[test]
    fn protecting_the_middle_and_back_leaves_one_area() {
        let mut tree = VmaTree::default();
        tree.insert(area(0, 10, Prot::READ));
        tree.update(pages(3, 5), |area| area.prot = Prot::WRITE);
        assert_eq!(shape(&tree), [(0, 3, Prot::READ), (3, 5, Prot::WRITE), (5, 10, Prot::READ)]);
        tree.update(pages(3, 5), |area| area.prot = Prot::READ);
        assert_eq!(shape(&tree), [(0, 10, Prot::READ)]);
    }

    #[test]
    fn the_highest_hole_is_found() {
        let mut tree = VmaTree::default();
        tree.insert(area(0, 10, Prot::READ));
        tree.insert(area(12, 20, Prot::READ));
        let top = BASE + 20 * PAGE_SIZE;
        assert_eq!(tree.find_free_below(top, 2 * PAGE_SIZE), Some(BASE + 10 * PAGE_SIZE));
        assert_eq!(tree.find_free_below(top, 3 * PAGE_SIZE), Some(BASE - 3 * PAGE_SIZE));
        assert_eq!(tree.find_free_below(APP_MAX, PAGE_SIZE), Some(APP_MAX - PAGE_SIZE));
        assert_eq!(tree.find_free_below(top, APP_MAX), None);
    }

    #[test]
    fn freed_memory_is_found_again() {
        let mut tree = VmaTree::default();
        let top = BASE + 100 * PAGE_SIZE;
        let take = |tree: &mut VmaTree, pages: u64| {
            let start = tree.find_free_below(top, pages * PAGE_SIZE).unwrap();
            let from = (start - BASE) / PAGE_SIZE;
            tree.insert(area(from, from + pages, if from.is_multiple_of(2) { Prot::READ } else { Prot::WRITE }));
            from
        };
        assert_eq!(take(&mut tree, 1), 99);
        assert_eq!(take(&mut tree, 10), 89);
        assert_eq!(take(&mut tree, 5), 84);
        tree.remove(pages(89, 99));
        assert_eq!(take(&mut tree, 20), 64);
        assert_eq!(take(&mut tree, 10), 89);
        assert_eq!(take(&mut tree, 1), 63);
        tree.remove(pages(99, 100));
        assert_eq!(take(&mut tree, 1), 99);
    }

    #[test]
    fn reserved_ranges_are_never_free() {
        let mut tree = VmaTree::default();
        let reserved = &RESERVED[0];
        assert_eq!(tree.find_free_below(reserved.end, PAGE_SIZE), Some(reserved.start - PAGE_SIZE));
        assert!(!tree.is_free(reserved.start..reserved.start + PAGE_SIZE));
    }
}
