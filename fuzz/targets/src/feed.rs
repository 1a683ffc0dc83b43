//! Feeds: documents of other servers, what stands in them, and when they are fetched.

use mirror::plan::{Document, Fault, JsonPath, Recipe, Shape, Sort, read, srcset};
use mirror::schedule::Schedule;
use policy::time::Timestamp;

const BASE: &str = "https://a.example/b/c";

fn paths(text: &str) -> Vec<JsonPath> {
    JsonPath::parse(text).into_iter().collect()
}

/// A document that nobody asks to change stays as it came, and one whose pictures are here is one still.
fn document(data: &[u8], recipe: &Recipe) {
    let Ok(document) = read(data, None, BASE, recipe) else { return };
    let text = document.written(&|_| None);
    assert!(text == data || std::str::from_utf8(data).is_err() || data.starts_with(b"<?xml"));
    let again = moved(&document, recipe).expect("pictures elsewhere break no document");
    assert_eq!(again.items(), document.items());
    let shape = Shape { limit: Some(1), sort: Sort::parse("-date").ok(), ..Shape::default() };
    if let Ok(shaped) = read(data, None, BASE, &Recipe { shape, ..recipe.clone() }) {
        assert_eq!(shaped.published_items(), document.items().min(1));
        moved(&shaped, recipe).expect("shaping breaks no document");
    }
}

/// The document with its pictures here, read again: no other is in it.
fn moved(document: &Document, recipe: &Recipe) -> Result<Document, Fault> {
    let here = |_: &str| Some("https://l.example/&\"'<,x y".to_owned());
    let again = read(&document.written(&here), None, BASE, recipe)?;
    let is_here = |url: &str| url.starts_with("https://l.example/");
    assert!(recipe.keep_original_as.is_some() || again.pictures().iter().all(|url| is_here(url)));
    Ok(again)
}

/// Any JSON, with originals kept and without.
pub fn json(data: &[u8]) {
    let images = paths("$..image");
    let [srcsets, html] = ["$[*].set", "$[*].html"].map(paths);
    let recipe = Recipe { images, srcsets, html, ..Recipe::default() };
    // Of members of one name only the last is read: the others keep what they say.
    document(data, &recipe);
    document(data, &Recipe { keep_original_as: Some("old".to_owned()), ..recipe });
}

/// RSS and Atom.
pub fn xml(data: &[u8]) {
    document(data, &Recipe::default());
}

/// HTML in a string.
pub fn html(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let document_of = serde_json::json!([{ "html": text }]).to_string();
    document(document_of.as_bytes(), &Recipe { html: paths("$[*].html"), ..Recipe::default() });
}

/// Candidates rise, do not overlap and hold no white space.
pub fn srcset(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut end = 0;
    for candidate in srcset::candidates(&text) {
        assert!(end <= candidate.start && candidate.start < candidate.end);
        assert!(!text[candidate.clone()].contains(|c: char| c.is_ascii_whitespace()));
        end = candidate.end;
    }
}

/// An expression, and a time zone on the next line: a schedule that is read comes again and again.
pub fn cron(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (text, zone) = text.split_once('\n').unwrap_or((&text, "UTC"));
    let Ok(schedule) = Schedule::cron(text, zone) else { return };
    let mut now = Timestamp(1_795_320_000_999);
    for _ in 0..3 {
        let next = schedule.next_after(now);
        assert!(next > now && next < Timestamp(u64::MAX), "{text:?} never comes");
        now = next;
    }
}
