//! The tier on disk: opened at the start, where there is a folder for it.

use crate::config::meant::Disk as Settings;
use crate::random;
use anyhow::Context as _;
use proxy::clock::Clock;
use std::path::Path;
use std::sync::Arc;
use store::disk::{self, Device as _, Disk, Folder, Format, OpenError};
use store::purge_log::{self, PurgeLog};

/// The most that is taken where nobody says how much.
const MOST_BYTES: u64 = 10 << 30;
/// Less than this is not worth a disk.
const LEAST_BYTES: u64 = 16 << 20;

/// Opens the tier, and the purges that came for what it holds; nothing where there is to be none, or the folder cannot be written, which is
/// said, unless the same was said of `unusable` already: serving goes on from memory.
///
/// # Errors
/// When the folder is another process's, or holds what is not ours, or is a newer version's: to go
/// on without it would hide a mistake.
pub fn open(
    settings: &Settings,
    unusable: Option<&Path>,
    clock: &Arc<Clock>,
) -> anyhow::Result<Option<(Arc<Disk>, PurgeLog)>> {
    if settings.size_bytes == Some(0) {
        return Ok(None);
    }
    let shown = settings.path.display();
    let folder = match Folder::open(&settings.path) {
        Ok(folder) => folder,
        Err(OpenError::Io { .. }) if unusable.is_some_and(|at| settings.path.starts_with(at)) => {
            return Ok(None);
        }
        Err(OpenError::Io { error, .. }) => {
            tracing::warn!(
                "nothing is kept on disk: {shown} cannot be used ({error}); \
                 name another folder with --data or storage.disk.path"
            );
            return Ok(None);
        }
        Err(error) => return Err(refusal(&error, settings)),
    };
    let size_bytes = match settings.size_bytes {
        Some(bytes) => bytes,
        None => default_size(&folder, settings.min_free_bytes).context("the room on disk")?,
    };
    if size_bytes < LEAST_BYTES {
        tracing::warn!("nothing is kept on disk: there is too little room at {shown}");
        return Ok(None);
    }
    let clock = clock.clone();
    let folder = Arc::new(folder);
    let opened = Disk::open(
        folder.clone(),
        disk::Settings {
            size_bytes,
            segment_bytes: disk::Settings::segment_bytes_for(size_bytes),
            min_free_bytes: settings.min_free_bytes,
            queue_bytes: settings.queue_bytes,
            readers: settings.readers,
            fresh: Format { seed: number(), log_id: number() },
            clock: Arc::new(move || clock.now()),
        },
    );
    let log = |disk: &Disk| purge_log::Settings {
        fresh_log_id: number(),
        known: disk.newest_born(),
        ..purge_log::Settings::default()
    };
    let with_log = |disk: Arc<Disk>| {
        let purges = PurgeLog::open(folder, log(&disk))?;
        Ok((disk, purges))
    };
    match opened.and_then(with_log) {
        Ok(opened) => Ok(Some(opened)),
        Err(OpenError::Io { name, error }) => {
            tracing::warn!("nothing is kept on disk: {shown}/{name} cannot be used ({error})");
            Ok(None)
        }
        Err(error) => Err(refusal(&error, settings)),
    }
}

/// Half of what is free or taken by what is stored already, at most [`MOST_BYTES`].
fn default_size(folder: &Folder, min_free_bytes: u64) -> std::io::Result<u64> {
    let free = folder.free_bytes()?;
    let stored = bytes_below(folder, "segments")? + bytes_below(folder, "large")?;
    let room = (free + stored).saturating_sub(min_free_bytes);
    Ok(((free + stored) / 2).min(room).min(MOST_BYTES))
}

fn bytes_below(folder: &Folder, name: &str) -> std::io::Result<u64> {
    let listed = folder.list(name)?.into_iter();
    listed
        .map(|it| match it.is_folder {
            true => bytes_below(folder, &format!("{name}/{}", it.name)),
            false => Ok(it.bytes),
        })
        .sum()
}

fn refusal(error: &OpenError, settings: &Settings) -> anyhow::Error {
    let shown = settings.path.display();
    let mend = match error {
        OpenError::InUse => "end it, or choose another folder with --data",
        OpenError::Newer { .. } => "use that version, or choose another folder with --data",
        _ => "choose another folder with --data or storage.disk.path",
    };
    anyhow::anyhow!("{shown}: {error}; {mend}")
}

/// A number by chance.
pub fn number() -> u64 {
    u64::from_str_radix(&random::hex::<8>(), 16).unwrap_or_default()
}
