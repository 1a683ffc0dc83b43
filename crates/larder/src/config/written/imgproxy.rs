//! `[site.images.imgproxy]`: URLs of pictures as imgproxy has them.

use crate::config::quantity::Count;
use crate::config::secret::HexSecret;
use crate::config::words::FolderPath;
use imaging::plan::Imgproxy;
use proxy::pictures::WHOLE_BYTES;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `imgproxy`: URLs as imgproxy has them. The table switches them on.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImagesByImgproxy {
    /// What these URLs begin with, so that no other of the site is taken for one: "/" only for a host
    /// that serves nothing but pictures.
    pub path: FolderPath,
    /// Keys and salts in hexadecimal digits, any of which signs URLs (imgproxy's `IMGPROXY_KEY` and
    /// `IMGPROXY_SALT`). Where there are any, each URL has to be signed, and is made in just the size
    /// that it says. []: URLs are not signed, and sizes go by `widths`.
    #[schemars(example = [SigningPair::example()])]
    pub keys: Vec<SigningPair>,
    /// How many bytes of a signature URLs have, from 1 to 32.
    pub signature_size: Count<1>,
    /// What is set before sources that do not begin with it.
    #[schemars(example = "https://cdn.example.com/photos/")]
    pub base_url: String,
    /// Options by names, as URLs write them; those of `default` come before those of every URL.
    #[schemars(example = presets())]
    pub presets: BTreeMap<String, String>,
    /// Whether URLs have names of presets in the place of options.
    pub only_presets: bool,
    /// Whether URLs that tell no format get the best that the client takes; else the source's, as in
    /// imgproxy itself unless that is told otherwise.
    pub auto_format: bool,
}

/// `keys`: a key and its salt.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SigningPair {
    /// The key.
    pub key: Option<HexSecret>,
    /// The salt.
    pub salt: Option<HexSecret>,
}

impl SigningPair {
    fn example() -> BTreeMap<&'static str, &'static str> {
        [("key", "${IMGPROXY_KEY}"), ("salt", "${IMGPROXY_SALT}")].into()
    }
}

fn presets() -> BTreeMap<&'static str, &'static str> {
    [("sharp", "sharpen:0.7"), ("small", "rs:fill:320:240/q:60")].into()
}

impl Default for ImagesByImgproxy {
    fn default() -> ImagesByImgproxy {
        let usual = Imgproxy::default();
        ImagesByImgproxy {
            path: FolderPath(usual.path.into()),
            keys: Vec::new(),
            signature_size: Count(WHOLE_BYTES),
            base_url: usual.base_url.into(),
            presets: BTreeMap::new(),
            only_presets: usual.only_presets,
            auto_format: usual.auto_format,
        }
    }
}
