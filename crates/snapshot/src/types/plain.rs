//! Numbers, text, paths and times.

use std::{
    ffi::{CString, OsString},
    marker::PhantomData,
    num::{NonZeroI32, NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize},
    ops::Range,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    sync::atomic::{
        AtomicBool, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    },
    time::{Duration, Instant},
};

use crate::{Error, Reader, Result, Snapshot, Writer, bytes};

/// Fixed-size little-endian integers.
macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Snapshot for $type {
            fn save(&self, writer: &mut Writer) -> Result<()> {
                writer.write(&self.to_le_bytes());
                Ok(())
            }

            fn load(reader: &mut Reader<'_>) -> Result<Self> {
                reader.read_array().map(Self::from_le_bytes)
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 }

/// Types saved as another type, which may hold values that this one cannot.
macro_rules! converted {
    ($($type:ty as $wire:ty: |$this:ident| $to:expr, $from:expr;)*) => {$(
        impl Snapshot for $type {
            fn save(&self, writer: &mut Writer) -> Result<()> {
                let $this = self;
                <$wire as Snapshot>::save(&$to, writer)
            }

            fn load(reader: &mut Reader<'_>) -> Result<Self> {
                $from(<$wire as Snapshot>::load(reader)?).ok_or(Error::Invalid(stringify!($type)))
            }
        }
    )*};
}

converted! {
    usize as u64: |this| *this as u64, |wire: u64| usize::try_from(wire).ok();
    isize as i64: |this| *this as i64, |wire: i64| isize::try_from(wire).ok();
    bool as u8: |this| u8::from(*this), |wire: u8| (wire < 2).then_some(wire == 1);
    char as u32: |this| u32::from(*this), char::from_u32;
    f64 as u64: |this| this.to_bits(), |wire: u64| Some(f64::from_bits(wire));
    NonZeroU8 as u8: |this| this.get(), NonZeroU8::new;
    NonZeroU16 as u16: |this| this.get(), NonZeroU16::new;
    NonZeroU32 as u32: |this| this.get(), NonZeroU32::new;
    NonZeroU64 as u64: |this| this.get(), NonZeroU64::new;
    NonZeroI32 as i32: |this| this.get(), NonZeroI32::new;
    NonZeroUsize as usize: |this| this.get(), NonZeroUsize::new;
    Duration as (u64, u32): |this| (this.as_secs(), this.subsec_nanos()),
        |(secs, nanos): (u64, u32)| (nanos < 1_000_000_000).then(|| Duration::new(secs, nanos));
}

/// Atomics are saved by value: nobody changes them while a snapshot is taken.
macro_rules! atomics {
    ($($atomic:ty as $value:ty;)*) => {$(
        impl Snapshot for $atomic {
            fn save(&self, writer: &mut Writer) -> Result<()> {
                self.load(Ordering::SeqCst).save(writer)
            }

            fn load(reader: &mut Reader<'_>) -> Result<Self> {
                <$value as Snapshot>::load(reader).map(Self::new)
            }
        }
    )*};
}

atomics! {
    AtomicBool as bool; AtomicU8 as u8; AtomicU16 as u16; AtomicU32 as u32; AtomicU64 as u64; AtomicUsize as usize;
    AtomicI32 as i32; AtomicI64 as i64; AtomicIsize as isize;
}

/// A point in time keeps its distance from the moment of the save: the time in between does not
/// count, as if nothing ran out while the snapshot lay on a disk.
impl Snapshot for Instant {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        let now = writer.now;
        (self.checked_duration_since(now).ok_or_else(|| now.duration_since(*self))).save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        let now = reader.now;
        let instant = match std::result::Result::<Duration, Duration>::load(reader)? {
            Ok(ahead) => now.checked_add(ahead),
            // The host may have started later than that.
            Err(ago) => Some(now.checked_sub(ago).unwrap_or(now)),
        };
        instant.ok_or(Error::Invalid("point in time"))
    }
}

impl Snapshot for String {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        bytes::save(self.as_bytes(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        String::from_utf8(bytes::load(reader)?).map_err(|_| Error::Invalid("text"))
    }
}

impl Snapshot for OsString {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        bytes::save(self.as_bytes(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        bytes::load(reader).map(OsString::from_vec)
    }
}

impl Snapshot for PathBuf {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        bytes::save(self.as_os_str().as_bytes(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        OsString::load(reader).map(PathBuf::from)
    }
}

impl Snapshot for CString {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        bytes::save(self.as_bytes(), writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        CString::new(bytes::load(reader)?).map_err(|_| Error::Invalid("C string"))
    }
}

impl<T> Snapshot for PhantomData<T> {
    fn save(&self, _: &mut Writer) -> Result<()> {
        Ok(())
    }

    fn load(_: &mut Reader<'_>) -> Result<Self> {
        Ok(PhantomData)
    }
}

impl<T: Snapshot> Snapshot for Range<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.start.save(writer)?;
        self.end.save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(T::load(reader)?..T::load(reader)?)
    }
}
