//! What each option makes of one small picture, held against a table of how it looked when somebody looked
//! at it: the size, the mean colours of a grid of cells, and how much neighbours differ. That is little
//! enough to be read, and stays the same whatever version of a codec or processor makes it.
//!
//! `UPDATE_GOLDEN=1` writes the table anew. Where it does not hold, the picture that was made and the cells
//! that were expected are written as PNG beside each other, and the test says where.

mod support;

use imaging::run::marked;
use imaging::{Limits, info};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use support::{Pixels, of, plan, png, read};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden.txt");
/// Cells of the grid, across and down.
const CELLS: (u32, u32) = (6, 4);
/// How far a mean may be off, in values of 8 bits.
const MEAN_OFF: u8 = 3;
/// How far the mean difference of neighbours may be off, in hundredths of a value, and as a part of it.
const GRAIN_OFF: (u32, u32) = (40, 20);

/// One row for each option of a plan, and for what options are only seen together.
const OPTIONS: [&str; 81] = [
    "w=32",
    "h=20",
    "w=40,h=16",
    "w=32,h=32,fit=cover",
    "w=32,h=32,fit=contain",
    "w=32,h=32,fit=contain,bg=c0ffee",
    "w=32,h=32,fit=fill",
    "w=32,h=32,fit=outside",
    "w=80,h=20,fit=cover-down",
    "w=80,h=40,fit=force",
    "w=40,h=20,fit=by-shape",
    "w=20,h=40,fit=by-shape",
    "w=96,enlarge=1",
    "w=12,dpr=2",
    "w=16,mw=26",
    "h=12,mh=33",
    "zoom=0.8",
    "zoom=0.5:0.75,w=48,h=48,fit=fill",
    "w=40,h=12,fit=cover,g=north",
    "crop=30:20:northeast",
    "w=24,h=40,fit=cover,g=east",
    "crop=30:20:southeast",
    "w=40,h=12,fit=cover,g=south",
    "crop=30:20:southwest",
    "w=24,h=40,fit=cover,g=west",
    "w=40,h=12,fit=cover,g=south:0:3",
    "w=24,h=40,fit=cover,g=0.6:0.2",
    "w=24,h=40,fit=cover,g=west:4:0",
    "w=24,h=40,fit=cover,g=smart",
    "crop=30:20",
    "crop=30:20:northwest",
    "crop=0.5:0.5:southeast",
    "crop=20:20:smart",
    "crop=40:0:east,w=20",
    "trim=10",
    "trim=10:ffffff",
    "trim=10::1:1",
    "trim=40,w=24",
    "pad=4",
    "pad=1:2:3:4,bg=102030",
    "w=32,dpr=2,pad=3,bg=fff",
    "w=80,h=60,extend=centre,bg=c0ffee",
    "w=80,h=60,extend=north,bg=c0ffee",
    "w=80,h=60,extend=southeast:2:3,bg=c0ffee",
    "w=60,h=60,reshape=centre,bg=c0ffee",
    "w=60,h=60,reshape=south,bg=c0ffee",
    "rotate=90",
    "rotate=180",
    "rotate=270,w=24",
    "flip=h",
    "flip=v",
    "flip=hv",
    "rotate=90,flip=h",
    "orient=0",
    "blur=0.5",
    "blur=2",
    "blur=12",
    "sharpen=0.7",
    "sharpen=3",
    "pixelate=4",
    "pixelate=13",
    "w=32,blur=1,sharpen=1,pixelate=3",
    "bg=ff8800",
    "bg=000",
    "wm=1",
    "wm=0.5",
    "wm=1:northwest",
    "wm=1:north:0:3",
    "wm=1:northeast:2:2",
    "wm=1:east",
    "wm=1:southeast:4:4:0.3",
    "wm=1:south:0:-4",
    "wm=1:southwest",
    "wm=1:west:0.1:0",
    "wm=1:centre:0:0:1",
    "wm=1:tile",
    "wm=0.6:tile:3:5",
    "wm=1:tile:2:2:0.1",
    "rotate=90,crop=20:20:north,w=10,pad=2,bg=123456",
    "trim=10,w=24,h=24,fit=cover,g=east,flip=h,blur=1",
    "w=32,wm=1:tile,pad=4,bg=fff",
];

