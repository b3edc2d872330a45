//! `Option`, `Result`, `Box`, `Cell` and their like.

use std::{
    cell::{Cell, OnceCell, RefCell},
    sync::OnceLock,
};

use crate::{Error, Reader, Result, Snapshot, Writer};

impl<T: Snapshot> Snapshot for Option<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.is_some().save(writer)?;
        self.as_ref().map_or(Ok(()), |value| value.save(writer))
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        bool::load(reader)?.then(|| T::load(reader)).transpose()
    }
}

impl<T: Snapshot, E: Snapshot> Snapshot for std::result::Result<T, E> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.is_ok().save(writer)?;
        match self {
            Ok(value) => value.save(writer),
            Err(error) => error.save(writer),
        }
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(if bool::load(reader)? { Ok(T::load(reader)?) } else { Err(E::load(reader)?) })
    }
}

impl<T: Snapshot> Snapshot for Box<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        writer.nested(|writer| T::save(self, writer))
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        reader.charge(size_of::<T>())?;
        reader.nested(T::load).map(Box::new)
    }
}

impl<T: Snapshot> Snapshot for OnceLock<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.get().is_some().save(writer)?;
        self.get().map_or(Ok(()), |value| value.save(writer))
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Option::<T>::load(reader)?.map_or_else(Self::new, Self::from))
    }
}

impl<T: Snapshot> Snapshot for OnceCell<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.get().is_some().save(writer)?;
        self.get().map_or(Ok(()), |value| value.save(writer))
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Option::<T>::load(reader)?.map_or_else(Self::new, Self::from))
    }
}

impl<T: Snapshot + Copy> Snapshot for Cell<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.get().save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        T::load(reader).map(Self::new)
    }
}

impl<T: Snapshot> Snapshot for RefCell<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.try_borrow().map_err(|_| Error::Locked("RefCell"))?.save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        T::load(reader).map(Self::new)
    }
}
