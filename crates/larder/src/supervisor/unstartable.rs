//! Why a program cannot be started, in words, and what to change.

use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// So much of a file tells what it is.
const HEAD_BYTES: u64 = 256;
/// What stands at the beginning of a program, as opposed to a script.
const ELF: &[u8] = b"\x7fELF";
/// What runs it is named in its place.
const OR_NAME: &str = "or name what runs it, as in larder run -- node";

/// The exit code, as shells have it, and the words: 127 where there is no such program, 126 where it
/// cannot be run. `path` is the variable PATH.
pub fn why(program: &OsStr, error: &io::Error, path: Option<&OsStr>) -> (u8, String) {
    let file = file(program, path);
    match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR) => match file {
            Some(file) => (126, incomplete(&file)),
            None => (127, missing(program, path)),
        },
        Some(Errno::ACCESS | Errno::PERM) => (126, forbidden(file.as_deref())),
        Some(Errno::NOEXEC) => (126, unknown(file.as_deref())),
        _ => (126, error.to_string()),
    }
}

/// The file that is meant, if there is one.
fn file(program: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    if is_path(program) {
        return Some(PathBuf::from(program)).filter(|file| file.exists());
    }
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn is_path(program: &OsStr) -> bool {
    program.as_bytes().contains(&b'/')
}

fn missing(program: &OsStr, path: Option<&OsStr>) -> String {
    let name = program.to_string_lossy();
    let has_arguments = name.trim().contains(char::is_whitespace);
    let words = match has_arguments {
        true => {
            "; program and arguments are words of their own, as in larder run -- node server.js"
        }
        false => "",
    };
    if is_path(program) {
        let folder = std::env::current_dir().unwrap_or_default();
        let within = match Path::new(program).is_absolute() {
            true => String::new(),
            false => format!(" in {}", folder.display()),
        };
        return format!("there is no such file{within}{words}");
    }
    let path = path.map_or("which is not set".into(), |path| path.to_string_lossy());
    format!("no folder of PATH has it ({path}); install it, or give its path{words}")
}

/// The file is there, and what it needs to be run is not.
fn incomplete(file: &Path) -> String {
    let head = head(file);
    let Some(line) = head.strip_prefix(b"#!") else {
        return format!(
            "{} is there, but not what loads it: a program that was built for another system, as \
             one for glibc in an image of Alpine",
            file.display()
        );
    };
    let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
    let (line, ends) = match line.strip_suffix(b"\r") {
        Some(line) => {
            (line, ", and ends its lines as Windows does (CRLF), which is part of the name")
        }
        None => (line, ""),
    };
    let line = String::from_utf8_lossy(line);
    let interpreter = line.split_whitespace().next().unwrap_or_default();
    format!("{} names {interpreter} in its first line, which is not there{ends}", file.display())
}

fn forbidden(file: Option<&Path>) -> String {
    let Some(file) = file else {
        return "this user may not look into its folder".to_owned();
    };
    let shown = file.display();
    let is_executable = |about: &fs::Metadata| about.permissions().mode() & 0o111 != 0;
    match fs::metadata(file) {
        Ok(about) if about.is_dir() => format!("{shown} is a folder and no program"),
        Ok(about) if !is_executable(&about) => {
            format!("{shown} is not executable: chmod +x {shown}, {OR_NAME} {shown}")
        }
        _ => format!(
            "this user may not execute {shown}: its owner and mode decide that, those of its folders, \
             and noexec among the options of its file system"
        ),
    }
}

/// The system does not know how to run it.
fn unknown(file: Option<&Path>) -> String {
    let shown = file.unwrap_or(Path::new("it")).display();
    if file.is_some_and(|file| head(file).starts_with(ELF)) {
        return format!("{shown} is a program for another kind of machine");
    }
    format!(
        "{shown} has no first line that says what runs it, as #!/bin/sh: add one, {OR_NAME} {shown}"
    )
}

fn head(file: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    // What cannot be read tells nothing.
    let _ = File::open(file).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let folder =
            std::env::temp_dir().join(format!("larder-unstartable-{}", std::process::id()));
        fs::create_dir_all(folder.join("folder")).expect("temporary files have a place");
        for (name, mode, text) in [
            ("script", 0o755, &b"echo\n"[..]),
            ("elsewhere", 0o755, b"#!/nowhere/node -x\n"),
            ("windows", 0o755, b"#!/bin/sh\r\n"),
            ("loose", 0o644, b"#!/bin/sh\n"),
            ("program", 0o755, b"\x7fELF\x02"),
        ] {
            fs::write(folder.join(name), text).expect("the folder is ours");
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.join(name), mode).expect("the file is ours");
        }
        let path = Some(folder.as_os_str());
        for (program, errno, code, parts) in [
            ("nodee", Errno::NOENT, 127, ["no folder of PATH has it (/", "install it"]),
            ("node a.js", Errno::NOENT, 127, ["no folder of PATH", "words of their own"]),
            ("/nowhere/app", Errno::NOENT, 127, ["there is no such file", ""]),
            ("./nowhere", Errno::NOENT, 127, ["there is no such file in /", ""]),
            ("elsewhere", Errno::NOENT, 126, ["/elsewhere names /nowhere/node in its first", ""]),
            ("windows", Errno::NOENT, 126, ["names /bin/sh in its first line", "CRLF"]),
            ("program", Errno::NOENT, 126, ["not what loads it", "Alpine"]),
            ("loose", Errno::ACCESS, 126, ["is not executable: chmod +x /", "-- node /"]),
            ("script", Errno::ACCESS, 126, ["this user may not execute", "noexec"]),
            ("script", Errno::NOEXEC, 126, ["#!/bin/sh: add one", "-- node /"]),
            ("program", Errno::NOEXEC, 126, ["another kind of machine", ""]),
            ("script", Errno::NOMEM, 126, ["os error 12", ""]),
        ] {
            let (found, said) = why(OsStr::new(program), &errno.into(), path);
            assert_eq!(found, code, "{program} {errno}");
            assert!(parts.iter().all(|part| said.contains(part)), "{program} {errno}: {said}");
        }
        let (_, said) = why(folder.join("folder").as_os_str(), &Errno::ACCESS.into(), None);
        assert!(said.ends_with("is a folder and no program"), "{said}");
        fs::remove_dir_all(&folder).expect("the folder is ours");
    }
}
