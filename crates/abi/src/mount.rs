//! Mounts; see mount(2), umount(2), mount_setattr(2).

names! {
    /// Flags of mount(2).
    pub mod mount: u64 = "MS_" {
        RDONLY = 1, NOSUID = 2, NODEV = 4, NOEXEC = 8, SYNCHRONOUS = 16, REMOUNT = 32, MANDLOCK = 64, DIRSYNC = 128,
        NOSYMFOLLOW = 256, NOATIME = 1024, NODIRATIME = 2048, BIND = 4096, MOVE = 8192, REC = 16384, SILENT = 32768,
        POSIXACL = 1 << 16, UNBINDABLE = 1 << 17, PRIVATE = 1 << 18, SLAVE = 1 << 19, SHARED = 1 << 20,
        RELATIME = 1 << 21, KERNMOUNT = 1 << 22, I_VERSION = 1 << 23, STRICTATIME = 1 << 24, LAZYTIME = 1 << 25,
    }

    /// Flags of umount2(2).
    pub mod umount: u32 = "" { MNT_FORCE = 1, MNT_DETACH = 2, MNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8, }

    /// Flags of statfs(2).
    pub mod statfs: u64 = "ST_" {
        RDONLY = 1, NOSUID = 2, NODEV = 4, NOEXEC = 8, SYNCHRONOUS = 16, VALID = 32, MANDLOCK = 64, NOATIME = 1024,
        NODIRATIME = 2048, RELATIME = 4096, NOSYMFOLLOW = 8192,
    }

    /// Magic numbers of file systems, statfs(2).
    pub mod magic: u64 = "" {
        TMPFS_MAGIC = 0x0102_1994, PROC_SUPER_MAGIC = 0x9fa0, SYSFS_MAGIC = 0x6265_6572, DEVPTS_SUPER_MAGIC = 0x1cd1,
        OVERLAYFS_SUPER_MAGIC = 0x794c_7630, EXT4_SUPER_MAGIC = 0xef53, CGROUP2_SUPER_MAGIC = 0x6367_7270,
        MQUEUE_MAGIC = 0x1980_0202, PIPEFS_MAGIC = 0x5049_5045, SOCKFS_MAGIC = 0x534f_434b,
        ANON_INODE_FS_MAGIC = 0x0904_1934, NSFS_MAGIC = 0x6e73_6673, PID_FS_MAGIC = 0x5049_4446,
    }
}

structures! {
    /// `struct mount_attr` of mount_setattr(2).
    pub struct MountAttr { pub set: u64, pub clear: u64, pub propagation: u64, pub userns: u64, }
}
