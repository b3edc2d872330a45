//! brk(2).

use lazaret_platform::{Context, Prot, layout::APP_MAX};

use super::{
    MemoryLimits, Mm,
    tree::page_align_up,
    vma::{Vma, VmaBacking, VmaFlags},
};

impl Mm {
    /// Sets where the heap begins (execve); it is empty then.
    pub fn set_heap_start(&self, start: u64) {
        self.areas.lock().heap = start..start;
    }

    /// Sets where mmap(2) begins to place areas, downwards (execve).
    pub fn set_top(&self, top: u64) {
        self.areas.lock().top = top.min(APP_MAX);
    }

    /// brk(2): moves the end of the heap to `end` and returns it, or the old end if that fails (the
    /// system call reports no errors).
    pub fn set_heap_end(&self, context: &mut dyn Context, end: u64, limits: &MemoryLimits) -> u64 {
        let mut areas = self.areas.lock();
        let heap = areas.heap.clone();
        if end < heap.start || end > APP_MAX || end - heap.start > limits.data {
            return heap.end;
        }
        let (Some(old), Some(new)) = (page_align_up(heap.end), page_align_up(end)) else { return heap.end };
        if new < old {
            if areas.check_unsealed(&(new..old)).is_err() || context.unmap(new, old - new).is_err() {
                return heap.end;
            }
            areas.tree.remove(new..old);
        } else if new > old {
            let area = Vma {
                start: old,
                end: new,
                prot: Prot::READ | Prot::WRITE,
                max_prot: Prot::all(),
                flags: VmaFlags::HEAP,
                backing: VmaBacking::Anonymous,
            };
            if !areas.tree.is_free(old..new)
                || areas.check_limits(&area, limits).is_err()
                || context.map(old, new - old, area.prot, area.host_backing()).is_err()
            {
                return heap.end;
            }
            areas.insert(area);
        }
        areas.heap.end = end;
        end
    }
}
