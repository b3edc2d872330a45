//! Memory of the own process.

use std::{ffi::c_void, ptr};

/// Bytes at the top of the heap that are not given back to the host, so that a program that makes and
/// removes files again and again does not make the host clear the same pages each time.
const KEPT: libc::c_int = 1 << 20;

/// Makes all threads use one heap. Called before there are several.
///
/// By default each thread gets a heap of its own: with a thread per task that is memory for little,
/// and such heaps grow by one host call (mprotect(2)) for each page. Threads seldom meet in the one
/// heap, since each keeps small pieces for itself. See mallopt(3).
pub fn use_one_heap() {
    // SAFETY: mallopt has no pointers, and there is one thread.
    unsafe {
        // They fail for unknown parameters only.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}

/// Lets go of the pages of the own program that were only mapped, code above all. Those that are still
/// needed come back from the page cache, many at a time, when they are touched.
///
/// A start runs through most of the program, and after it a small part does the work.
pub fn release_program() {
    // SAFETY: the callback has the right type and keeps nothing.
    unsafe { libc::dl_iterate_phdr(Some(release_object), ptr::null_mut()) };
}

/// Releases the segments of one loaded object that nobody can write.
unsafe extern "C" fn release_object(info: *mut libc::dl_phdr_info, _size: usize, _data: *mut c_void) -> libc::c_int {
    // SAFETY: the C library passes a valid structure.
    let info = unsafe { &*info };
    // SAFETY: it names this many headers, which stay as long as the object.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0) {
        const PAGE: u64 = 4096;
        let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
        let end = start.wrapping_add(header.p_memsz);
        // Whole pages of this segment alone.
        let (start, end) = (start.next_multiple_of(PAGE), end & !(PAGE - 1));
        if start < end {
            let address = ptr::with_exposed_provenance_mut(start as usize);
            // SAFETY: a private mapping of a file that was never written has the same content when it
            // is mapped anew. Failure leaves it as it is.
            unsafe { libc::madvise(address, (end - start) as usize, libc::MADV_DONTNEED) };
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_goes_on_without_its_pages() {
        static TEXT: &str = "constant";
        use_one_heap();
        release_program();
        assert_eq!(TEXT.len(), 8);
    }
}
