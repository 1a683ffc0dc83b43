//! What is made: of which photograph, how wide, in which format.

use serde::Serialize;

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Row {
    /// How the command line names it.
    pub name: &'static str,
    /// How the table names it.
    pub title: &'static str,
    /// The file in the folder of photographs.
    pub photo: &'static str,
    /// How wide it becomes.
    pub width: u32,
    /// What it becomes.
    pub format: Format,
    /// What is done beside.
    pub task: Task,
    /// How many are made a round: the clock of CPU time ticks in 10 ms.
    pub pictures: u32,
}

/// What is done beside bringing a picture to its size and format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Nothing.
    Plain,
    /// A watermark is drawn over it: its score says how much it still looks like the photograph.
    Watermark,
    /// Quality is sought that scores so much.
    Score(u8),
    /// All frames are made; its score is that of the first.
    Moving,
}

/// A format that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Format {
    /// Of quality 75.
    WebP,
    /// Of quality 75.
    Jpeg,
    /// Of what each maker gives without being told.
    Avif,
    /// Of quality 75, which means a palette.
    Png,
}

/// All rows, in the table's order.
pub const ALL: [Row; 13] = [
    row("20mp-webp", "20 MP JPEG → 640 WebP", "20mp.jpg", 640, Format::WebP, 10),
    row("20mp-jpeg", "20 MP JPEG → 640 JPEG", "20mp.jpg", 640, Format::Jpeg, 10),
    row("20mp-avif", "20 MP JPEG → 640 AVIF", "20mp.jpg", 640, Format::Avif, 6),
    row(
        "progressive-webp",
        "18 MP progressive JPEG → 640 WebP",
        "18mp-progressive.jpg",
        640,
        Format::WebP,
        4,
    ),
    row("2mp-webp", "2 MP JPEG → 1080 WebP", "2mp.jpg", 1080, Format::WebP, 12),
    row("2mp-jpeg", "2 MP JPEG → 320 JPEG", "2mp.jpg", 320, Format::Jpeg, 40),
    row("alpha-webp", "3 MP PNG, alpha → 640 WebP", "3mp-alpha.png", 640, Format::WebP, 12),
    row("alpha-png", "3 MP PNG, alpha → 640 palette PNG", "3mp-alpha.png", 640, Format::Png, 8),
    row("large-alpha-webp", "15 MP PNG, alpha → 640 WebP", "15mp-alpha.png", 640, Format::WebP, 4),
    row(
        "large-alpha-png",
        "15 MP PNG, alpha → 640 palette PNG",
        "15mp-alpha.png",
        640,
        Format::Png,
        4,
    ),
    Row {
        task: Task::Watermark,
        ..row("watermark", "2 MP JPEG → 1080 WebP, watermark", "2mp.jpg", 1080, Format::WebP, 10)
    },
    Row {
        task: Task::Score(70),
        ..row("score", "2 MP JPEG → 640 WebP of score 70", "2mp.jpg", 640, Format::WebP, 6)
    },
    Row {
        task: Task::Moving,
        ..row("moving", "GIF of 40 frames → 240 WebP", "moving.gif", 240, Format::WebP, 3)
    },
];

const fn row(
    name: &'static str,
    title: &'static str,
    photo: &'static str,
    width: u32,
    format: Format,
    pictures: u32,
) -> Row {
    Row { name, title, photo, width, format, task: Task::Plain, pictures }
}
