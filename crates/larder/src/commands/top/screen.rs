//! The terminal: taken whole while `larder top` runs, and given back as it was.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use std::io::{self, Read, Write, stdin, stdout};
use std::time::{Duration, Instant};

/// To the other screen, without cursor.
const TAKE: &str = "\x1b[?1049h\x1b[?25l";
/// And back.
const GIVE_BACK: &str = "\x1b[?25h\x1b[?1049l";
/// To the upper left corner.
const HOME: &str = "\x1b[H";
/// Clears the rest of a line, and of the screen.
const REST_OF_LINE: &str = "\x1b[K";
const REST_OF_SCREEN: &str = "\x1b[J";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// To end: `q`, Escape, Ctrl-C or Ctrl-D.
    Quit,
    /// Anything else.
    Other,
}

/// The terminal. Gives it back when dropped.
pub struct Screen {
    before: Option<Termios>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn take() -> io::Result<Screen> {
        // Keys come at once and are not shown; where the input is no terminal, there are none.
        let before = tcgetattr(stdin()).ok();
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
            raw.special_codes[SpecialCodeIndex::VMIN] = 0;
            raw.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        }
        let screen = Screen { before };
        stdout().write_all(TAKE.as_bytes())?;
        Ok(screen)
    }

    /// Columns and rows.
    pub fn size(&self) -> (usize, usize) {
        match tcgetwinsize(stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (usize::from(size.ws_col), usize::from(size.ws_row))
            }
            _ => (80, 24),
        }
    }

    /// Shows lines, the first of them in bold, and at the foot what is wrong or how to end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn show(&mut self, lines: &[String], wrong: Option<&str>) -> io::Result<()> {
        let (columns, rows) = self.size();
        let room = rows.saturating_sub(1);
        let mut out = HOME.to_owned();
        for (number, line) in lines.iter().take(room.saturating_sub(1)).enumerate() {
            let cut: String = line.chars().take(columns).collect();
            let (begin, end) = if number == 0 { (BOLD, PLAIN) } else { ("", "") };
            out.push_str(&format!("{begin}{cut}{end}{REST_OF_LINE}\r\n"));
        }
        let foot = wrong.unwrap_or("q ends");
        let foot: String = foot.chars().filter(|c| !c.is_control()).take(columns).collect();
        out.push_str(&format!("{REST_OF_SCREEN}\x1b[{rows};1H{foot}{REST_OF_LINE}"));
        stdout().write_all(out.as_bytes())?;
        stdout().flush()
    }

    /// Waits for a key, for so long at the most.
    ///
    /// # Errors
    /// When the input cannot be waited for.
    pub fn wait(&mut self, patience: Duration) -> io::Result<Option<Key>> {
        if self.before.is_none() {
            std::thread::sleep(patience);
            return Ok(None);
        }
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let input = stdin();
            match poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&timeout)) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                // A new size of the window.
                Err(rustix::io::Errno::INTR) => return Ok(Some(Key::Other)),
                Err(error) => return Err(error.into()),
            }
            let mut bytes = [0; 16];
            let count = stdin().lock().read(&mut bytes)?;
            if let Some(key) = key(&bytes[..count]) {
                return Ok(Some(key));
            }
        }
    }
}

/// The key that bytes stand for. The input that ended, with its terminal, ends it too.
fn key(bytes: &[u8]) -> Option<Key> {
    match bytes {
        [] | [b'q' | b'Q' | 0x03 | 0x04 | 0x1b, ..] if bytes.len() < 2 => Some(Key::Quit),
        // A key with a name, such as an arrow.
        [0x1b, ..] => Some(Key::Other),
        [b'q' | b'Q' | 0x03 | 0x04, ..] => Some(Key::Quit),
        _ => Some(Key::Other),
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = stdout().write_all(GIVE_BACK.as_bytes()).and_then(|()| stdout().flush());
        if let Some(before) = &self.before {
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_and_its_like_end_and_arrows_do_not() {
        for (bytes, found) in [
            (&b""[..], Key::Quit),
            (b"q", Key::Quit),
            (b"Q", Key::Quit),
            (b"\x03", Key::Quit),
            (b"\x1b", Key::Quit),
            (b"\x1b[A", Key::Other),
            (b"x", Key::Other),
            (b"qq", Key::Quit),
        ] {
            assert_eq!(key(bytes), Some(found), "{bytes:?}");
        }
    }
}
