//! Sources that come on while pictures are made of them: what comes out is the same, and nothing of what
//! follows them is taken.

mod support;

use imaging::Limits;
use imaging::job::{Job, Outcome, Task};
use imaging::run::Media;
use std::cell::Cell;
use std::io::{self, Read};
use support::{Pixels, jpeg, of, plan, png};

/// What is handed over, so many bytes at a time.
struct Drops<'a> {
    rest: &'a [u8],
    most: usize,
    /// How much was taken of it.
    taken: &'a Cell<usize>,
}

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.most.min(buffer.len());
        let read = self.rest.read(&mut buffer[..most])?;
        self.taken.set(self.taken.get() + read);
        Ok(read)
    }
}

fn job(options: &str, mark: &[u8]) -> Job {
    Job {
        task: Task::Picture(of(plan(options))),
        limits: Limits::default(),
        mark_bytes: mark.len() as u64,
        is_whole: false,
    }
}

/// What comes of a source that comes on so many bytes at a time, with what follows it.
fn come(job: &Job, mark: &[u8], source: &[u8], most: usize) -> (Outcome, Vec<u8>) {
    let (all, taken) = ([mark, source, b"the next job"].concat(), Cell::new(0));
    let mut drops = Drops { rest: &all, most, taken: &taken };
    let bytes = (mark.len() + source.len()) as u64;
    let done = job.run_from(&mut drops, bytes).expect("it is all there");
    assert_eq!(taken.get() as u64, bytes, "what follows is left alone");
    done
}

/// Longer than what is read at once, with blocks of colours that are `across` and `down` pixels.
fn photo(width: u32, height: u32, (across, down): (u8, u8), progressive: bool) -> Vec<u8> {
    use mozjpeg::{ColorSpace, Compress};
    let mut jpeg = Compress::new(ColorSpace::JCS_RGB);
    jpeg.set_size(width as usize, height as usize);
    jpeg.set_fastest_defaults();
    jpeg.set_quality(98.0);
    jpeg.set_chroma_sampling_pixel_sizes((across, down), (across, down));
    if progressive {
        jpeg.set_progressive_mode();
    }
    let mut jpeg = jpeg.start_compress(Vec::new()).expect("a JPEG");
    jpeg.write_scanlines(&noisy(width, height).rgb()).expect("pixels");
    let file = jpeg.finish().expect("an end");
    assert!(file.len() > 150_000, "{} bytes", file.len());
    file
}

fn noisy(width: u32, height: u32) -> Pixels {
    Pixels::new(width, height, |x, y| {
        let noise = (x * 7919 + y * 104_729).wrapping_mul(2_654_435_761) >> 27;
        [(x / 3 + noise) as u8, (y / 3 + noise) as u8, ((x + y) / 6 + noise) as u8, 255]
    })
}

/// Each size that it is decoded to, what is cut, what is looked at, and what goes out nearly as it came.
const PLANS: [&str; 9] = [
    "w=60,f=webp",
    "w=170,f=jpeg",
    "w=330,f=webp",
    "w=600,f=jpeg",
    "crop=300:200:northwest:40:31,w=200,f=png",
    "w=100,h=100,fit=cover,g=smart,rotate=90,f=webp",
    "trim=10,w=200,f=webp",
    "f=same",
    "skip=jpeg,w=60,f=same",
];

#[test]
fn what_comes_on_is_made_as_what_is_there() {
    let cut = (png(&noisy(300, 200)), "w=60,f=webp");
    let jpegs = [((1, 1), false), ((2, 2), false), ((2, 1), false), ((2, 2), true)];
    let sources = jpegs.map(|(factors, progressive)| photo(800, 600, factors, progressive));
    let all = sources.iter().flat_map(|source| PLANS.map(|options| (source, options)));
    for (source, options) in all.chain([(&cut.0, cut.1)]) {
        let job = job(options, b"");
        let there = job.run(source, None);
        assert!(matches!(there.0, Outcome::Picture { .. }), "{options}: {:?}", there.0);
        for most in [1000, 65_536, usize::MAX] {
            assert!(come(&job, b"", source, most) == there, "{options}, {most} bytes at a time");
        }
    }
    // In the worst of drops.
    let job = job(PLANS[0], b"");
    assert!(come(&job, b"", &sources[1], 1) == job.run(&sources[1], None));
}

