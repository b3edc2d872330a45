//! Files: the VFS, its file systems, and open files.

pub mod anon;
pub mod context;
pub mod dev;
pub mod epoll;
pub mod eventfd;
pub mod fdtable;
pub mod file;
pub mod hostfs;
pub mod inode;
pub mod inotify;
pub mod notify;
pub mod overlay;
pub mod pipe;
pub mod poll;
pub mod pseudo;
pub mod special;
pub mod timerfd;
pub mod tmpfs;
pub mod vfs;
pub mod xattr;
