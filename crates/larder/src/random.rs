//! Random bytes of the operating system.

use std::fs::File;
use std::io::Read;

/// `BYTES` random bytes as hexadecimal digits.
///
/// # Panics
/// Where the system has no `/dev/urandom`: no secret could be made there.
pub fn hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .expect("every system that Larder runs on has /dev/urandom");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let (one, other) = (hex::<16>(), hex::<16>());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
