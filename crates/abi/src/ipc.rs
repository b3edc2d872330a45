//! System V interprocess communication; see sysvipc(7).

names! {
    /// Flags of the calls that get an object.
    pub mod get: u32 = "IPC_" { CREAT = 0o1000, EXCL = 0o2000, NOWAIT = 0o4000, }

    /// Commands of all kinds of objects.
    pub mod command: i32 = "IPC_" { RMID = 0, SET = 1, STAT = 2, INFO = 3, }

    /// Commands of semctl(2).
    pub mod semaphore: i32 = "" {
        GETPID = 11, GETVAL = 12, GETALL = 13, GETNCNT = 14, GETZCNT = 15, SETVAL = 16, SETALL = 17,
    }

    /// Commands of shmctl(2).
    pub mod shared: i32 = "SHM_" { LOCK = 11, UNLOCK = 12, }

    /// Flags of shmat(2).
    pub mod attach: u32 = "SHM_" { RDONLY = 0o10000, RND = 0o20000, REMAP = 0o40000, EXEC = 0o100000, }

    /// Flags of msgrcv(2).
    pub mod message: u32 = "MSG_" { NOERROR = 0o10000, EXCEPT = 0o20000, COPY = 0o40000, }
}

/// IPC_PRIVATE: a key that names nothing.
pub const PRIVATE: i32 = 0;
/// SHM_DEST in the mode of a segment that goes with its last attachment.
pub const SHM_DEST: u32 = 0o1000;
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

    /// `struct sembuf`.
    pub struct SemBuf { pub index: u16, pub operation: i16, pub flags: i16, }
}
