//! Lists of candidates, as browsers read them: the HTML standard's "parse a srcset attribute".

use std::ops::Range;

/// The most descriptors that a candidate may have: a width and a height.
const MAX_DESCRIPTORS: usize = 2;

/// The URLs of all candidates that a browser would take, in their order. One whose descriptors are wrong is
/// none, and so stays as it is.
pub fn candidates(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    loop {
        at = skip(bytes, at, |byte| byte.is_ascii_whitespace() || byte == b',');
        if at == bytes.len() {
            return found;
        }
        let start = at;
        at = skip(bytes, at, |byte| !byte.is_ascii_whitespace());
        let url = &text[start..at];
        let bare = url.trim_end_matches(',');
        let (descriptors, next) =
            if bare.len() < url.len() { (Vec::new(), at) } else { descriptors(text, at) };
        // A URL of commas only cannot be: they were skipped.
        if are_descriptors(&descriptors) {
            found.push(start..start + bare.len());
        }
        at = next;
    }
}

fn skip(bytes: &[u8], from: usize, skips: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|byte| !skips(*byte)).map_or(bytes.len(), |found| from + found)
}

/// The descriptors up to the comma that ends the candidate, and what is behind it. Commas and white space
/// within parentheses do not part.
fn descriptors(text: &str, from: usize) -> (Vec<&str>, usize) {
    let (mut found, mut start, mut in_parens) = (Vec::new(), from, false);
    for (i, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            b')' if in_parens => in_parens = false,
            _ if in_parens => {}
            b'(' => in_parens = true,
            b',' => {
                push(&mut found, &text[start..i]);
                return (found, i + 1);
            }
            _ if byte.is_ascii_whitespace() => {
                push(&mut found, &text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    push(&mut found, &text[start..]);
    (found, text.len())
}

/// More than enough are wrong, however many.
fn push<'t>(found: &mut Vec<&'t str>, descriptor: &'t str) {
    if !descriptor.is_empty() && found.len() <= MAX_DESCRIPTORS {
        found.push(descriptor);
    }
}

fn are_descriptors(descriptors: &[&str]) -> bool {
    let (mut width, mut density, mut height) = (false, false, false);
    for descriptor in descriptors {
        let Some(kind) = descriptor.chars().last() else { return false };
        let value = &descriptor[..descriptor.len() - kind.len_utf8()];
        let fits = match kind {
            'w' if !width && !density => {
                width = true;
                is_whole(value)
            }
            'x' if !width && !density && !height => {
                density = true;
                is_float(value)
            }
            'h' if !height && !density => {
                height = true;
                is_whole(value)
            }
            _ => false,
        };
        if !fits {
            return false;
        }
    }
    // A height says nothing without a width.
    !height || width
}

/// A valid non-negative integer that is not zero.
fn is_whole(value: &str) -> bool {
    !value.is_empty()
        && value.bytes().all(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte != b'0')
}

/// A valid floating-point number (HTML §2.3.4.3) that is not negative.
fn is_float(value: &str) -> bool {
    let (mantissa, exponent) = match value.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (value, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let is_mantissa = match unsigned.split_once('.') {
        Some((whole, part)) => (whole.is_empty() || digits(whole)) && digits(part),
        None => digits(unsigned),
    };
    let is_exponent =
        exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
    is_mantissa && is_exponent && value.parse::<f64>().is_ok_and(|value| value >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_those_of_the_standard() {
        for (text, urls) in [
            ("", &[][..]),
            (" ,, , ", &[]),
            ("a.jpg", &["a.jpg"]),
            ("a.jpg, b.jpg 2x", &["a.jpg", "b.jpg"]),
            ("a.jpg 1x,b.jpg 2x", &["a.jpg", "b.jpg"]),
            ("a.jpg,b.jpg", &["a.jpg,b.jpg"]),
            ("a.jpg,", &["a.jpg"]),
            ("a.jpg,, b.jpg", &["a.jpg", "b.jpg"]),
            (
                "/w_100,h_50/a.jpg 100w, /w_200,h_100/a.jpg 200w",
                &["/w_100,h_50/a.jpg", "/w_200,h_100/a.jpg"],
            ),
            ("\n  a 100w 50h,\n\tb 200w\n", &["a", "b"]),
            ("a 1.5x, b .5x, c 1e3x, d 2E-1x", &["a", "b", "c", "d"]),
            ("a 1.x, b +1x, c -1x, d x, e 0x, f infx", &["e"]),
            ("a 0w, b -1w, c 1.5w, d 10W, e 007w", &["e"]),
            ("a 1x 2x, b 1w 1x, c 1w 1w, d 1h, e 1w 2h", &["e"]),
            ("a (1x, 2x), b 2x", &["b"]),
            ("a 1w 2h 3w 4w 5w, b   2x  ", &["b"]),
            ("a (1x, 2x", &[]),
            ("a 1x (", &[]),
            ("data:,a 1x, b 2x", &["data:,a", "b"]),
            ("ä.jpg 1ä, ö.jpg 2x", &["ö.jpg"]),
        ] {
            let found: Vec<&str> = candidates(text).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, urls, "{text:?}");
        }
    }
}
