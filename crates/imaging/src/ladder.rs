//! The sizes that pictures are made in: so few that strangers cannot fill a cache with all others.

use crate::plan::{Format, MAX_SIDE, Milli, Plan};
use std::num::NonZeroU32;

/// The usual ladder: the widths that Next.js asks for, and those that are often written by hand. From one
/// to the next it is a third at most, but at its lower end.
pub const WIDTHS: [u32; 25] = [
    16, 32, 48, 64, 96, 128, 160, 200, 256, 320, 384, 480, 512, 640, 750, 828, 960, 1080, 1200,
    1440, 1600, 1920, 2048, 2560, 3840,
];
/// Qualities are brought to multiples of this.
const QUALITY_STEP: u8 = 5;

/// The plan whose box is brought to the next larger step of a ladder in rising order, its shape kept;
/// or to the last step. Without steps it stays.
pub fn snapped(mut plan: Plan, ladder: &[u32]) -> Plan {
    if ladder.is_empty() {
        return plan;
    }
    plan = plan.settled();
    let stepped = |quality: u8| quality.next_multiple_of(QUALITY_STEP).min(100);
    plan.quality = plan.quality.map(stepped);
    for (format, _) in Format::NAMED {
        if let Some(quality) = plan.qualities.get(format) {
            plan.qualities.set(format, stepped(quality));
        }
    }
    if let Some(score) = &mut plan.score {
        for part in [&mut score.target, &mut score.least, &mut score.most] {
            *part = stepped(*part);
        }
    }
    // Halves are enough for any screen.
    let halves = (plan.dpr.value() * 2.0).ceil().max(1.0);
    plan.dpr = Milli::thousandths((halves * 500.0) as i32);
    for zoom in [&mut plan.zoom.0, &mut plan.zoom.1] {
        *zoom = Milli::thousandths(((zoom.value() * 10.0).ceil() * 100.0) as i32);
    }
    for side in [&mut plan.min_width, &mut plan.min_height].into_iter().flatten() {
        *side = next(*side, ladder);
    }
    match (plan.width, plan.height) {
        (Some(width), height) => {
            let step = next(width, ladder);
            let ratio = f64::from(step.get()) / f64::from(width.get());
            plan.width = Some(step);
            plan.height = height.map(|height| scaled(height, ratio));
        }
        (None, Some(height)) => plan.height = Some(next(height, ladder)),
        (None, None) => {}
    }
    plan
}

fn next(side: NonZeroU32, ladder: &[u32]) -> NonZeroU32 {
    let step = ladder.iter().find(|step| **step >= side.get()).or(ladder.last());
    step.and_then(|step| NonZeroU32::new(*step)).unwrap_or(side)
}

fn scaled(side: NonZeroU32, ratio: f64) -> NonZeroU32 {
    // At most MAX_SIDE, so it fits.
    let scaled = (f64::from(side.get()) * ratio).round().clamp(1.0, f64::from(MAX_SIDE)) as u32;
    NonZeroU32::new(scaled).unwrap_or(side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_goes_up_to_the_next_step_and_keeps_its_shape() {
        let side = NonZeroU32::new;
        for (ladder, asked, made) in [
            (&[100, 200][..], (1, 0), (100, 0)),
            (&[100, 200], (100, 0), (100, 0)),
            (&[100, 200], (101, 50), (200, 99)),
            (&[100, 200], (400, 100), (200, 50)),
            (&[100, 200], (0, 101), (0, 200)),
            (&[100, 200], (1, 16_384), (100, 16_384)),
            (&[100, 200], (200, 1), (200, 1)),
            (&[1], (16_384, 1), (1, 1)),
            (&[], (101, 50), (101, 50)),
        ] {
            let plan = |(w, h)| Plan { width: side(w), height: side(h), ..Plan::default() };
            assert_eq!(snapped(plan(asked), ladder), plan(made), "{ladder:?} {asked:?}");
        }
        for (asked, made) in [
            ("w=150,dpr=1.2,pad=1,q=71,fq=webp:63", "w=200,dpr=1.5,pad=1,q=75,fq=webp:65"),
            ("dpr=0.1,mw=90,mh=200", "mw=100,mh=200,dpr=0.5"),
            ("score=77:31:92", "score=80:35:95"),
            ("zoom=0.01:0.55", "zoom=0.1:0.6"),
        ] {
            let plan = |options| Plan::read(options).expect(options);
            assert_eq!(snapped(plan(asked), &[100, 200]), plan(made), "{asked}");
        }
        assert!(WIDTHS.is_sorted());
        for (asked, made) in [(1, 5), (75, 75), (76, 80), (100, 100)] {
            let plan = |quality| Plan { quality: Some(quality), ..Plan::default() };
            assert_eq!(snapped(plan(asked), &[100]), plan(made));
        }
    }
}
