//! A connection to a D-Bus, by which systemd is asked; see the D-Bus specification.
//!
//! zbus brings the wire format. Its connections need threads, and a process with threads cannot be copied into a
//! sandbox; what is needed of one is little.

use std::{
    collections::VecDeque,
    env,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use lazaret_control::Failure;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use zbus::{
    ObjectPath, Signature, Type, Variant,
    wire::{
        LE,
        serialized::{Context, Data},
        to_bytes,
    },
};

/// How long systemd may take for anything.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest message that is received. Those of the bus itself are at most 128 MiB, but nothing that is asked here
/// has an answer of more than a few kibibytes.
const MAX_MESSAGE: usize = 1 << 20;

/// The part of a header before its fields, with their length.
const FIXED: usize = 16;

/// Which bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The system's.
    System,
    /// That of the calling user.
    User,
}

/// What is received.
pub struct Message {
    kind: u8,
    reply_to: Option<u32>,
    /// Name of the error or of the signal.
    pub name: String,
    body: Data<'static, 'static>,
}

impl Message {
    /// What it says.
    pub fn body<'a, T: Type + Deserialize<'a>>(&'a self) -> io::Result<T> {
        self.body.deserialize().map(|(value, _)| value).map_err(io::Error::other)
    }
}

/// Kinds of messages.
mod kind {
    pub const CALL: u8 = 1;
    pub const REPLY: u8 = 2;
    pub const ERROR: u8 = 3;
    pub const SIGNAL: u8 = 4;
}

/// Fields of a header.
mod field {
    pub const PATH: u8 = 1;
    pub const INTERFACE: u8 = 2;
    pub const MEMBER: u8 = 3;
    pub const ERROR_NAME: u8 = 4;
    pub const REPLY_SERIAL: u8 = 5;
    pub const DESTINATION: u8 = 6;
    pub const SIGNATURE: u8 = 8;
}

/// A header: byte order, kind, flags, version, length of the body, serial number, fields.
type Header<T> = (u8, u8, u8, u8, u32, u32, Vec<(u8, T)>);

/// A field that is sent.
enum Field<'a> {
    Value(Variant<'a>),
    /// That of arguments, which are no structure, though they are written like one: without the parentheses that a
    /// variant's would have.
    Signature(String),
}

impl Type for Field<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Field::Value(value) => value.serialize(serializer),
            Field::Signature(text) => {
                // As the format of zbus writes every variant.
                let mut variant = serializer.serialize_struct("Variant", 2)?;
                variant.serialize_field("signature", &Signature::Signature)?;
                variant.serialize_field("value", text)?;
                variant.end()
            }
        }
    }
}

/// An object of systemd, or of the bus.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// Whose it is.
    pub destination: &'a str,
    /// Where it is there.
    pub path: &'a str,
    /// What it is asked as.
    pub interface: &'a str,
}

/// Why a call failed.
#[derive(Debug)]
pub enum CallError {
    /// The one who was called says so: name of the error, and what it says.
    Refused(String, String),
    /// The connection failed.
    Lost(io::Error),
}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> CallError {
        CallError::Lost(error)
    }
}

impl CallError {
    /// As the cause of a failure of `step`.
    pub fn because(self, step: impl Into<String>) -> Failure {
        match self {
            CallError::Refused(_, text) => Failure::new(step, text),
            CallError::Lost(error) => Failure::host(step, error),
        }
    }
}

/// A connection.
pub struct Bus {
    stream: UnixStream,
    serial: u32,
    /// Signals that came while something else was waited for.
    signals: VecDeque<Message>,
}

impl Bus {
    /// Connects.
    ///
    /// # Errors
    /// Names the socket.
    pub fn connect(kind: Kind) -> Result<Bus, Failure> {
        let path = address(kind)?;
        let failed = |error| Failure::host(format!("connect to the D-Bus at {}", path.display()), error);
        Bus::open(&path).map_err(failed)
    }

