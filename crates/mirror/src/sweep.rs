//! Mark and sweep: what no edition names, and what was retired for long enough, goes.
//!
//! It runs where the feed itself runs, between two runs and never within one, so what a run has
//! written and not published yet is not taken for an orphan.

use crate::edition::Edition;
use crate::folder::{Folder, Listed};
use policy::time::Timestamp;
use std::collections::HashSet;
use std::io;
use std::time::Duration;

/// Files that are to go.
///
/// # Errors
/// When the folder cannot be read.
pub fn orphans(
    folder: &Folder,
    edition: Option<&Edition>,
    now: Timestamp,
    grace: Duration,
) -> io::Result<Vec<Listed>> {
    let kept: HashSet<&str> = match edition {
        Some(edition) => edition.kept_at(now, grace),
        None => HashSet::new(),
    };
    let mut all = folder.list()?;
    all.retain(|listed| !kept.contains(&*listed.name));
    Ok(all)
}

/// Removes them; gives those that are gone.
pub fn sweep(folder: &Folder, orphans: Vec<Listed>) -> Vec<Listed> {
    let mut gone = Vec::new();
    for listed in orphans {
        match folder.remove(&listed) {
            Ok(()) => gone.push(listed),
            Err(error) => tracing::warn!("{} cannot be removed: {error}", listed.name),
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edition::Retired;
    use crate::edition::tests::edition;
    use crate::folder::tests::Scratch;
    use crate::room::Room;

    #[test]
    fn only_what_no_edition_names_and_what_had_its_grace_goes() {
        let scratch = Scratch::new("sweep");
        let folder = Folder::open(scratch.0.clone(), Room::new(1000)).expect("a folder");
        let mut edition = edition(1, "x", &[]);
        let write = |text: &str, ending| folder.write(1, text.as_bytes(), ending).expect("a file");
        (edition.source, edition.document) = (write("s", ".source"), write("d", ".doc"));
        let (old, orphan) = (write("old", ".jpg"), write("orphan", ".jpg"));
        edition.retired = vec![Retired { file: old.clone(), since: 100 }];
        let grace = Duration::from_millis(50);
        let names = |now| -> Vec<String> {
            let all = orphans(&folder, Some(&edition), Timestamp(now), grace);
            all.expect("a list").into_iter().map(|listed| listed.name).collect()
        };
        assert_eq!(names(149), [orphan.name.to_string()]);
        let mut both = [old.name.to_string(), orphan.name.to_string()];
        both.sort();
        assert_eq!(names(150), both);
        let all = orphans(&folder, Some(&edition), Timestamp(150), grace).expect("a list");
        assert_eq!(sweep(&folder, all).len(), 2);
        assert!(folder.has(&edition.document) && folder.has(&edition.source));
        assert!(!folder.has(&old) && !folder.has(&orphan));
    }
}
