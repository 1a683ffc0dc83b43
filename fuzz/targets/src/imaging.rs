//! Pictures, and the jobs that are sent to who makes them.

use imaging::job::{Job, Outcome, Task};
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
    for options in [
        "",
        "w=6,f=auto-webp",
        "w=6,f=same",
        "page=1,f=png",
        "crop=0.5:3:southeast,h=20,enlarge=1,pad=1",
    ] {
        let stumbled = Fault::Broken(STUMBLED.into());
        match picture(&source, &recipe(options), &limits) {
            Ok(made) => assert!(!made.bytes.is_empty() && made.size.width <= 2048),
            Err(fault) => assert_ne!(fault, stumbled),
        }
        assert_ne!(info(&source, &limits).err(), Some(stumbled));
    }
    come(source, limits);
}

/// What is made of a source while it comes on is what is made of it whole.
fn come(mut source: Vec<u8>, limits: Limits) {
    // Longer than what is read at once.
    source.resize(source.len() + 70_000, 0);
    let (task, mark_bytes) = (Task::Picture(recipe("w=6,f=auto-webp")), 0);
    let job = Job { task, limits, mark_bytes, is_whole: false };
    let done = job.run_from(&mut &source[..], source.len() as u64).expect("it is all there");
    if done.0 != Outcome::Unknown {
        assert_eq!(done, job.run(&source, None));
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
        let gif = moving();
        let webp = picture(&gif, &recipe("f=webp,w=10"), &Limits::default());
        let moving = [gif, webp.expect("an animation").bytes];
        std::iter::once(png).chain(made).chain(moving).collect()
    })
}

/// A GIF of frames that lie here and there, and are disposed of in each way.
fn moving() -> Vec<u8> {
    use gif::{DisposalMethod, Encoder, Frame, Repeat};
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 12, 10, &[]).expect("a GIF");
    encoder.set_repeat(Repeat::Infinite).expect("memory");
    let ways = [DisposalMethod::Background, DisposalMethod::Previous, DisposalMethod::Keep];
    for (at, dispose) in (0_u8..).zip(ways) {
        let mut rgba: Vec<u8> =
            (0..7 * 6 * 4_u8).map(|v| [9 * at, v, 77, 255][v as usize % 4]).collect();
        rgba[..8].fill(0);
        let mut frame = Frame::from_rgba_speed(7, 6, &mut rgba, 30);
        (frame.left, frame.top) = (2 * u16::from(at), u16::from(at));
        (frame.delay, frame.dispose) = (4 * u16::from(at), dispose);
        encoder.write_frame(&frame).expect("a frame");
    }
    drop(encoder);
    file
}
