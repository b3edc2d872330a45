//! Fields of messages: numbers in little-endian order, strings and data behind their lengths.

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message of 9P2000.L")]
pub struct Malformed;

/// Bytes that are yet to be read.
pub struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.bytes(N)?.try_into().map_err(|_| Malformed)
    }
}

/// What can be in a message.
pub trait Field<'a>: Sized {
    /// Reads it.
    fn take(input: &mut Input<'a>) -> Result<Self, Malformed>;

    /// Writes it.
    fn put(&self, output: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl<'a> Field<'a> for $type {
            fn take(input: &mut Input<'a>) -> Result<Self, Malformed> {
                Ok(<$type>::from_le_bytes(input.array()?))
            }

            fn put(&self, output: &mut Vec<u8>) {
                output.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64);

/// A string: any bytes.
impl<'a> Field<'a> for &'a [u8] {
    fn take(input: &mut Input<'a>) -> Result<Self, Malformed> {
        let length = u16::take(input)?;
        input.bytes(length.into())
    }

    fn put(&self, output: &mut Vec<u8>) {
        // Names and link targets are shorter; what is not does not fit, and the other side says so.
        let length = u16::try_from(self.len()).unwrap_or(u16::MAX);
        length.put(output);
        output.extend_from_slice(&self[..length.into()]);
    }
}

/// Content of a file, entries of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a>(pub &'a [u8]);

impl<'a> Field<'a> for Data<'a> {
    fn take(input: &mut Input<'a>) -> Result<Self, Malformed> {
        let length = u32::take(input)?;
        input.bytes(usize::try_from(length).map_err(|_| Malformed)?).map(Data)
    }

    fn put(&self, output: &mut Vec<u8>) {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        length.put(output);
        output.extend_from_slice(self.0);
    }
}

/// Up to [`MAX_WALK`](crate::MAX_WALK) values behind their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Many<T>(pub Vec<T>);

impl<'a, T: Field<'a>> Field<'a> for Many<T> {
    fn take(input: &mut Input<'a>) -> Result<Self, Malformed> {
        let count = u16::take(input)?;
        if usize::from(count) > crate::MAX_WALK {
            return Err(Malformed);
        }
        (0..count).map(|_| T::take(input)).collect::<Result<_, _>>().map(Many)
    }

    fn put(&self, output: &mut Vec<u8>) {
        let count = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        count.put(output);
        self.0.iter().take(count.into()).for_each(|value| value.put(output));
    }
}
