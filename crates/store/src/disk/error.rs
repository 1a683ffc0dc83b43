//! Why a folder cannot be taken as a store.

use std::fmt;
use std::io;

/// Why a folder cannot be taken as a store. Nothing in it was changed then.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has it.
    InUse,
    /// A newer Larder wrote it.
    Newer {
        /// The version of its format.
        version: u64,
    },
    /// It holds files that are not ours.
    Foreign {
        /// One of them.
        name: String,
    },
    /// Its file `format` is not one.
    Garbled,
    /// The sizes given do not fit each other.
    Sizes(&'static str),
    /// The system did not let us.
    Io {
        /// The file or folder.
        name: String,
        /// What it says.
        error: io::Error,
    },
}

impl OpenError {
    /// What makes such an error of what the system says about a file.
    pub(crate) fn at(name: &str) -> impl FnOnce(io::Error) -> OpenError {
        move |error| OpenError::Io { name: name.to_owned(), error }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::InUse => write!(f, "another process uses this folder"),
            OpenError::Newer { version } => {
                write!(
                    f,
                    "a newer Larder wrote this folder (format {version}); it is left as it is"
                )
            }
            OpenError::Foreign { name } => {
                write!(f, "this folder holds files that are not Larder's, such as {name}")
            }
            OpenError::Garbled => write!(f, "the file format in this folder cannot be read"),
            OpenError::Sizes(why) => write!(f, "{why}"),
            OpenError::Io { name, error } => write!(f, "{name}: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}
