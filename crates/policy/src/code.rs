//! How numbers, text and lists are written to bytes that outlive the process.
//!
//! Numbers are written seven bits a byte, the least first; text is its length and its bytes. What
//! is read may be damaged or made up: every length is held against what is left, and memory is
//! taken only for what was read.

/// The bytes are no code of a version that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Appends bytes with their length.
pub(crate) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a number.
pub(crate) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// What is left to read.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    /// A number.
    pub fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // Of the tenth byte only one bit has a place.
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    /// A number of sixteen bits.
    pub fn small(&mut self) -> Result<u16, Malformed> {
        self.number()?.try_into().map_err(|_| Malformed)
    }

    /// Eight bytes, the least first.
    pub fn long(&mut self) -> Result<u64, Malformed> {
        let (long, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*long))
    }

    /// Bytes with their length.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Text.
    pub fn str(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// Text, owned.
    pub fn text(&mut self) -> Result<Box<str>, Malformed> {
        self.str().map(Box::from)
    }

    /// A list grows as its members are read: a false count costs nothing.
    pub fn list<T>(
        &mut self,
        member: impl Fn(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Box<[T]>, Malformed> {
        let count = self.number()?;
        (0..count).map(|_| member(self)).collect()
    }

    /// Nothing may be left behind `value`.
    pub fn end<T>(self, value: T) -> Result<T, Malformed> {
        if self.0.is_empty() { Ok(value) } else { Err(Malformed) }
    }
}
