//! Terminals; see termios(3), ioctl_tty(2).

structures! {
    /// `struct termios` of the kernel (TCGETS).
    pub struct Termios {
        pub iflag: u32,
        pub oflag: u32,
        pub cflag: u32,
        pub lflag: u32,
        pub line: u8,
        pub cc: [u8; 19],
    }

    /// `struct termios2` (TCGETS2).
    pub struct Termios2 {
        pub iflag: u32,
        pub oflag: u32,
        pub cflag: u32,
        pub lflag: u32,
        pub line: u8,
        pub cc: [u8; 19],
        pub ispeed: u32,
        pub ospeed: u32,
    }

    /// `struct termio`, with the lower half of the flags (TCGETA).
    pub struct Termio {
        pub iflag: u16,
        pub oflag: u16,
        pub cflag: u16,
        pub lflag: u16,
        pub line: u8,
        pub cc: [u8; 8],
        pub pad: u8,
    }

    /// `struct winsize`.
    pub struct WinSize { pub rows: u16, pub columns: u16, pub width: u16, pub height: u16, }
}

names! {
    /// Input modes.
    pub mod input: u32 = "" {
        IGNBRK = 1, BRKINT = 2, IGNPAR = 4, PARMRK = 8, INPCK = 0x10, ISTRIP = 0x20, INLCR = 0x40, IGNCR = 0x80,
        ICRNL = 0x100, IUCLC = 0x200, IXON = 0x400, IXANY = 0x800, IXOFF = 0x1000, IMAXBEL = 0x2000, IUTF8 = 0x4000,
    }

    /// Output modes.
    pub mod output: u32 = "" {
        OPOST = 1, OLCUC = 2, ONLCR = 4, OCRNL = 8, ONOCR = 0x10, ONLRET = 0x20, OFILL = 0x40, OFDEL = 0x80,
        XTABS = 0x1800,
    }

    /// Control modes.
    pub mod control: u32 = "" {
        B38400 = 0xf, CS8 = 0x30, CSTOPB = 0x40, CREAD = 0x80, PARENB = 0x100, PARODD = 0x200, HUPCL = 0x400,
        CLOCAL = 0x800,
    }

    /// Local modes.
    pub mod local: u32 = "" {
        ISIG = 1, ICANON = 2, XCASE = 4, ECHO = 8, ECHOE = 0x10, ECHOK = 0x20, ECHONL = 0x40, NOFLSH = 0x80,
        TOSTOP = 0x100, ECHOCTL = 0x200, ECHOPRT = 0x400, ECHOKE = 0x800, FLUSHO = 0x1000, PENDIN = 0x4000,
        IEXTEN = 0x8000, EXTPROC = 0x1_0000,
    }

    /// Indices of special characters.
    pub mod character: usize = "V" {
        INTR = 0, QUIT = 1, ERASE = 2, KILL = 3, EOF = 4, TIME = 5, MIN = 6, SWTC = 7, START = 8, STOP = 9, SUSP = 10,
        EOL = 11, REPRINT = 12, DISCARD = 13, WERASE = 14, LNEXT = 15, EOL2 = 16,
    }
}
