//! Paced purges: everything is made anew, and the origin hardly notices.

use crate::support::{Larder, Origin, Reply};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const RATE: usize = 5;
const PAGES: usize = 30;

fn busy_site(control: &'static str) -> (Arc<AtomicUsize>, Origin, Larder) {
    let version = Arc::new(AtomicUsize::new(1));
    let now = version.clone();
    let origin = Origin::answering(move |_| {
        Reply::cached(control, format!("v{}", now.load(Ordering::SeqCst)))
    });
    let toml = "[purge]\npaced_rate = 5\nstale_window = \"10m\"\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    (0..PAGES).for_each(|page| drop(larder.fill(&format!("/{page}"))));
    (version, origin, larder)
}

fn purge_all_paced(larder: &Larder) {
    let (code, said, _) = larder.command(&["purge", "--all", "--paced"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("purged at a pace: 1 scope"), "{said}");
}

#[test]
fn everything_is_made_anew_at_the_paced_rate_and_never_faster() {
    // `s-maxage` alone forbids stale answers; the operator's word goes before it.
    let (version, origin, larder) = busy_site("s-maxage=3600");
    version.store(2, Ordering::SeqCst);
    purge_all_paced(&larder);
    let mut new = 0;
    for second in 1..=PAGES / RATE + 2 {
        for step in 0..10 {
            for page in 0..PAGES {
                let answer = larder.get(&format!("/{page}"));
                assert_eq!(answer.status, 200);
                assert!(answer.cache().contains("hit"), "nobody waits: {}", answer.cache());
                let old = answer.text() == "v1";
                assert_eq!(answer.cache().ends_with("detail=paced-purge"), old);
                new = if old { new } else { new.max(page + 1) };
            }
            larder.settle();
            let asked = origin.count() - PAGES;
            assert!(asked <= RATE * second, "{asked} requests in {second} s and {step} steps");
            larder.turn_clock_millis(100);
        }
    }
    assert_eq!(origin.count(), 2 * PAGES, "each once");
    for page in 0..PAGES {
        let answer = larder.get(&format!("/{page}"));
        assert!(answer.is_hit() && answer.text() == "v2", "{}", answer.cache());
    }
}

#[test]
fn what_must_be_revalidated_is_and_after_the_window_all_is() {
    let (version, origin, larder) = busy_site("max-age=3600, must-revalidate");
    version.store(2, Ordering::SeqCst);
    purge_all_paced(&larder);
    assert_eq!(larder.get("/1").text(), "v2");
    drop((larder, origin));

    let (version, origin, larder) = busy_site("max-age=3600");
    version.store(2, Ordering::SeqCst);
    purge_all_paced(&larder);
    origin.go_away();
    larder.turn_clock(599);
    assert_eq!(larder.get("/1").text(), "v1", "the origin is away and the window open");
    larder.settle();
    origin.come_back();
    larder.turn_clock(1);
    assert_eq!(larder.get("/2").text(), "v2");
}

#[test]
fn a_plain_soft_or_hard_purge_is_not_weakened_by_a_paced_one() {
    let (version, _origin, larder) = busy_site("max-age=3600");
    version.store(2, Ordering::SeqCst);
    larder.admin_post("/v1/purge", r#"{"urls":["/1"],"soft":true}"#);
    larder.admin_post("/v1/purge", r#"{"urls":["/2"]}"#);
    purge_all_paced(&larder);
    assert_eq!(larder.get("/1").text(), "v2");
    assert_eq!(larder.get("/2").text(), "v2");
    assert_eq!(larder.get("/3").text(), "v1");
}

#[test]
fn a_paced_purge_outlives_the_process() {
    let (version, _origin, mut larder) = busy_site("s-maxage=3600");
    version.store(2, Ordering::SeqCst);
    // What is on disk for a second lasts.
    larder.settle();
    purge_all_paced(&larder);
    larder.restart();
    let answer = larder.get("/1");
    assert_eq!(answer.text(), "v1");
    assert!(answer.cache().ends_with("detail=paced-purge"), "{}", answer.cache());
    larder.settle();
    assert_eq!(larder.get("/1").text(), "v2");
}
