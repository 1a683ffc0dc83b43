//! What is to be done and what came of it, as bytes, for a pipe to a worker in a process of its own. Both
//! ends are the same program, so there are no versions. The source and the picture go beside it as they
//! are.

use crate::colour::Profile;
use crate::coming::{Came, Coming};
use crate::fault::{Fault, Measure};
use crate::info::{Info, info};
use crate::limits::Limits;
use crate::placeholder::Placeholder;
use crate::plan::Plan;
use crate::run::{Effort, Made, Media, Recipe, marked};
use crate::sizing::Size;
use std::borrow::Cow;
use std::io::{self, Read};

/// The longest job or outcome, in bytes.
pub const MAX_BYTES: usize = 4096;
/// The longest text within one, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// What is to be done with a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// What.
    pub task: Task,
    /// Within which limits.
    pub limits: Limits,
    /// How many bytes before those of the source are those of a watermark.
    pub mark_bytes: u64,
    /// Whether the source is read whole before anything is made of it, since making it meanwhile went wrong
    /// ([`Outcome::Unknown`]).
    pub is_whole: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make a picture.
    Picture(Recipe),
    /// Say what is known of it.
    Info,
    /// Say what may stand in its place.
    Placeholder(Placeholder),
}

/// What came of a job; the bytes of a picture go beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A picture.
    Picture {
        /// Its format.
        media: Media,
        /// Its size.
        size: Size,
        /// Whether it is the source, only without metadata.
        original: bool,
    },
    /// What is known of the source.
    Info(Info),
    /// What may stand in its place; its text goes beside it.
    Placeholder(Placeholder),
    /// Nothing, and why.
    Fault(Fault),
    /// Nothing is known yet: the source is damaged, or odd, and has to be read whole, so it has to be sent
    /// once more.
    Unknown,
}

impl Job {
    /// Does it, with what comes on: so many bytes of the watermark and the source. Some sources are decoded
    /// as they come, and never lie in memory whole. The bytes given back are those of the picture, if one
    /// came of it.
    ///
    /// # Errors
    /// When what comes cannot be read, or ends too early.
    pub fn run_from(&self, from: &mut dyn Read, bytes: u64) -> io::Result<(Outcome, Vec<u8>)> {
        let mut mark = Vec::new();
        from.take(self.mark_bytes).read_to_end(&mut mark)?;
        let bytes = bytes.checked_sub(mark.len() as u64).ok_or(io::ErrorKind::InvalidData)?;
        let mark = (!mark.is_empty()).then_some(&mark[..]);
        let mut coming = Coming::begin(from, bytes)?;
        let came = match &self.task {
            Task::Picture(recipe) if !self.is_whole => coming.picture(mark, recipe, &self.limits),
            _ => Came::NotBegun,
        };
        let done = match came {
            Came::Made(made) => made.map(told).unwrap_or_else(fault),
            Came::Unknown => (Outcome::Unknown, Vec::new()),
            Came::NotBegun => self.run(&coming.whole()?, mark),
        };
        coming.passed_over().map(|()| done)
    }

    /// Does it with a source, and what is drawn over it.
    pub fn run(&self, source: &[u8], mark: Option<&[u8]>) -> (Outcome, Vec<u8>) {
        let done = match &self.task {
            Task::Picture(recipe) => marked(source, mark, recipe, &self.limits).map(told),
            Task::Info => info(source, &self.limits).map(|info| (Outcome::Info(info), Vec::new())),
            Task::Placeholder(which) => info(source, &self.limits)
                .map(|info| (Outcome::Placeholder(*which), which.of(&info).into_bytes())),
        };
        done.unwrap_or_else(fault)
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match &self.task {
            Task::Info => out.byte(0),
            Task::Picture(recipe) => {
                out.byte(1);
                out.recipe(recipe);
            }
            Task::Placeholder(which) => {
                out.byte(2);
                out.one_of(&placeholders(), *which);
            }
        }
        let Limits {
            source_bytes,
            pixels,
            side,
            output_pixels,
            frames,
            animation_pixels,
            scans,
            memory_bytes,
        } = self.limits;
        for limit in [
            source_bytes,
            pixels,
            side.into(),
            output_pixels,
            frames.into(),
            animation_pixels,
            scans.into(),
            memory_bytes,
        ] {
            out.number(limit);
        }
        out.number(self.mark_bytes);
        out.byte(self.is_whole.into());
        out.0
    }

    /// From bytes; nothing if they are no job.
    pub fn decode(bytes: &[u8]) -> Option<Job> {
        let mut from = Reader(bytes);
        let task = match from.byte()? {
            0 => Task::Info,
            1 => Task::Picture(from.recipe()?),
            2 => Task::Placeholder(from.one_of(&placeholders())?),
            _ => return None,
        };
        let limits = Limits {
            source_bytes: from.number()?,
            pixels: from.number()?,
            side: from.number()?.try_into().ok()?,
            output_pixels: from.number()?,
            frames: from.number()?.try_into().ok()?,
            animation_pixels: from.number()?,
            scans: from.number()?.try_into().ok()?,
            memory_bytes: from.number()?,
        };
        let (mark_bytes, is_whole) = (from.number()?, from.flag()?);
        from.0.is_empty().then_some(Job { task, limits, mark_bytes, is_whole })
    }
}

