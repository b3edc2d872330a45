//! The first stack of a program: arguments, environment, auxiliary vector.

use lazaret_abi::errno::Errno;

/// Longest single argument or environment string, with its zero (MAX_ARG_STRLEN).
const MAX_STRING: usize = 128 * 1024;

/// Checks arguments and environment against the limits of execve(2).
///
/// # Errors
/// `E2BIG`.
pub fn check_size(args: &[Vec<u8>], env: &[Vec<u8>], stack_limit: u64) -> Result<(), Errno> {
    // A quarter of the stack, at least 128 KiB and at most three quarters of 8 MiB.
    let limit = (stack_limit / 4).clamp(128 * 1024, 6 << 20);
    let mut total = 0_u64;
    for text in args.iter().chain(env) {
        if text.len() >= MAX_STRING {
            return Err(Errno::E2BIG);
        }
        // The string, its zero, and the pointer to it.
        total += text.len() as u64 + 1 + 8;
    }
    if total > limit { Err(Errno::E2BIG) } else { Ok(()) }
}

/// A stack to be written below `top`.
pub struct StackImage {
    /// Address of the first byte: the stack pointer at the start.
    pub pointer: u64,
    /// The bytes from there up to the top.
    pub bytes: Vec<u8>,
    /// Where the argument strings begin.
    pub arg_start: u64,
    /// Where they end.
    pub arg_end: u64,
    /// Where the environment strings begin.
    pub env_start: u64,
    /// Where they end.
    pub env_end: u64,
    /// The auxiliary vector with the addresses filled in.
    pub auxv: Vec<(u64, u64)>,
}

/// What goes on the stack.
pub struct StackContent<'a> {
    /// Arguments.
    pub args: &'a [Vec<u8>],
    /// Environment.
    pub env: &'a [Vec<u8>],
    /// Path of the program (AT_EXECFN).
    pub path: &'a [u8],
    /// Bytes for AT_RANDOM.
    pub random: [u8; 16],
    /// The auxiliary vector but for what is on the stack itself.
    pub auxv: &'a [(u64, u64)],
}

/// Lays the stack out as Linux does for x86_64, from `top` downwards.
pub fn build(top: u64, content: &StackContent<'_>) -> StackImage {
    use lazaret_abi::auxv::at;
    // Strings, ascending: arguments, environment, path, and eight zero bytes at the very top.
    let mut strings = Vec::new();
    let mut offsets = Vec::new();
    let mut add = |text: &[u8]| {
        offsets.push(strings.len() as u64);
        strings.extend_from_slice(text);
        strings.push(0);
        strings.len() as u64
    };
    let mut arg_end = 0;
    for text in content.args {
        arg_end = add(text);
    }
    let mut env_end = arg_end;
    for text in content.env {
        env_end = add(text);
    }
    add(content.path);
    strings.extend_from_slice(&[0; 8]);
    let strings_start = top - strings.len() as u64;

    const PLATFORM: &[u8] = b"x86_64\0";
    let platform = (strings_start - PLATFORM.len() as u64) & !15;
    let random = platform - 16;
    let mut auxv = content.auxv.to_vec();
    let path_offset = offsets.last().copied().unwrap_or(0);
    auxv.push((at::RANDOM, random));
    auxv.push((at::EXECFN, strings_start + path_offset));
    auxv.push((at::PLATFORM, platform));
    auxv.push((at::NULL, 0));

    let mut words: Vec<u64> = vec![content.args.len() as u64];
    let (args, rest) = offsets.split_at(content.args.len());
    words.extend(args.iter().map(|offset| strings_start + offset));
    words.push(0);
    words.extend(rest[..content.env.len()].iter().map(|offset| strings_start + offset));
    words.push(0);
    words.extend(auxv.iter().flat_map(|(kind, value)| [*kind, *value]));
    let pointer = (random - words.len() as u64 * 8) & !15;

    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let length = |address: u64| (address - pointer) as usize;
    bytes.resize(length(random), 0);
    bytes.extend_from_slice(&content.random);
    bytes.extend_from_slice(PLATFORM);
    bytes.resize(length(strings_start), 0);
    bytes.extend_from_slice(&strings);
    StackImage {
        pointer,
        bytes,
        arg_start: strings_start,
        arg_end: strings_start + arg_end,
        env_start: strings_start + arg_end,
        env_end: strings_start + env_end,
        auxv,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_is_aligned_and_complete() {
        let args = [b"echo".to_vec(), b"hello".to_vec()];
        let env = [b"A=1".to_vec()];
        let top = 0x7000_0000_0000;
        let content = StackContent { args: &args, env: &env, path: b"/bin/echo", random: [7; 16], auxv: &[(6, 4096)] };
        let stack = build(top, &content);
        assert_eq!(stack.pointer % 16, 0);
        assert_eq!(stack.pointer + stack.bytes.len() as u64, top);
        let word = |index: usize| u64::from_le_bytes(stack.bytes[index * 8..index * 8 + 8].try_into().unwrap());
        let text = |address: u64| {
            let start = (address - stack.pointer) as usize;
            stack.bytes[start..].split(|byte| *byte == 0).next().unwrap().to_vec()
        };
        assert_eq!(word(0), 2);
        assert_eq!(text(word(1)), b"echo");
        assert_eq!(text(word(2)), b"hello");
        assert_eq!(word(3), 0);
        assert_eq!(text(word(4)), b"A=1");
        assert_eq!((word(5), word(6), word(7)), (0, 6, 4096));
        assert_eq!(text(stack.auxv.iter().find(|(kind, _)| *kind == 31).unwrap().1), b"/bin/echo");
        assert_eq!(stack.arg_end - stack.arg_start, 11);
        assert_eq!(stack.env_end - stack.env_start, 4);
    }

    #[test]
    fn overlong_arguments_are_refused() {
        assert_eq!(check_size(&[vec![b'a'; MAX_STRING]], &[], 8 << 20), Err(Errno::E2BIG));
        assert_eq!(check_size(&[vec![b'a'; MAX_STRING - 1]], &[], 8 << 20), Ok(()));
        assert_eq!(check_size(&vec![vec![b'a'; 1000]; 3000], &[], 8 << 20), Err(Errno::E2BIG));
    }
}
