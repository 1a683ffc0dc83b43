//! Whether memory stays as it is over thousands of pictures of many sources, sizes and formats.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::Context as _;
use serde::Serialize;

use super::fetch;
use super::home::Home;
use super::maker::{Maker, NOBODY, ROOM, Running, larder, larder_site};
use crate::cli::ImagesArgs;
use crate::cpu;

/// How often memory is looked at.
const LOOKS: u32 = 10;
/// How many ask at once.
const CLIENTS: u32 = 4;
const ACCEPT: &str = "image/avif,image/webp,*/*";
const FORMATS: [&str; 5] = ["webp", "jpeg", "png", "avif", "auto"];

/// Memory after so many pictures, in bytes.
#[derive(Serialize)]
pub struct Look {
    /// How many were asked for.
    pub asked: u32,
    /// How many of these were refused.
    pub refused: u32,
    /// Resident memory of `larder serve`.
    pub serve: u64,
    /// Resident memory of the processes that make pictures.
    pub workers: u64,
    /// How many these are.
    pub processes: usize,
}

/// Has Larder make so many, and looks ten times.
pub fn measure(home: &Home, args: &ImagesArgs) -> anyhow::Result<Vec<Look>> {
    let names = home.small_pictures()?;
    let running = Running::start(Maker::Larder, args, |address, folder| {
        larder(args, address, folder, &larder_site(&home.small, NOBODY))
    })?;
    let mut looks = vec![look(&running, 0, 0)?];
    let refused = AtomicU32::new(0);
    for part in 0..LOOKS {
        let bounds = [part, part + 1].map(|part| args.mixed / LOOKS * part);
        let next = AtomicU32::new(bounds[0]);
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= bounds[1] {
                            return;
                        }
                        let target = target(&names, number);
                        if let Err(error) = fetch::picture(running.address, &target, ACCEPT) {
                            eprintln!("  {error:#}");
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let look = look(&running, bounds[1], refused.load(Ordering::Relaxed))?;
        eprintln!(
            "  {:6} asked, {} refused, serve {} MiB, {} workers {} MiB",
            look.asked,
            look.refused,
            look.serve >> 20,
            look.processes,
            look.workers >> 20
        );
        looks.push(look);
    }
    Ok(looks)
}

/// No two are the same: each has its source, size and format, in an order that mixes them.
fn target(names: &[String], number: u32) -> String {
    let mixed = number.wrapping_mul(2_654_435_761) >> 8;
    let name = &names[number as usize % names.len()];
    let (width, quality) = (16 + mixed % 600, 40 + mixed / 600 % 12 * 5);
    let format = FORMATS[mixed as usize / 7200 % FORMATS.len()];
    let height = ROOM + number % 10_000;
    format!("/_larder/image/w={width},h={height},q={quality},f={format}/photos/{name}")
}

fn look(running: &Running, asked: u32, refused: u32) -> anyhow::Result<Look> {
    let tree = cpu::tree(running.pid())?;
    let resident = |pid: u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/statm"));
        let pages = text.ok()?.split(' ').nth(1)?.parse::<u64>().ok()?;
        Some(pages * rustix::param::page_size() as u64)
    };
    // One of them may have ended meanwhile.
    let workers = tree.iter().skip(1).filter_map(|(pid, _)| resident(*pid)).sum();
    let serve = resident(running.pid()).context("larder has ended")?;
    Ok(Look { asked, refused, serve, workers, processes: tree.len() - 1 })
}
