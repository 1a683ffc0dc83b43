//! Sizes and places beside those of sharp, whose words for fits and positions most image services share.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imaging::plan::Plan;
use imaging::run::{Effort, Recipe};
use imaging::{Limits, Profile};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

const POSITIONS: [(&str, &str); 9] = [
    ("centre", "centre"),
    ("north", "top"),
    ("northeast", "right top"),
    ("east", "right"),
    ("southeast", "right bottom"),
    ("south", "bottom"),
    ("southwest", "left bottom"),
    ("west", "left"),
    ("northwest", "left top"),
];
const BOXES: [(u32, u32); 7] =
    [(100, 100), (90, 0), (0, 77), (151, 80), (80, 151), (400, 50), (33, 400)];

/// A size, a fit and a position, as a plan and as sharp have it.
fn cases() -> Vec<(String, Value)> {
    let mut cases = Vec::new();
    for (width, height) in BOXES {
        for fit in ["inside", "outside", "fill", "cover", "contain"] {
            // By one side alone nothing is bent here, and there is no canvas.
            if matches!(fit, "fill" | "contain") && (width == 0 || height == 0) {
                continue;
            }
            let has_place = width > 0 && height > 0 && matches!(fit, "cover" | "contain");
            for (ours, sharps) in POSITIONS.into_iter().take(if has_place { 9 } else { 1 }) {
                let side =
                    |name, side| if side > 0 { format!("{name}={side},") } else { String::new() };
                // Where the rest of a canvas lies is the canvas's word.
                let place = match fit {
                    "contain" => format!("extend={ours}"),
                    fit => format!("fit={fit},g={ours}"),
                };
                let options = format!("{}{}{place}", side("w", width), side("h", height));
                let wanted =
                    json!({ "width": width, "height": height, "fit": fit, "position": sharps });
                cases.push((options, wanted));
            }
        }
    }
    cases
}

/// Red tells the column, green the row.
fn ramps(width: u32, height: u32) -> Vec<u8> {
    let pixel = |x: u32, y: u32| [(x * 250 / width) as u8, (y * 250 / height) as u8, 128];
    let rows = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)));
    let pixels: Vec<u8> = rows.collect();
    crate::support::pictures::rgb(width, height, &pixels)
}

fn by_sharp(source: &[u8], cases: &[(String, Value)]) -> Vec<Value> {
    let packages = format!("{}/../../packages", env!("CARGO_MANIFEST_DIR"));
    let mut node = Command::new(format!("{packages}/node_modules/node24/bin/node"))
        .arg(format!("{}/../../tests/pictures/beside_sharp.mjs", env!("CARGO_MANIFEST_DIR")))
        .arg(format!("{packages}/node_modules"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run scripts/setup test");
    let cases: Vec<&Value> = cases.iter().map(|(_, wanted)| wanted).collect();
    let asked = json!({ "source": STANDARD.encode(source), "cases": cases }).to_string();
    node.stdin.take().expect("a pipe").write_all(asked.as_bytes()).expect("it reads");
    let output = node.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn sizes_are_those_of_sharp_and_places_a_pixel_away_at_the_most() {
    let cases = cases();
    for (width, height) in [(300, 200), (201, 299), (60, 40)] {
        let source = ramps(width, height);
        for ((options, _), sharps) in cases.iter().zip(by_sharp(&source, &cases)) {
            let told = format!("{width}x{height} {options}");
            let plan = Plan::read(&format!("{options},q=100,f=png,bg=000")).expect(options);
            let (effort, profile) = (Effort::Quick, Profile::ConvertToSrgb);
            let recipe = Recipe { plan, effort, keep_copyright: false, profile };
            let made = imaging::picture(&source, &recipe, &Limits::default()).expect(&told);
            let (across, down) = (made.size.width, made.size.height);
            let size = (sharps["width"].as_u64(), sharps["height"].as_u64());
            assert_eq!(size, (Some(across.into()), Some(down.into())), "{told}");
            let sharps = STANDARD.decode(sharps["pixels"].as_str().expect("text")).expect("base64");
            let ours = crate::support::pictures::pixels(&made.bytes);
            assert_eq!(ours.len(), sharps.len(), "{told}");
            // By how much values differ from one pixel to the next, and what rounding may add.
            let step = |channel: usize, apart: usize| {
                let steps =
                    ours.iter().zip(&ours[apart.min(ours.len())..]).skip(channel).step_by(3);
                steps.map(|(a, b)| a.abs_diff(*b)).filter(|step| *step < 40).max().unwrap_or(0)
            };
            let limits = [step(0, 3) + 3, step(1, 3 * across as usize) + 3, 3];
            let is_rim = |at: usize| {
                let (x, y) = (at % across as usize, at / across as usize);
                x == 0 || y == 0 || x + 1 == across as usize || y + 1 == down as usize
            };
            // Where the picture meets its background a pixel's difference is that between the two.
            let is_padded = options.contains("extend");
            let mut away = 0;
            for (at, (a, b)) in ours.chunks_exact(3).zip(sharps.chunks_exact(3)).enumerate() {
                let is_near =
                    (0..3).all(|channel| a[channel].abs_diff(b[channel]) <= limits[channel]);
                away += usize::from(!is_near && !is_rim(at));
            }
            let allowed = if is_padded { 2 * (across + down) as usize } else { 0 };
            assert!(away <= allowed, "{told}: {away} pixels");
        }
    }
}
