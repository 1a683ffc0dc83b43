//! What is done where files of an edition are lost or damaged while it is served.

use crate::support::upstream::{NEWS, Upstream, document, feed, files, refresh};
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
    assert_eq!(by_hand(&larder), 502, "it is made anew of what the upstream sent");
    until("it is", || (larder.get("/api/news.json").status == 200).then_some(()));
    lose(&larder, ".source");
    assert_eq!(by_hand(&larder), 502, "the document is there");
    lose(&larder, ".doc");
    assert_eq!(by_hand(&larder), 200);
    assert_eq!(document(&larder)["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(feed(&larder)["edition"]["number"], 2);
}

#[test]
fn a_document_that_stays_lost_is_told_of_once_however_many_ask() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let larder = Larder::configured(&upstream.toml("retries = 0"), &app);
    unread(&larder);
    let parts = ["is damaged", "cannot be made anew", "cannot be read"];
    let said = || parts.map(|part| larder.error_lines(part).len());
    for (losses, instead) in [(1, 503), (2, 404)] {
        upstream.says().instead.insert(NEWS.to_owned(), (instead, Vec::new()));
        lose(&larder, ".doc");
        lose(&larder, ".source");
        // What was in memory is no more.
        assert_eq!(larder.admin_post("/v1/purge", "{\"everything\": true}").status, 200);
        let asked = || assert_eq!(larder.get("/api/news.json").status, 500);
        asked();
        let told = || (said() == [losses, losses, 0]).then_some(());
        until("it is told of", told);
        (0..20).for_each(|_| asked());
        // That may have begun a run, and these come after it.
        assert_eq!([by_hand(&larder), by_hand(&larder)], [502; 2]);
        assert_eq!(told(), Some(()), "{:?}", said());
        upstream.says().instead.clear();
        assert_eq!(by_hand(&larder), 200);
        document(&larder);
    }
}

/// Has it fetched as soon as it is not being fetched.
fn by_hand(larder: &Larder) -> u16 {
    until("it is not busy", || Some(refresh(larder).0).filter(|status| *status != 409))
}
