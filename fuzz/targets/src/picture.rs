//! URLs of pictures, in each dialect.

use imaging::accept::Accepted;
use imaging::plan::{
    Dialect, Dialects, Imgproxy, MAX_SIDE, Plan, Presets, Source, Thumbor, Wanted,
};
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
    let presets = Presets::new([("a".into(), "w=9,fit=cover".into())]);
    let dialects = Dialects { fixed: Dialect::FIXED.into(), presets, imgproxy, thumbor };
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
        let Wanted::Picture(read) = read.wanted else { panic!("{again} is of a picture") };
        assert_eq!(read.settled(), plan.settled(), "{again}");
        let size = Size { width: 4000, height: 3000 };
        let made = sizing(&plan, size);
        let (cut, canvas) = (made.cut.size, made.canvas);
        assert!(cut.width <= canvas.width && cut.height <= canvas.height);
        // What is enlarged or has something around it is held to the limits when it is made.
        assert!(grows(&plan) || canvas.width.max(canvas.height) <= MAX_SIDE);
    }
    assert_eq!(plan.settled().settled(), plan.settled());
}

fn grows(plan: &Plan) -> bool {
    let has_canvas = plan.extend.is_some() || plan.extend_shape.is_some() || plan.is_padded();
    let has_least = plan.min_width.is_some() || plan.min_height.is_some();
    plan.enlarge || has_canvas || has_least
}
