//! Where photographs and makers are, and what of a run lies there for a while.

use std::path::{Path, PathBuf};

use anyhow::bail;

/// The folder that `scripts/setup bench-images` fills.
pub struct Home {
    /// The photographs that rows name.
    pub photos: PathBuf,
    /// Many small pictures of several formats.
    pub small: PathBuf,
    /// The makers on Node.
    pub node: PathBuf,
    /// The program of oximg.
    pub oximg: PathBuf,
}

impl Home {
    /// Looks for the photographs; makers that are missing are left out later.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        // Makers are started in other folders than this one.
        let folder = std::path::absolute(folder)?;
        let photos = folder.join("photos");
        if !photos.is_dir() {
            bail!("no photographs in {}: run scripts/setup bench-images", photos.display());
        }
        Ok(Self {
            photos,
            small: folder.join("small"),
            node: folder.join("node"),
            oximg: folder.join("oximg/bin/oximg"),
        })
    }

    /// The names of the small pictures, in order.
    pub fn small_pictures(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.small)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        if names.is_empty() {
            bail!("no pictures in {}", self.small.display());
        }
        Ok(names)
    }
}