fn told(Made { bytes, media, size, original }: Made) -> (Outcome, Vec<u8>) {
    (Outcome::Picture { media, size, original }, bytes)
}

fn fault(fault: Fault) -> (Outcome, Vec<u8>) {
    (Outcome::Fault(fault), Vec::new())
}

impl Outcome {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match self {
            Outcome::Picture { media, size, original } => {
                out.byte(0);
                out.one_of(&Media::ALL, *media);
                out.size(*size);
                out.byte((*original).into());
            }
            Outcome::Info(info) => {
                out.byte(1);
                out.one_of(&Media::ALL, info.format);
                out.size(info.size);
                out.number(info.orientation.into());
                out.number(info.pages.into());
                out.byte(info.alpha.into());
                out.number(info.palette.len() as u64);
                for colour in std::iter::once(&info.dominant).chain(&info.palette) {
                    out.0.extend(colour);
                }
                for text in [&info.blurhash, &info.thumbhash, &info.data_url] {
                    out.text(text);
                }
                out.0.extend(info.hash.to_le_bytes());
            }
            Outcome::Fault(fault) => {
                out.byte(2);
                out.fault(fault);
            }
            Outcome::Placeholder(which) => {
                out.byte(3);
                out.one_of(&placeholders(), *which);
            }
            Outcome::Unknown => out.byte(4),
        }
        out.0
    }

    /// From bytes; nothing if they are no outcome.
    pub fn decode(bytes: &[u8]) -> Option<Outcome> {
        let mut from = Reader(bytes);
        let outcome = match from.byte()? {
            0 => Outcome::Picture {
                media: from.one_of(&Media::ALL)?,
                size: from.size()?,
                original: from.flag()?,
            },
            1 => Outcome::Info(from.info()?),
            2 => Outcome::Fault(from.fault()?),
            3 => Outcome::Placeholder(from.one_of(&placeholders())?),
            4 => Outcome::Unknown,
            _ => return None,
        };
        from.0.is_empty().then_some(outcome)
    }
}

const EFFORTS: [Effort; 2] = [Effort::Quick, Effort::Thorough];
const PROFILES: [Profile; 2] = [Profile::ConvertToSrgb, Profile::Keep];