#[test]
fn a_watermark_comes_before_the_source() {
    let (source, mark) = (photo(800, 600, (2, 2), false), png(&noisy(30, 20)));
    let job = job("w=200,wm=1:center,f=png", &mark);
    let made = come(&job, &mark, &source, 5000);
    assert!(made == job.run(&source, Some(&mark)));
    assert!(made.1 != job.run(&source, None).1, "it is seen");
}

#[test]
fn what_breaks_while_it_comes_is_asked_for_once_more() {
    let whole = photo(800, 600, (2, 2), false);
    let middle = whole.len() / 2;
    let mut damaged = whole.clone();
    damaged[middle..middle + 2].copy_from_slice(&[0xff, 0xd3]);
    // libjpeg reads over so many of these as no unit has bytes.
    let filled = [&whole[..middle], &[0xff; 70_000], &whole[middle..]].concat();
    for source in [&damaged, &filled, &whole[..whole.len() - 2].to_vec()] {
        let job = job("w=100,f=webp", b"");
        assert_eq!(come(&job, b"", source, 9999), (Outcome::Unknown, Vec::new()));
        let once_more = Job { is_whole: true, ..job };
        assert!(come(&once_more, b"", source, 9999) == job.run(source, None));
    }
}

#[test]
fn what_is_known_of_what_comes_is_known_of_all_of_it() {
    let source = photo(800, 600, (2, 2), false);
    let known = |bytes| Limits { source_bytes: bytes, ..Limits::default() };
    for (bytes, is_made) in [(source.len() as u64, true), (source.len() as u64 - 1, false)] {
        let job = Job { limits: known(bytes), ..job("w=100,f=webp", b"") };
        let (outcome, made) = come(&job, b"", &source, usize::MAX);
        assert_eq!(matches!(outcome, Outcome::Picture { media: Media::WebP, .. }), is_made);
        assert!((outcome, made) == job.run(&source, None));
    }
    let job = Job { task: Task::Info, ..job("", b"") };
    assert!(come(&job, b"", &source, 1234) == job.run(&source, None));
    // How many scans it has is counted to its end, for who reads why there is no picture.
    let source = photo(800, 600, (2, 2), true);
    let limits = Limits { scans: 1, ..Limits::default() };
    let job = Job { limits, ..self::job("w=100,f=webp", b"") };
    assert_eq!(come(&job, b"", &source, 65_536), job.run(&source, None));
}

#[test]
fn headers_of_any_length_are_read() {
    let pixels = noisy(500, 400);
    for segments in [1_usize, 3, 20] {
        let noise = |at: usize| (at * 31 % 251) as u8;
        let segment = (13, (0..60_000).map(noise).collect::<Vec<u8>>());
        let source = jpeg(&pixels, &vec![segment; segments]);
        let job = job("w=100,f=webp", b"");
        assert!(come(&job, b"", &source, 40_000) == job.run(&source, None), "{segments}");
    }
}

#[test]
fn what_ends_too_early_is_no_job() {
    let (source, mark) = (photo(800, 600, (2, 2), false), png(&noisy(30, 20)));
    let job = job("w=200,wm=1:center,f=png", &mark);
    let (all, bytes) = ([&mark[..], &source].concat(), (mark.len() + source.len()) as u64);
    for end in [0, 10, mark.len(), mark.len() + 5, mark.len() + 100_000, all.len() - 1] {
        for is_whole in [false, true] {
            let done = Job { is_whole, ..job }.run_from(&mut &all[..end], bytes);
            assert!(done.is_err(), "{end} {is_whole}");
        }
    }
    // Less than the watermark alone.
    assert!(job.run_from(&mut &all[..], 10).is_err());
}