    fn open(path: &Path) -> io::Result<Bus> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut bus = Bus { stream, serial: 0, signals: VecDeque::new() };
        bus.authenticate()?;
        let daemon = Object {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
        };
        bus.call(daemon, "Hello", &()).map_err(|error| io::Error::other(error.because("greet it")))?;
        let rule = "type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
        bus.call(daemon, "AddMatch", &rule).map_err(|error| io::Error::other(error.because("listen")))?;
        Ok(bus)
    }

    /// Says who we are: the host tells the other side, so nothing has to be proved.
    fn authenticate(&mut self) -> io::Result<()> {
        let id: String = geteuid().as_raw().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        self.stream.write_all(format!("\0AUTH EXTERNAL {id}\r\n").as_bytes())?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            line.push(byte[0]);
            if line.len() > 1024 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        if !line.starts_with(b"OK ") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.stream.write_all(b"BEGIN\r\n")
    }

    /// Calls a method and waits for the answer.
    ///
    /// # Errors
    /// The answer, if it is one.
    pub fn call<T: Type + Serialize>(
        &mut self,
        object: Object<'_>,
        method: &str,
        arguments: &T,
    ) -> Result<Message, CallError> {
        self.serial += 1;
        let serial = self.serial;
        self.stream.write_all(&encode(serial, object, method, arguments)?)?;
        loop {
            let message = self.receive()?;
            match message.kind {
                kind::REPLY if message.reply_to == Some(serial) => return Ok(message),
                kind::ERROR if message.reply_to == Some(serial) => {
                    let text = message.body().unwrap_or_else(|_| message.name.clone());
                    return Err(CallError::Refused(message.name, text));
                }
                kind::SIGNAL => self.signals.push_back(message),
                _ => {}
            }
        }
    }

    /// The next signal.
    ///
    /// # Errors
    /// Those of the connection; `WouldBlock` if none comes for long.
    pub fn signal(&mut self) -> io::Result<Message> {
        loop {
            if let Some(signal) = self.signals.pop_front() {
                return Ok(signal);
            }
            let message = self.receive()?;
            if message.kind == kind::SIGNAL {
                self.signals.push_back(message);
            }
        }
    }

    fn receive(&mut self) -> io::Result<Message> {
        let mut bytes = vec![0; FIXED];
        self.stream.read_exact(&mut bytes)?;
        let (header, total) = lengths(&bytes)?;
        bytes.resize(total, 0);
        self.stream.read_exact(&mut bytes[FIXED..])?;
        decode(bytes, header)
    }
}

/// How long a header with its padding is, and the whole message.
fn lengths(fixed: &[u8]) -> io::Result<(usize, usize)> {
    let number = |at: usize| {
        let bytes = fixed.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_le_bytes).and_then(|number| usize::try_from(number).ok())
    };
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    // Whoever speaks to us on this host has our byte order.
    if fixed.first() != Some(&b'l') {
        return Err(invalid());
    }
    let (body, fields) = number(4).zip(number(12)).ok_or_else(invalid)?;
    if body > MAX_MESSAGE || fields > MAX_MESSAGE {
        return Err(invalid());
    }
    let header = (FIXED + fields).next_multiple_of(8);
    Ok((header, header + body))
}

