//! What the app prints, passed on line by line: whole lines, so that they never mix with others, and
//! never more of one than a bound.

use crate::outlet::{Outlet, Patience, errors, output};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The longest line that stays one; longer ones are broken there.
pub const MAX_LINE_BYTES: usize = 64 << 10;
/// What stands before each line where they are to be told apart.
const MARK: &[u8] = b"app | ";
/// How long the last lines are waited for: somebody else may hold the app's end of the pipe, and
/// nobody may read ours. So long each piece waits of what an app prints that is told to end, too.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Both streams of an app on their way, each by a thread.
#[derive(Debug)]
pub struct Relays {
    /// Each says so when it has ended, by being dropped.
    ends: [oneshot::Receiver<()>; 2],
    patience: Arc<Patience>,
}

impl Relays {
    /// Passes on from both until they end: standard output to ours, and standard error to ours. Where
    /// nobody reads ours, the app has to wait, and nobody else.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn begin(
        from_output: impl Read + Send + 'static,
        from_errors: impl Read + Send + 'static,
        is_marked: bool,
    ) -> io::Result<Relays> {
        let patience = Arc::<Patience>::default();
        let ends = [
            begin_one(from_output, is_marked, output()?, &patience)?,
            begin_one(from_errors, is_marked, errors()?, &patience)?,
        ];
        Ok(Relays { ends, patience })
    }

    /// From now on the app waits a short while only: it cannot end while it waits.
    pub fn hurry(&self) {
        self.patience.is(LAST_LINES);
    }

    /// Waits for the last lines. Who still prints to the pipe may go on; that is taken and lost where
    /// it would have to wait.
    pub async fn finish(self) {
        let ends = async {
            for end in self.ends {
                // It was dropped, which is all that it says.
                let _ = end.await;
            }
        };
        // What comes later is nobody's of whom we know.
        let _ = tokio::time::timeout(LAST_LINES, ends).await;
        self.patience.is(Duration::ZERO);
    }
}

fn begin_one(
    from: impl Read + Send + 'static,
    is_marked: bool,
    to: &'static Outlet,
    patience: &Arc<Patience>,
) -> io::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    let patience = patience.clone();
    let pass_on = move || {
        let _ended: oneshot::Sender<()> = ended;
        relay(from, is_marked, |lines| to.pass(lines, &patience));
    };
    std::thread::Builder::new().name("app-output".into()).spawn(pass_on)?;
    Ok(end)
}

/// Reads to the end; gives whole lines to `pass`.
fn relay(mut from: impl Read, is_marked: bool, mut pass: impl FnMut(Vec<u8>)) {
    let mut held = vec![0; MAX_LINE_BYTES];
    let mut filled = 0;
    loop {
        match from.read(&mut held[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        }
        let whole = held[..filled].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        if whole > 0 {
            pass(shown(&held[..whole], is_marked));
            held.copy_within(whole..filled, 0);
            filled -= whole;
        } else if filled == held.len() {
            pass(broken_off(&held, is_marked));
            filled = 0;
        }
    }
    if filled > 0 {
        pass(broken_off(&held[..filled], is_marked));
    }
}

/// Part of a line, as a line.
fn broken_off(part: &[u8], is_marked: bool) -> Vec<u8> {
    shown(&[part, b"\n"].concat(), is_marked)
}

fn shown(lines: &[u8], is_marked: bool) -> Vec<u8> {
    match is_marked {
        false => lines.to_vec(),
        true => {
            lines.split_inclusive(|b| *b == b'\n').flat_map(|line| [MARK, line].concat()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is passed on of what comes in such pieces.
    fn relayed(pieces: &[&[u8]], is_marked: bool) -> Vec<Vec<u8>> {
        let mut pieces = pieces.iter().copied();
        let mut left: &[u8] = &[];
        let from = Pieces(|to: &mut [u8]| {
            if left.is_empty() {
                left = pieces.next().unwrap_or_default();
            }
            let count = left.len().min(to.len());
            to[..count].copy_from_slice(&left[..count]);
            left = &left[count..];
            count
        });
        let mut passed = Vec::new();
        relay(from, is_marked, |lines| passed.push(lines));
        passed
    }

    struct Pieces<F>(F);

    impl<F: FnMut(&mut [u8]) -> usize> Read for Pieces<F> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            Ok((self.0)(to))
        }
    }

    #[test]
    fn lines_are_passed_on_whole() {
        for (pieces, is_marked, passed) in [
            (&[&b"a\nb"[..], b"c\nd", b"\n"][..], false, &["a\n", "bc\n", "d\n"][..]),
            (&[b"a\nb\n"], false, &["a\nb\n"]),
            (&[b"a\nb\n\n"], true, &["app | a\napp | b\napp | \n"]),
            (&[b"no end"], false, &["no end\n"]),
            (&[b"no end"], true, &["app | no end\n"]),
            (&[], true, &[]),
        ] {
            let found = relayed(pieces, is_marked);
            assert_eq!(found, passed.iter().map(|it| it.as_bytes().to_vec()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_line_without_end_is_broken_and_not_gathered() {
        let piece = [b'x'; 1000];
        let pieces: Vec<&[u8]> = (0..200).map(|_| &piece[..]).collect();
        let passed = relayed(&pieces, false);
        assert!(
            passed.iter().all(|line| line.len() <= MAX_LINE_BYTES + 1 && line.ends_with(b"\n"))
        );
        let bytes: usize = passed.iter().map(|line| line.len() - 1).sum();
        assert_eq!((bytes, passed.len()), (200_000, 4));
    }
}
