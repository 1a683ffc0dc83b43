//! URLs of pictures, in each dialect.

use imaging::accept::Accepted;
use imaging::plan::{Dialect, Dialects, Imgproxy, MAX_SIDE, Source, Thumbor, Wanted};
use imaging::sizing::{Size, sizing};

/// A target, and a value of `Accept` on the second line: a plan is the same when its one spelling is read,
/// and what it makes is no larger than it may be.
pub fn picture(data: &[u8]) {
    let mut lines = data.split(|b| *b == b'\n');
    let target = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let _ = Accepted::by(lines.next().unwrap_or_default());
    let presets = vec![("default".into(), "pr:a".into()), ("a".into(), "w:9/pr:default".into())];
    let imgproxy = Some(Imgproxy { presets, ..Imgproxy::default() });
    let thumbor = Some(Thumbor::default());
    let dialects = Dialects { fixed: Dialect::FIXED.into(), imgproxy, thumbor };
    let Some(dialect) = dialects.of(&target) else { return };
    let _ = dialects.signature(dialect, &target);
    let asked = match dialects.read(dialect, &target, true) {
        Ok(read) => read.asked,
        Err(error) => return assert!(error.to_string().len() < 400),
    };
    match &asked.source {
        Source::Path(path) => assert!(path.starts_with('/') && !path.starts_with("//")),
        Source::Url(url) => assert!(url.starts_with("http://") || url.starts_with("https://")),
    }
    let again = Dialect::Own.read(&asked.target()).expect("it is written as it is read");
    assert_eq!((&again.source, again.target()), (&asked.source, asked.target()));
    let Wanted::Picture(plan) = asked.wanted else { return };
    for plan in [plan, plan.settled()] {
        let again = format!("/_larder/image/{plan}/x");
        let read = Dialect::Own.read(&again).expect("it is written as it is read");
        assert_eq!(read.wanted, Wanted::Picture(plan), "{again}");
        let size = Size { width: 4000, height: 3000 };
        let made = sizing(&plan, size).canvas;
        assert!(made.width.max(made.height) <= MAX_SIDE);
    }
    assert_eq!(plan.settled().settled(), plan.settled());
}