/// A field framed in white that gets bluer and greener, with a red disc, a chequered patch, a dark bar, and a
/// part that shines through.
fn source() -> Pixels {
    Pixels::new(64, 48, |x, y| {
        let (dx, dy) = (x as i32 - 46, y as i32 - 16);
        match (x, y) {
            (..3 | 61.., _) | (_, ..3 | 45..) => [255; 4],
            _ if dx * dx + dy * dy < 70 => [225, 40, 30, 255],
            (6..18, 28..40) if (x / 2 + y / 2) % 2 == 0 => [10, 10, 10, 255],
            (6..18, 28..40) => [245, 245, 235, 255],
            (22..58, 38..41) => [20, 24, 40, 255],
            (24..34, 6..18) => [90, 60, 160, 100],
            _ => [60, 70 + 2 * y as u8, 90 + 2 * x as u8, 255],
        }
    })
}

fn mark() -> Pixels {
    Pixels::new(12, 8, |x, y| match (x, y) {
        (0..2, _) | (_, 0..2) => [255, 220, 0, 255],
        (6.., 4..) => [0; 4],
        _ => [20, 20, 120, 200],
    })
}

fn made(options: &str) -> Pixels {
    let recipe = of(plan(&format!("{options},q=100,f=png")));
    let (source, mark) = (png(&source()), png(&mark()));
    let made = marked(&source, Some(&mark), &recipe, &Limits::default());
    read(&made.unwrap_or_else(|fault| panic!("{options}: {fault}")).bytes)
}

/// How a picture looks.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    size: (u32, u32),
    /// How much neighbours differ, across and down, in hundredths of a value.
    grain: (u32, u32),
    cells: Vec<[u8; 4]>,
}

impl Look {
    fn of(pixels: &Pixels) -> Look {
        let size = (pixels.width, pixels.height);
        let cells = (0..CELLS.1).flat_map(|row| (0..CELLS.0).map(move |column| (column, row)));
        let cells = cells.map(|(column, row)| {
            let from = |at: u32, side: u32, of: u32| at * side / of;
            let across = from(column, size.0, CELLS.0)..from(column + 1, size.0, CELLS.0);
            let down = from(row, size.1, CELLS.1)..from(row + 1, size.1, CELLS.1);
            mean(
                down.flat_map(|y| across.clone().map(move |x| (x, y)))
                    .map(|(x, y)| pixels.at(x, y)),
            )
        });
        let differ = |dx: u32, dy: u32| {
            let (width, height) = (size.0 - dx, size.1 - dy);
            let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            let sum: u64 =
                all.map(|(x, y)| apart(pixels.at(x, y), pixels.at(x + dx, y + dy))).sum();
            u32::try_from(sum * 100 / u64::from(width * height)).expect("a mean")
        };
        Look { size, grain: (differ(1, 0), differ(0, 1)), cells: cells.collect() }
    }

    /// As a row of the table has it.
    fn parse(text: &str) -> Option<Look> {
        let pair = |text: &str, mark| {
            let (one, other) = text.split_once(mark)?;
            Some((one.parse().ok()?, other.parse().ok()?))
        };
        let mut words = text.split(' ');
        let (size, grain) = (pair(words.next()?, 'x')?, pair(words.next()?, '/')?);
        let cell = |word: &str| Some(u32::from_str_radix(word, 16).ok()?.to_be_bytes());
        Some(Look { size, grain, cells: words.map(cell).collect::<Option<_>>()? })
    }

    fn text(&self) -> String {
        let Look { size: (width, height), grain: (across, down), cells } = self;
        let mut text = format!("{width}x{height} {across}/{down}");
        for cell in cells {
            let _ = write!(text, " {:08x}", u32::from_be_bytes(*cell));
        }
        text
    }

    fn is_like(&self, other: &Look) -> bool {
        let near = |a: u32, b: u32| a.abs_diff(b) <= GRAIN_OFF.0.max(b / GRAIN_OFF.1);
        let mut pairs = self.cells.iter().flatten().zip(other.cells.iter().flatten());
        self.size == other.size
            && near(self.grain.0, other.grain.0)
            && near(self.grain.1, other.grain.1)
            && self.cells.len() == other.cells.len()
            && pairs.all(|(a, b)| a.abs_diff(*b) <= MEAN_OFF)
    }

    /// The cells as a picture, to be looked at.
    fn pixels(&self) -> Pixels {
        let (width, height) = self.size;
        Pixels::new(width, height, |x, y| {
            let (column, row) = (x * CELLS.0 / width, y * CELLS.1 / height);
            self.cells[(row * CELLS.0 + column) as usize]
        })
    }
}

