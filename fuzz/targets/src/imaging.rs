//! Pictures, and the jobs that are sent to who makes them.

use imaging::job::{Job, Outcome};
use imaging::plan::Plan;
use imaging::run::STUMBLED;
use imaging::{Effort, Fault, Limits, Profile, Recipe, info, picture};
use std::sync::OnceLock;

/// A digit chooses a small picture, and what follows changes it: two bytes say where, one what to. After
/// anything else comes the picture itself.
pub fn decode(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let seed = which.checked_sub(b'0').and_then(|which| seeds().get(usize::from(which)));
    let source = match seed {
        Some(seed) => {
            let mut source = seed.clone();
            for change in rest.chunks_exact(3) {
                let at = usize::from(change[0]) << 8 | usize::from(change[1]);
                let length = source.len();
                source[at % length] = change[2];
            }
            source
        }
        None => rest.to_vec(),
    };
    let limits = Limits { pixels: 1 << 14, side: 2048, memory_bytes: 4 << 20, ..Limits::default() };
    for options in
        ["", "w=6,f=auto-webp", "w=6,f=same", "crop=0.5:3:southeast,h=20,enlarge=1,pad=1"]
    {
        let stumbled = Fault::Broken(STUMBLED.into());
        match picture(&source, &recipe(options), &limits) {
            Ok(made) => assert!(!made.bytes.is_empty() && made.size.width <= 2048),
            Err(fault) => assert_ne!(fault, stumbled),
        }
        assert_ne!(info(&source, &limits).err(), Some(stumbled));
    }
}

/// What is read is written the same.
pub fn job(data: &[u8]) {
    if let Some(job) = Job::decode(data) {
        assert_eq!(Job::decode(&job.encode()), Some(job));
    }
    if let Some(outcome) = Outcome::decode(data) {
        assert_eq!(Outcome::decode(&outcome.encode()), Some(outcome));
    }
}

fn recipe(options: &str) -> Recipe {
    let plan = Plan::read(options).expect("a plan");
    let (effort, profile) = (Effort::Quick, Profile::ConvertToSrgb);
    Recipe { plan, effort, keep_copyright: true, profile }
}

/// A picture in each format, of a few pixels, with transparency.
fn seeds() -> &'static [Vec<u8>] {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let rgba: Vec<u8> = (0..12 * 10 * 4_u32).map(|at| (at * at / 7) as u8).collect();
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, 12, 10);
        encoder.set_color(png::ColorType::Rgba);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(&rgba).expect("pixels");
        writer.finish().expect("an end");
        let made = ["f=jpeg", "f=webp", "f=avif", "f=png"].map(|options| {
            let made = picture(&png, &recipe(options), &Limits::default());
            made.expect("a picture").bytes
        });
        std::iter::once(png).chain(made).collect()
    })
}
