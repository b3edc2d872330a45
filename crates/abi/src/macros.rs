//! How structures and sets of constants are declared.

/// Declares structures of the system call interface: C layout, copied as plain bytes.
///
/// The fields have the names of the man page without their common prefix, so they need no
/// documentation of their own. Padding is spelled out; the derives refuse hidden padding.
macro_rules! structures {
    ($($(#[$attribute:meta])* pub struct $name:ident { $(pub $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$attribute])*
            #[repr(C)]
            #[derive(
                Clone,
                Copy,
                Debug,
                Default,
                PartialEq,
                Eq,
                zerocopy::FromBytes,
                zerocopy::IntoBytes,
                zerocopy::Immutable,
                zerocopy::KnownLayout,
            )]
            #[allow(missing_docs, reason = "the fields are those of the man page")]
            pub struct $name { $(pub $field: $type,)* }

            impl lazaret_snapshot::Snapshot for $name {
                fn save(&self, writer: &mut lazaret_snapshot::Writer) -> lazaret_snapshot::Result<()> {
                    writer.write(zerocopy::IntoBytes::as_bytes(self));
                    Ok(())
                }

                fn load(reader: &mut lazaret_snapshot::Reader<'_>) -> lazaret_snapshot::Result<Self> {
                    let bytes = reader.read(size_of::<Self>())?;
                    zerocopy::FromBytes::read_from_bytes(bytes).map_err(|_| lazaret_snapshot::Error::Truncated)
                }
            }
        )*
    };
}

/// Declares modules of constants. Each module has its constants without their common prefix, and
/// `NAMES`: values with full names, for output like strace(1)'s.
macro_rules! names {
    ($($(#[$attribute:meta])* pub mod $module:ident: $type:ty = $prefix:literal {
        $($name:ident = $value:expr,)*
    })*) => {
        $(
            $(#[$attribute])*
            #[allow(missing_docs, reason = "the constants are those of the man page")]
            pub mod $module {
                $(pub const $name: $type = $value;)*
                /// Each value with its full name, in the order of declaration.
                pub const NAMES: &[(u64, &str)] =
                    &[$(($module::$name as u64, concat!($prefix, stringify!($name))),)*];
                use super::$module;
            }
        )*
    };
}
