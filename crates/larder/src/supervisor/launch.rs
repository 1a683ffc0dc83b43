//! What is started, and how it is told where to listen.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

/// Where the app has to listen.
pub const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// An app as the command line tells it.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program and its arguments, with places for port and host.
    pub command: Vec<OsString>,
    /// The variable that tells it its port.
    pub port_variable: String,
    /// Crashes in a row after which it is given up; 0: never.
    pub max_crashes: u32,
    /// How long it may take to end when told to.
    pub stop_timeout: Duration,
    /// Whether its lines are marked as its own.
    pub marks_output: bool,
}

impl Launch {
    /// The command for people, on one line whatever stands in it.
    pub fn shown(&self) -> String {
        let words: Vec<_> = self.command.iter().map(|word| word.to_string_lossy()).collect();
        let mut shown = String::new();
        for c in words.join(" ").chars() {
            match c.is_control() {
                true => shown.extend(c.escape_default()),
                false => shown.push(c),
            }
        }
        shown
    }

    /// The command for that port.
    pub fn command_at(&self, port: u16) -> Vec<OsString> {
        let (port, host) = (port.to_string(), HOST.to_string());
        let fill = |word: &OsString| replace(&replace(word, "{port}", &port), "{host}", &host);
        self.command.iter().map(fill).collect()
    }

    /// What is set in its environment: `HOSTNAME` is what Next.js' own server reads.
    pub fn environment_at(&self, port: u16) -> [(String, String); 3] {
        let host = || HOST.to_string();
        [
            ("HOST".to_owned(), host()),
            ("HOSTNAME".to_owned(), host()),
            (self.port_variable.clone(), port.to_string()),
        ]
    }
}

/// The address of that port.
pub fn address(port: u16) -> SocketAddr {
    (HOST, port).into()
}

fn replace(word: &OsStr, from: &str, to: &str) -> OsString {
    let (bytes, from) = (word.as_bytes(), from.as_bytes());
    let mut filled = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(from) {
            filled.extend_from_slice(to.as_bytes());
            at += from.len();
        } else {
            filled.push(bytes[at]);
            at += 1;
        }
    }
    OsString::from_vec(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(command: &[&str]) -> Launch {
        Launch {
            command: command.iter().map(OsString::from).collect(),
            port_variable: "NITRO_PORT".to_owned(),
            max_crashes: 5,
            stop_timeout: Duration::from_secs(10),
            marks_output: false,
        }
    }

    #[test]
    fn flags_have_places_for_port_and_host() {
        let app = launch(&["app", "--at={host}:{port}", "{port}{port}", "{ports}", "{"]);
        let filled = app.command_at(81);
        assert_eq!(filled, ["app", "--at=127.0.0.1:81", "8181", "{ports}", "{"]);
        assert_eq!(app.shown(), "app --at={host}:{port} {port}{port} {ports} {");
        assert_eq!(launch(&["sh", "-c", "a\nb \u{e9}\u{1b}"]).shown(), r"sh -c a\nb é\u{1b}");
    }

    #[test]
    fn the_environment_tells_port_and_host() {
        let told = launch(&["app"]).environment_at(81);
        let told = told.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
        let host = "127.0.0.1";
        assert_eq!(told, [("HOST", host), ("HOSTNAME", host), ("NITRO_PORT", "81")]);
    }
}
