//! Who makes pictures: how each is started, and how it is asked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Serialize;
use tempfile::TempDir;

use super::home::Home;
use super::rows::{Format, Row, Task};
use super::{PATIENCE, fetch};
use crate::cli::ImagesArgs;
use crate::machine;
use crate::peers::{PinnedProcess, temporary_folder};

const READY_POLL: Duration = Duration::from_millis(50);
const QUALITY: u32 = 75;
/// Higher than any picture that is asked for, in pixels.
pub const ROOM: u32 = 5000;

/// A server that makes pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Maker {
    /// What this repository builds.
    Larder,
    /// sharp behind a server of a few lines: the measure of the ratios.
    Sharp,
    /// The optimizer of a Next.js site.
    Next,
    /// ipx, which Nuxt sites use.
    Ipx,
    /// The crate oximg.
    Oximg,
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Larder => "larder",
            Self::Sharp => "sharp",
            Self::Next => "next",
            Self::Ipx => "ipx",
            Self::Oximg => "oximg",
        })
    }
}

impl Maker {
    /// What it says of its version; an error where it is missing.
    pub fn version(self, home: &Home, args: &ImagesArgs) -> anyhow::Result<String> {
        let program = match self {
            Self::Larder => &args.larder,
            Self::Oximg => &home.oximg,
            Self::Sharp | Self::Next | Self::Ipx => return package_version(self, home),
        };
        if !program.is_file() {
            bail!("no program at {}", program.display());
        }
        let output = match self {
            Self::Oximg => return Ok(manifest_version(home)),
            _ => Command::new(program).arg("--version").output()?,
        };
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(said.lines().next().unwrap_or("unknown").to_owned())
    }

    /// Whether it can do that.
    pub fn can(self, task: Task) -> bool {
        match (self, task) {
            (Self::Larder, _) | (_, Task::Plain) => true,
            (Self::Sharp, Task::Watermark | Task::Moving) => true,
            (_, Task::Watermark | Task::Score(_) | Task::Moving) => false,
        }
    }

    /// The target that asks for a row's picture, as nobody asked for it before, and what is accepted.
    pub fn target(self, row: &Row, number: u32) -> (String, &'static str) {
        let Row { photo, width, format, task, .. } = row;
        let name = format.name(self);
        let target = match self {
            Self::Larder => {
                // A box so high that it changes nothing: a query would count nothing either.
                let height = ROOM + number;
                let more = match task {
                    Task::Plain | Task::Moving => String::new(),
                    Task::Score(score) => format!(",score={score}"),
                    // The base64url of /photos/mark.png.
                    Task::Watermark => {
                        ",wm=0.5:southeast:0:0:0.2,wms=L3Bob3Rvcy9tYXJrLnBuZw".to_owned()
                    }
                };
                let options = format!("w={width},h={height},q={QUALITY},f={name}{more}");
                format!("/_larder/image/{options}/photos/{photo}")
            }
            Self::Sharp => {
                let task = match task {
                    Task::Plain | Task::Score(_) => "plain",
                    Task::Watermark => "watermark",
                    Task::Moving => "moving",
                };
                format!("/{task}/{name}/{}/{width}/{photo}?n={number}", format.quality())
            }
            Self::Next => {
                let source = format!("%2Fphotos%2F{photo}%3Fn%3D{number}");
                format!("/_next/image?url={source}&w={width}&q={QUALITY}")
            }
            // It keeps nothing, and takes a query for a part of the name.
            Self::Ipx => match format {
                Format::Avif => format!("/w_{width},f_{name}/{photo}"),
                _ => format!("/w_{width},f_{name},q_{QUALITY}/{photo}"),
            },
            Self::Oximg => format!("/resize/{width}/0/{photo}@{name}?n={number}"),
        };
        let accept = match (self, format) {
            // It gives what is accepted, or what the source is.
            (Self::Next, Format::WebP) => "image/webp",
            (Self::Next, Format::Avif) => "image/avif",
            _ => "image/jpeg,image/png",
        };
        (target, accept)
    }

    /// Starts it on the core of servers, and waits until it answers.
    pub fn start(self, home: &Home, args: &ImagesArgs) -> anyhow::Result<Running> {
        Running::start(self, args, |address, folder| self.command(home, args, address, folder))
    }