/// The mean of pixels, colours as far as they are seen.
fn mean(pixels: impl Iterator<Item = [u8; 4]>) -> [u8; 4] {
    let (mut sums, mut count) = ([0u64; 4], 0u64);
    for [r, g, b, a] in pixels {
        let seen = |value: u8| u64::from(value) * u64::from(a);
        for (sum, value) in sums.iter_mut().zip([seen(r), seen(g), seen(b), u64::from(a)]) {
            *sum += value;
        }
        count += 1;
    }
    let alpha = sums[3].max(1);
    let [r, g, b, a] = sums;
    [(r / alpha) as u8, (g / alpha) as u8, (b / alpha) as u8, (a / count.max(1)) as u8]
}

fn apart(a: [u8; 4], b: [u8; 4]) -> u64 {
    let on_black = |pixel: [u8; 4]| pixel.map(|value| u32::from(value) * u32::from(pixel[3]) / 255);
    on_black(a).iter().zip(on_black(b)).map(|(a, b)| u64::from(a.abs_diff(b))).sum()
}

/// What stands in the place of the picture; the tiny one as it looks.
fn placeholders() -> Vec<(&'static str, String)> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let info = info(&png(&source()), &Limits::default()).expect("a picture");
    let coded = info.data_url.split_once(',').expect("a data: URL").1;
    let tiny = read(&STANDARD.decode(coded).expect("base64"));
    vec![
        ("blurhash", info.blurhash.clone()),
        ("thumbhash", info.thumbhash.clone()),
        ("dominant", format!("{:?}", info.dominant)),
        ("palette", format!("{:?}", info.palette)),
        ("lqip", Look::of(&tiny).text()),
    ]
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test may read and write its golden file")]
fn each_option_makes_what_it_made_when_somebody_looked() {
    let looks: Vec<_> = OPTIONS.iter().map(|options| (*options, made(options))).collect();
    let of_pictures = looks.iter().map(|(options, pixels)| (*options, Look::of(pixels).text()));
    let rows = of_pictures.chain(placeholders());
    let rows: Vec<_> = rows.map(|(name, text)| format!("{name} = {text}\n")).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(GOLDEN, rows.concat()).expect("the golden file can be written");
    }
    let golden = fs::read_to_string(GOLDEN).unwrap_or_default();
    assert_eq!(golden.lines().count(), rows.len(), "UPDATE_GOLDEN=1 writes the table anew");
    let mut wrong = String::new();
    for (at, (row, golden)) in rows.iter().zip(golden.lines()).enumerate() {
        let parted =
            |row: &str| row.trim_end().split_once(" = ").map(|(a, b)| (a.to_owned(), b.to_owned()));
        let ((name, text), (named, told)) = parted(row).zip(parted(golden)).expect("two rows");
        let alike = Look::parse(&text).zip(Look::parse(&told));
        if name == named && (text == told || alike.as_ref().is_some_and(|(a, b)| a.is_like(b))) {
            continue;
        }
        let _ = writeln!(wrong, "{name}\n  is  {text}\n  was {named} {told}");
        let Some((pixels, (_, told))) = looks.get(at).map(|(_, pixels)| pixels).zip(alike) else {
            continue;
        };
        for (what, pixels) in [("is", pixels), ("was", &told.pixels())] {
            let file =
                Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("golden-{at}-{what}.png"));
            fs::write(&file, png(pixels)).expect("the picture can be written");
            let _ = writeln!(wrong, "  see {}", file.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}UPDATE_GOLDEN=1 writes the table anew");
}

#[test]
fn each_option_is_seen_in_the_table() {
    let plain = Look::of(&made("w=64"));
    let looks: Vec<_> = OPTIONS.iter().map(|options| (options, Look::of(&made(options)))).collect();
    let mut wrong = String::new();
    for (at, (options, look)) in looks.iter().enumerate() {
        // The source has no orientation of its own.
        if **options != "orient=0" && look.is_like(&plain) {
            let _ = writeln!(wrong, "{options} changes nothing");
        }
        let same = looks[..at].iter().find(|(_, before)| before.is_like(look));
        let Some((before, _)) = same else { continue };
        let says_the_same =
            [["flip=hv", "rotate=180"], ["trim=10::1:1", "trim=10"], ["trim=10:ffffff", "trim=10"]]
                .iter()
                .any(|pair| pair.contains(options) && pair.contains(before));
        if !says_the_same {
            let _ = writeln!(wrong, "{options} looks like {before}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
