//! Where application memory and the platform's own pages lie in an address space.

use std::ops::Range;

/// Size of a page in bytes.
pub const PAGE_SIZE: u64 = 4096;

/// Lowest address an application may map (the host's `vm.mmap_min_addr`).
pub const APP_MIN: u64 = 0x1_0000;

/// End of application memory. Above it are the stub, its trampolines and the host's vDSO.
///
/// Both bounds are multiples of 4 GiB so that the stub's filter can compare upper halves only.
pub const APP_MAX: u64 = 0x7000_0000_0000;

/// Where position-independent executables are loaded, before randomisation (as on Linux: two
/// thirds of the address space).
pub const PIE_BASE: u64 = 0x5555_5555_4000;

/// Ranges below [`APP_MAX`] that belong to the platform: trampolines must lie within 2 GiB of the
/// code they serve, and executables are far from the top. The kernel maps nothing there and shows
/// nothing there.
pub const RESERVED: [Range<u64>; 2] = [
    // For executables at fixed addresses, which start at 4 MiB.
    0x10_0000..0x20_0000,
    // For position-independent executables.
    0x5554_ffe0_0000..0x5554_fff0_0000,
];
