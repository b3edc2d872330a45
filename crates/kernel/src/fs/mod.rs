//! Files: the VFS, its file systems, and open files.

pub mod anon;
pub mod at;
pub mod container;
pub mod context;
pub mod descriptor;
pub mod dev;
pub mod epoll;
pub mod eventfd;
pub mod fdtable;
pub mod file;
pub mod hostfs;
pub mod inode;
pub mod inotify;
pub mod lock;
pub mod notify;
pub mod overlay;
pub mod pipe;
pub mod poll;
pub mod pseudo;
pub mod registry;
pub mod special;
pub mod timerfd;
pub mod tmpfs;
pub mod transfer;
pub mod vfs;
pub mod xattr;
