//! What the pointers of system calls point to, as far as it is fetched with the call.
//!
//! A call brings along what the kernel will read first: paths, small structures, the bytes of a
//! write. What is not here, too large or not readable the kernel asks the host for. Futexes must not
//! be here: their words are to be read after the kernel has locked them.

/// Calls that have an entry.
pub const CALLS: usize = 512;
/// Three bits: number of an argument, from 1 on.
pub const MASK: u32 = 7;
/// The argument in the lowest bits points to a string.
pub const STRING: u32 = 1 << 3;
/// Where the number of the argument is that says how many elements there are; 0 for one.
pub const COUNT_SHIFT: u32 = 4;
/// Where the size of an element is, in bytes.
pub const SIZE_SHIFT: u32 = 7;

/// The table: for each call up to two things to fetch, the first in the lower half.
#[unsafe(link_section = ".blob.table")]
#[unsafe(export_name = "fetch_table")]
#[used]
static TABLE: [u32; CALLS] = table();

const fn string(argument: u32) -> u32 {
    argument | STRING
}

const fn object(argument: u32, size: u32) -> u32 {
    argument | size << SIZE_SHIFT
}

const fn array(argument: u32, count: u32, size: u32) -> u32 {
    argument | count << COUNT_SHIFT | size << SIZE_SHIFT
}

const fn both(first: u32, second: u32) -> u32 {
    first | second << 16
}

const fn table() -> [u32; CALLS] {
    let mut table = [0; CALLS];
    let mut index = 0;
    while index < ENTRIES.len() {
        let (number, entry) = ENTRIES[index];
        table[number] = entry;
        index += 1;
    }
    table
}

/// Sizes are those of the structures on x86_64.
const ENTRIES: &[(usize, u32)] = &[
    (1, array(2, 3, 1)),                   // write
    (2, string(1)),                        // open
    (4, string(1)),                        // stat
    (6, string(1)),                        // lstat
    (7, array(1, 2, 8)),                   // poll
    (13, object(2, 32)),                   // rt_sigaction
    (14, object(2, 8)),                    // rt_sigprocmask
    (18, array(2, 3, 1)),                  // pwrite64
    (19, array(2, 3, 16)),                 // readv
    (20, array(2, 3, 16)),                 // writev
    (21, string(1)),                       // access
    (35, object(1, 16)),                   // nanosleep
    (38, object(2, 32)),                   // setitimer
    (42, array(2, 3, 1)),                  // connect
    (44, both(array(2, 3, 1), array(5, 6, 1))), // sendto
    (46, object(2, 56)),                   // sendmsg
    (47, object(2, 56)),                   // recvmsg
    (49, array(2, 3, 1)),                  // bind
    (54, array(4, 5, 1)),                  // setsockopt
    (59, string(1)),                       // execve
    (76, string(1)),                       // truncate
    (80, string(1)),                       // chdir
    (82, both(string(1), string(2))),      // rename
    (83, string(1)),                       // mkdir
    (84, string(1)),                       // rmdir
    (85, string(1)),                       // creat
    (86, both(string(1), string(2))),      // link
    (87, string(1)),                       // unlink
    (88, both(string(1), string(2))),      // symlink
    (89, string(1)),                       // readlink
    (90, string(1)),                       // chmod
    (92, string(1)),                       // chown
    (94, string(1)),                       // lchown
    (137, string(1)),                      // statfs
    (191, both(string(1), string(2))),     // getxattr
    (192, both(string(1), string(2))),     // lgetxattr
    (193, string(2)),                      // fgetxattr
    (223, object(3, 32)),                  // timer_settime
    (230, object(3, 16)),                  // clock_nanosleep
    (233, object(4, 12)),                  // epoll_ctl
    (235, both(string(1), object(2, 32))), // utimes
    (257, string(2)),                      // openat
    (258, string(2)),                      // mkdirat
    (260, string(2)),                      // fchownat
    (262, string(2)),                      // newfstatat
    (263, string(2)),                      // unlinkat
    (264, both(string(2), string(4))),     // renameat
    (265, both(string(2), string(4))),     // linkat
    (266, both(string(1), string(3))),     // symlinkat
    (267, string(2)),                      // readlinkat
    (268, string(2)),                      // fchmodat
    (269, string(2)),                      // faccessat
    (271, both(array(1, 2, 8), object(3, 16))), // ppoll
    (280, both(string(2), object(3, 32))), // utimensat
    (281, object(5, 8)),                   // epoll_pwait
    (286, object(3, 32)),                  // timerfd_settime
    (302, object(3, 16)),                  // prlimit64
    (316, both(string(2), string(4))),     // renameat2
    (332, string(2)),                      // statx
    (437, both(string(2), object(3, 24))), // openat2
    (439, string(2)),                      // faccessat2
];

/// Strings come before arrays, which may fill the window.
const _: () = {
    let mut index = 0;
    while index < ENTRIES.len() {
        let (number, entry) = ENTRIES[index];
        assert!(number < CALLS && number != 202);
        assert!((entry >> 16) & STRING == 0 || entry & STRING != 0);
        index += 1;
    }
};
