//! What is done where files of an edition are lost or damaged while it is served.

use crate::support::upstream::{Upstream, document, feed, files, refresh, runs};
use crate::support::{Larder, Origin, until};
use std::path::PathBuf;

fn app() -> Origin {
    Origin::answering(|_| panic!("it is none of the app's"))
}

/// The first edition, which nobody has read yet: so nothing of it is in memory.
fn unread(larder: &Larder) {
    until("it is published", || (feed(larder)["edition"]["number"] == 1).then_some(()));
}

/// Loses the files of a feed whose names end so.
fn lose(larder: &Larder, ending: &str) {
    let folder: PathBuf = larder.data().join("feeds/news/files");
    let lost: Vec<String> = files(larder).into_iter().filter(|it| it.ends_with(ending)).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    std::fs::remove_file(folder.join(&lost[0])).unwrap();
}

#[test]
fn an_edition_that_is_lost_holds_no_other_back() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b", "c", "d", "e"]));
    let larder = Larder::configured(&upstream.toml("retries = 0"), &app);
    unread(&larder);
    upstream.has(&["a"]);
    lose(&larder, ".doc");
    assert_eq!(refresh(&larder).0, 502, "it is made anew of what the upstream sent");
    until("it is", || (larder.get("/api/news.json").status == 200).then_some(()));
    lose(&larder, ".source");
    assert_eq!(refresh(&larder).0, 502, "the document is there");
    lose(&larder, ".doc");
    assert_eq!(refresh(&larder).0, 200);
    assert_eq!(document(&larder)["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(runs(&larder, 4)["edition"]["number"], 2);
}
