//! The C library's allocator.

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