fn placeholders() -> [Placeholder; 5] {
    Placeholder::NAMED.map(|(which, _)| which)
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    /// The place of a value among all there are.
    fn one_of<T: PartialEq>(&mut self, all: &[T], one: T) {
        let at = all.iter().position(|each| *each == one);
        self.byte(at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX));
    }

    fn size(&mut self, size: Size) {
        self.number(size.width.into());
        self.number(size.height.into());
    }

    fn text(&mut self, text: &str) {
        let mut end = text.len().min(MAX_TEXT_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.number(end as u64);
        self.0.extend_from_slice(&text.as_bytes()[..end]);
    }

    fn recipe(&mut self, recipe: &Recipe) {
        let Recipe { plan, effort, keep_copyright, profile } = *recipe;
        self.text(&plan.to_string());
        self.one_of(&EFFORTS, effort);
        self.byte(keep_copyright.into());
        self.one_of(&PROFILES, profile);
    }

    fn fault(&mut self, fault: &Fault) {
        match fault {
            Fault::NoPicture => self.byte(0),
            Fault::Unsupported(kind) => {
                self.byte(1);
                self.text(kind);
            }
            Fault::Broken(place) => {
                self.byte(2);
                self.text(place);
            }
            Fault::TooLarge { what, is, limit } => {
                self.byte(3);
                self.one_of(&Measure::ALL, *what);
                self.number(*is);
                self.number(*limit);
            }
            Fault::OfWatermark(fault) => {
                self.byte(4);
                self.fault(fault);
            }
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(usize::from(self.byte()?)).copied()
    }

    fn size(&mut self) -> Option<Size> {
        Some(Size {
            width: self.number()?.try_into().ok()?,
            height: self.number()?.try_into().ok()?,
        })
    }

    fn text(&mut self) -> Option<Cow<'static, str>> {
        let length =
            usize::try_from(self.number()?).ok().filter(|length| *length <= MAX_TEXT_BYTES)?;
        String::from_utf8(self.bytes(length)?.to_vec()).ok().map(Cow::Owned)
    }

    fn recipe(&mut self) -> Option<Recipe> {
        Some(Recipe {
            plan: Plan::read(&self.text()?).ok()?,
            effort: self.one_of(&EFFORTS)?,
            keep_copyright: self.flag()?,
            profile: self.one_of(&PROFILES)?,
        })
    }

    fn info(&mut self) -> Option<Info> {
        let (format, size) = (self.one_of(&Media::ALL)?, self.size()?);
        let (orientation, pages) = (self.number()?, self.number()?);
        let (alpha, colours) = (self.flag()?, usize::try_from(self.number()?).ok()?);
        let mut colour = || self.bytes(3)?.try_into().ok();
        Some(Info {
            format,
            size,
            orientation: orientation.try_into().ok()?,
            pages: pages.try_into().ok()?,
            alpha,
            dominant: colour()?,
            palette: (0..colours.min(MAX_BYTES)).map(|_| colour()).collect::<Option<_>>()?,
            blurhash: self.text()?.into_owned(),
            thumbhash: self.text()?.into_owned(),
            data_url: self.text()?.into_owned(),
            hash: u128::from_le_bytes(self.bytes(16)?.try_into().ok()?),
        })
    }

    fn fault(&mut self) -> Option<Fault> {
        match self.byte()? {
            4 => {
                let kind = self.byte()?;
                Some(Fault::OfWatermark(Box::new(self.plain_fault(kind)?)))
            }
            kind => self.plain_fault(kind),
        }
    }

    fn plain_fault(&mut self, kind: u8) -> Option<Fault> {
        Some(match kind {
            0 => Fault::NoPicture,
            1 => Fault::Unsupported(self.text()?),
            2 => Fault::Broken(self.text()?),
            3 => Fault::TooLarge {
                what: self.one_of(&Measure::ALL)?,
                is: self.number()?,
                limit: self.number()?,
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipes() -> Vec<Recipe> {
        let options = "page=2,trim=10:fff:1:0,crop=0.5:200:northwest:10:-0.25,w=640,h=480,mw=1,mh=2,\
             zoom=0.5:2,dpr=1.5,fit=cover-down,enlarge=1,g=0.25:1,extend=south:0:5,reshape=east,\
             rotate=270,flip=v,blur=1.5,sharpen=0.5,pixelate=8,pad=1:2:3:4,bg=010203,\
             wm=0.5:southeast:10:-0.1:0.25,q=75,fq=webp:70:avif:60,max=20000,score=80:30:95,\
             copyright=1,metadata=0,profile=keep,skip=jpeg:gif,f=best-webp";
        let plans = ["", options, "g=southwest,wm=1:tile:5:5:0,f=avif", "orient=0,still=1,f=same"];
        let plans = plans.map(|options| Plan::read(options).expect(options));
        let (effort, profile) = (Effort::Thorough, Profile::Keep);
        plans.map(|plan| Recipe { plan, effort, keep_copyright: true, profile }).to_vec()
    }

    #[test]
    fn jobs_are_read_as_they_were_written() {
        let tasks = recipes()
            .into_iter()
            .map(Task::Picture)
            .chain([Task::Info, Task::Placeholder(Placeholder::Palette)]);
        for task in tasks {
            let job = Job { task, limits: Limits::default(), mark_bytes: 7, is_whole: true };
            let bytes = job.encode();
            assert!(bytes.len() <= MAX_BYTES);
            assert_eq!(Job::decode(&bytes), Some(job));
            for end in 0..bytes.len() {
                assert_eq!(Job::decode(&bytes[..end]), None);
            }
        }
    }

    #[test]
    fn outcomes_are_read_as_they_were_written() {
        let size = Size { width: 3, height: 4 };
        let large = Fault::TooLarge { what: Measure::MemoryBytes, is: u64::MAX, limit: 1 };
        let info = Info {
            format: Media::Gif,
            size,
            orientation: 6,
            pages: 2,
            alpha: true,
            dominant: [1, 2, 3],
            palette: vec![[1, 2, 3], [4, 5, 6]],
            blurhash: "LEHV6nWB2yk8".into(),
            thumbhash: "1QcSHQRn".into(),
            data_url: "data:image/webp;base64,AAAA".into(),
            hash: u128::MAX - 1,
        };
        let long = Fault::Broken("é".repeat(900).into());
        for outcome in [
            Outcome::Picture { media: Media::Avif, size, original: true },
            Outcome::Info(info),
            Outcome::Placeholder(Placeholder::DataUrl),
            Outcome::Unknown,
            Outcome::Fault(Fault::NoPicture),
            Outcome::Fault(Fault::unsupported("an SVG")),
            Outcome::Fault(Fault::broken("PNG: header")),
            Outcome::Fault(Fault::OfWatermark(Box::new(large.clone()))),
            Outcome::Fault(large),
        ] {
            let bytes = outcome.encode();
            assert_eq!(Outcome::decode(&bytes), Some(outcome));
            for end in 0..bytes.len() {
                assert_eq!(Outcome::decode(&bytes[..end]), None);
            }
        }
        // One within another there is none.
        let nested = Fault::OfWatermark(Box::new(Fault::OfWatermark(Box::new(Fault::NoPicture))));
        assert_eq!(Outcome::decode(&Outcome::Fault(nested).encode()), None);
        let bytes = Outcome::Fault(long).encode();
        assert!(bytes.len() <= MAX_BYTES && Outcome::decode(&bytes).is_some());
    }
}