fn encode<T: Type + Serialize>(serial: u32, object: Object<'_>, method: &str, arguments: &T) -> io::Result<Vec<u8>> {
    let context = Context::new(LE, 0);
    let body = to_bytes(context, arguments).map_err(io::Error::other)?;
    let path = ObjectPath::try_from(object.path).map_err(io::Error::other)?;
    let mut fields = vec![
        (field::PATH, Field::Value(path.into())),
        (field::INTERFACE, Field::Value(object.interface.into())),
        (field::MEMBER, Field::Value(method.into())),
        (field::DESTINATION, Field::Value(object.destination.into())),
    ];
    let signature = T::SIGNATURE.to_string_no_parens();
    if !signature.is_empty() {
        fields.push((field::SIGNATURE, Field::Signature(signature)));
    }
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let header: Header<Field<'_>> = (b'l', kind::CALL, 0, 1, length, serial, fields);
    let mut bytes = to_bytes(context, &header).map_err(io::Error::other)?.to_vec();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

fn decode(bytes: Vec<u8>, header: usize) -> io::Result<Message> {
    let body = Data::new(bytes.get(header..).unwrap_or_default().to_vec(), Context::new(LE, 0));
    let whole = Data::new(bytes, Context::new(LE, 0));
    let ((_, kind, _, _, _, _, fields), _): (Header<Variant<'_>>, _) = whole.deserialize().map_err(io::Error::other)?;
    let find = |wanted| fields.iter().find(|(field, _)| *field == wanted).map(|(_, value)| value);
    let name = find(if kind == kind::ERROR { field::ERROR_NAME } else { field::MEMBER });
    let name = match name {
        Some(Variant::Str(name)) => name.to_string(),
        _ => String::new(),
    };
    let reply_to = match find(field::REPLY_SERIAL) {
        Some(Variant::U32(serial)) => Some(*serial),
        _ => None,
    };
    Ok(Message { kind, reply_to, name, body })
}

/// Where the socket of a bus is.
fn address(kind: Kind) -> Result<PathBuf, Failure> {
    let (variable, default) = match kind {
        Kind::System => ("DBUS_SYSTEM_BUS_ADDRESS", Some("/run/dbus/system_bus_socket".into())),
        Kind::User => {
            let run = env::var_os("XDG_RUNTIME_DIR").filter(|run| !run.is_empty());
            ("DBUS_SESSION_BUS_ADDRESS", run.map(|run| PathBuf::from(run).join("bus")))
        }
    };
    match env::var(variable) {
        Ok(text) if !text.is_empty() => {
            let path = text.split(';').find_map(|one| one.strip_prefix("unix:path=")?.split(',').next());
            let unknown = || Failure::new(format!("find the D-Bus by {variable}={text:?}"), "it names no unix:path");
            path.map(PathBuf::from).ok_or_else(unknown)
        }
        _ => default.ok_or_else(|| {
            Failure::new("find the user's D-Bus", "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_specification() {
        let object = Object { destination: "a.b", path: "/c", interface: "d.e" };
        let bytes = encode(7, object, "Do", &("text", vec![("P", Variant::from(5u64))])).unwrap();
        let (header, total) = lengths(&bytes).unwrap();
        assert_eq!(total, bytes.len());
        assert_eq!(bytes[..4], [b'l', 1, 0, 1]);
        assert_eq!(bytes[8..12], 7u32.to_le_bytes());
        // Signature: length, text, end.
        assert!(bytes[..header].windows(8).any(|part| part == b"\x06sa(sv)\0"));
        let message = decode(bytes, header).unwrap();
        assert_eq!((message.kind, message.name.as_str(), message.reply_to), (kind::CALL, "Do", None));
        let (text, properties): (String, Vec<(String, Variant<'_>)>) = message.body().unwrap();
        assert_eq!((text.as_str(), properties), ("text", vec![("P".into(), Variant::U64(5))]));
    }

    #[test]
    fn lengths_are_bounded() {
        let mut bytes = encode(1, Object { destination: "a.b", path: "/", interface: "c.d" }, "M", &()).unwrap();
        assert!(lengths(&bytes[..FIXED]).is_ok());
        assert!(lengths(&bytes[..FIXED - 1]).is_err());
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(lengths(&bytes).is_err());
        bytes[0] = b'B';
        assert!(lengths(&bytes).is_err());
        // Whatever follows, it is refused or understood.
        for length in 0..64usize {
            let _ = decode(vec![0xff; length], length.min(16));
            let _ = decode(vec![1; length], length.min(16));
        }
    }
}
