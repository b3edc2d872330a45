//! What containerd's configuration says about the runtime.

use containerd_shim_protos::protobuf::{CodedInputStream, Result, well_known_types::any::Any};

/// The number and wire type of `config_path` in containerd's `runtimeoptions.v1.Options`: field 2, a string.
const CONFIG_PATH: u32 = 2 << 3 | 2;

/// The configuration file to pass to `lazaret`; empty for none. Options of another type are of another runtime.
///
/// # Errors
/// The message is damaged.
pub fn config_path(options: &Any) -> Result<String> {
    if !options.type_url.contains("runtimeoptions") {
        return Ok(String::new());
    }
    let mut path = String::new();
    let mut stream = CodedInputStream::from_bytes(&options.value);
    while let Some(tag) = stream.read_raw_tag_or_eof()? {
        match tag {
            CONFIG_PATH => path = stream.read_string()?,
            // The others are strings, too.
            _ => drop(stream.read_bytes()?),
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(type_url: &str, value: &[u8]) -> Any {
        Any { type_url: type_url.into(), value: value.into(), ..Any::default() }
    }

    #[test]
    fn the_path_is_found() {
        let name = "runtimeoptions.v1.Options";
        assert_eq!(config_path(&options(name, b"\x0a\x01x\x12\x04/a/b")).unwrap(), "/a/b");
        assert_eq!(config_path(&options(name, b"")).unwrap(), "");
        assert_eq!(config_path(&options("containerd.runc.v1.Options", b"\x12\x04/a/b")).unwrap(), "");
        assert!(config_path(&options(name, b"\x12\x7f/a")).is_err());
    }
}