    fn command(
        self,
        home: &Home,
        args: &ImagesArgs,
        address: SocketAddr,
        folder: &Path,
    ) -> anyhow::Result<Command> {
        let node = |script: &str| {
            let mut command = Command::new("node");
            command.arg(home.node.join(script)).current_dir(&home.node);
            command.env("PHOTOS", &home.photos).env("PORT", address.port().to_string());
            command.env("NODE_ENV", "production");
            command
        };
        Ok(match self {
            Self::Larder => larder(args, address, folder, &larder_site(&home.photos, NOBODY))?,
            Self::Sharp => node("sharp.mjs"),
            Self::Ipx => node("ipx.mjs"),
            Self::Next => {
                let kept = home.node.join("next/.next/cache/images");
                if kept.exists() {
                    std::fs::remove_dir_all(kept).context("removing what Next has kept")?;
                }
                let mut command = node("node_modules/next/dist/bin/next");
                command.args(["start", "next", "--hostname", "127.0.0.1"]);
                command.args(["--port", &address.port().to_string()]);
                command.env("NEXT_TELEMETRY_DISABLED", "1");
                command
            }
            Self::Oximg => {
                let mut command = Command::new(&home.oximg);
                command.env("IMAGES_DIR", &home.photos).env("PORT", address.port().to_string());
                command.env("OXIMG_BIND", "127.0.0.1").env("QUALITY", QUALITY.to_string());
                command
            }
        })
    }
}

impl Format {
    fn name(self, maker: Maker) -> &'static str {
        match (self, maker) {
            (Self::WebP, _) => "webp",
            (Self::Jpeg, Maker::Oximg) => "jpg",
            (Self::Jpeg, _) => "jpeg",
            (Self::Avif, _) => "avif",
            (Self::Png, _) => "png",
        }
    }

    /// For sharp: a dash stands for what it takes by itself.
    fn quality(self) -> String {
        match self {
            Self::Avif => "-".to_owned(),
            _ => QUALITY.to_string(),
        }
    }
}

/// An origin that is never asked.
pub const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// A site's lines of a configuration: pictures of that folder, below `/photos/`, in any width.
pub fn larder_site(folder: &Path, origin: SocketAddr) -> String {
    format!(
        "origin = \"http://{origin}\"\nimages.widths = []\n\
         images.folders = [{{ path = \"/photos/\", folder = {folder:?}, ttl = \"1h\" }}]\n"
    )
}

/// Larder with these lines in its only site, and little memory, so that it is soon full.
pub fn larder(
    args: &ImagesArgs,
    address: SocketAddr,
    folder: &Path,
    site: &str,
) -> anyhow::Result<Command> {
    let admin = machine::free_address()?;
    let text = format!(
        "[server]\nlisten = [\"{address}\"]\n\n[admin]\nlisten = \"{admin}\"\n\n\
         [storage]\nmemory = \"16MiB\"\ndisk.min_free = \"0B\"\n\n\
         [[site]]\n{site}"
    );
    let configuration = folder.join("larder.toml");
    std::fs::write(&configuration, text)?;
    let mut command = Command::new(std::path::absolute(&args.larder)?);
    command.arg("serve").arg("--config").arg(configuration).arg("--data").arg(folder.join("data"));
    Ok(command)
}

fn package_version(maker: Maker, home: &Home) -> anyhow::Result<String> {
    let node = Command::new("node").arg("--version").output().context("no Node.js")?;
    let node = String::from_utf8_lossy(&node.stdout).trim().to_owned();
    let path = home.node.join(format!("node_modules/{maker}/package.json"));
    let text = std::fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    if maker == Maker::Next && !home.node.join("next/.next/BUILD_ID").is_file() {
        bail!("its site is not built: run scripts/setup bench-images");
    }
    let package: serde_json::Value = serde_json::from_str(&text)?;
    let version = package["version"].as_str().unwrap_or("unknown");
    Ok(format!("{maker} {version}, Node.js {node}"))
}

/// oximg says nothing of its version; what installed it does.
fn manifest_version(home: &Home) -> String {
    let manifest = home.oximg.with_file_name("../.crates.toml");
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    let version = text.split_once("\"oximg ").and_then(|(_, rest)| rest.split_once(' '));
    format!("oximg {}", version.map_or("unknown", |(version, _)| version))
}

/// A started server. Dropped: it is ended, then its folder is removed.
pub struct Running {
    /// Which.
    pub maker: Maker,
    /// Where it answers.
    pub address: SocketAddr,
    // The order matters: the process ends before its folder goes.
    process: PinnedProcess,
    _folder: TempDir,
}

impl Running {
    /// Starts one whose command is made of where it shall listen and a folder of its own.
    pub fn start(
        maker: Maker,
        args: &ImagesArgs,
        command: impl FnOnce(SocketAddr, &Path) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Self> {
        let (address, folder) = (machine::free_address()?, temporary_folder(false)?);
        let command = command(address, folder.path())?;
        let log = folder.path().join("output.log");
        let process = PinnedProcess::start(command, Some(args.server_core), &log)?;
        let mut running = Self { maker, address, process, _folder: folder };
        running.wait_until_ready(&log)?;
        Ok(running)
    }

    /// The process whose tree is measured.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn wait_until_ready(&mut self, log: &Path) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if fetch::answers(self.address) {
                return Ok(());
            }
            if self.process.has_ended()? {
                break;
            }
            std::thread::sleep(READY_POLL);
        }
        let said = std::fs::read(log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said[said.len().saturating_sub(1000)..]).into_owned();
        bail!("{} does not answer: {said}", self.maker)
    }
}
