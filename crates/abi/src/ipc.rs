//! System V interprocess communication; see sysvipc(7).

names! {
    /// Flags of the calls that get an object.
    pub mod get: u32 = "IPC_" { CREAT = 0o1000, EXCL = 0o2000, NOWAIT = 0o4000, }

    /// Commands of all kinds of objects.
    pub mod command: i32 = "IPC_" { RMID = 0, SET = 1, STAT = 2, INFO = 3, }

    /// Commands of semctl(2).
    pub mod semaphore: i32 = "" {
        GETPID = 11, GETVAL = 12, GETALL = 13, GETNCNT = 14, GETZCNT = 15, SETVAL = 16, SETALL = 17,
        STAT = 18, INFO = 19, STAT_ANY = 20,
    }

    /// Commands of shmctl(2).
    pub mod shared: i32 = "SHM_" { LOCK = 11, UNLOCK = 12, STAT = 13, INFO = 14, STAT_ANY = 15, }

    /// Flags of shmat(2).
    pub mod attach: u32 = "SHM_" { RDONLY = 0o10000, RND = 0o20000, REMAP = 0o40000, EXEC = 0o100000, }

    /// Commands of msgctl(2).
    pub mod message: i32 = "MSG_" { STAT = 11, INFO = 12, STAT_ANY = 13, }

    /// Flags of msgrcv(2).
    pub mod receive: u32 = "MSG_" { NOERROR = 0o10000, EXCEPT = 0o20000, COPY = 0o40000, }
}

/// IPC_PRIVATE: a key that names nothing.
pub const PRIVATE: i32 = 0;
/// SHM_DEST in the mode of a segment that goes with its last attachment.
pub const SHM_DEST: u32 = 0o1000;
/// SHM_HUGETLB of shmget(2).
pub const SHM_HUGETLB: u32 = 0o4000;
/// SEM_UNDO among the flags of an operation.
pub const SEM_UNDO: i16 = 0o10000;

structures! {
    /// `struct ipc64_perm`.
    pub struct IpcPerm {
        pub key: i32,
        pub uid: u32,
        pub gid: u32,
        pub creator_uid: u32,
        pub creator_gid: u32,
        pub mode: u32,
        pub sequence: u16,
        pub pad: u16,
        pub pad2: u32,
        pub unused: [u64; 2],
    }

    /// `struct shmid64_ds`.
    pub struct ShmIdDs {
        pub perm: IpcPerm,
        pub size: u64,
        pub attach_time: i64,
        pub detach_time: i64,
        pub change_time: i64,
        pub creator_pid: i32,
        pub last_pid: i32,
        pub attached: u64,
        pub unused: [u64; 2],
    }

    /// `struct semid64_ds`.
    pub struct SemIdDs {
        pub perm: IpcPerm,
        pub operation_time: i64,
        pub unused: u64,
        pub change_time: i64,
        pub unused2: u64,
        pub count: u64,
        pub unused3: [u64; 2],
    }

    /// `struct msqid64_ds`.
    pub struct MsqIdDs {
        pub perm: IpcPerm,
        pub send_time: i64,
        pub receive_time: i64,
        pub change_time: i64,
        pub bytes: u64,
        pub messages: u64,
        pub bytes_max: u64,
        pub send_pid: i32,
        pub receive_pid: i32,
        pub unused: [u64; 2],
    }

    /// `struct shminfo` (IPC_INFO).
    pub struct ShmInfo {
        pub size_max: u64,
        pub size_min: u64,
        pub count_max: u64,
        pub per_process: u64,
        pub pages_max: u64,
        pub unused: [u64; 4],
    }

    /// `struct shm_info` (SHM_INFO).
    pub struct ShmUsage {
        pub used: i32,
        pub pad: u32,
        pub pages: u64,
        pub resident: u64,
        pub swapped: u64,
        pub swap_attempts: u64,
        pub swap_successes: u64,
    }

    /// `struct seminfo` (IPC_INFO, SEM_INFO).
    pub struct SemInfo {
        pub map: i32,
        pub sets_max: i32,
        pub total_max: i32,
        pub undo_total: i32,
        pub set_max: i32,
        pub operations_max: i32,
        pub undo_max: i32,
        pub undo_size: i32,
        pub value_max: i32,
        pub adjustment_max: i32,
    }

    /// `struct msginfo` (IPC_INFO, MSG_INFO).
    pub struct MsgInfo {
        pub pool: i32,
        pub map: i32,
        pub message_max: i32,
        pub queue_bytes: i32,
        pub queues_max: i32,
        pub segment_size: i32,
        pub headers: i32,
        pub segments: u16,
        pub pad: u16,
    }

    /// `struct sembuf`.
    pub struct SemBuf { pub index: u16, pub operation: i16, pub flags: i16, }
}
