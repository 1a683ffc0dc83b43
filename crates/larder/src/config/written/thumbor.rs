//! `[site.images.thumbor]`: URLs of pictures as Thumbor has them.

use crate::config::secret::Secret;
use crate::config::words::FolderPath;
use imaging::plan::Thumbor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `thumbor`: URLs as Thumbor has them. The table switches them on.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImagesByThumbor {
    /// What these URLs begin with, so that no other of the site is taken for one: "/" only for a host
    /// that serves nothing but pictures.
    pub path: FolderPath,
    /// The key that signs URLs (Thumbor's `SECURITY_KEY`). With it each URL has to be signed, `unsafe`
    /// is refused, and each is made in just the size that it says.
    #[schemars(example = "${THUMBOR_KEY}")]
    pub key: Option<Secret>,
    /// Whether URLs that tell no format get the best that the client takes; else the source's, as in
    /// Thumbor itself unless that is told otherwise.
    pub auto_format: bool,
}

impl Default for ImagesByThumbor {
    fn default() -> ImagesByThumbor {
        let usual = Thumbor::default();
        ImagesByThumbor {
            path: FolderPath(usual.path.into()),
            key: None,
            auto_format: usual.auto_format,
        }
    }
}
