//! Colours: from whatever a source has, by its ICC profile, to sRGB.

use crate::fault::Fault;
use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, MatrixCoefficients,
    TransferCharacteristics, TransformOptions,
};
use std::sync::Arc;

/// The channels of a decoded row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Grey.
    Grey,
    /// Grey and alpha.
    GreyAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha.
    Rgba,
    /// Four inks, 255 being most of each.
    Cmyk,
}

impl Layout {
    pub fn channels(self) -> usize {
        match self {
            Layout::Grey => 1,
            Layout::GreyAlpha => 2,
            Layout::Rgb => 3,
            Layout::Rgba | Layout::Cmyk => 4,
        }
    }

    pub fn has_alpha(self) -> bool {
        matches!(self, Layout::GreyAlpha | Layout::Rgba)
    }

    fn of_profile(self) -> (DataColorSpace, moxcms::Layout) {
        match self {
            Layout::Grey => (DataColorSpace::Gray, moxcms::Layout::Gray),
            Layout::GreyAlpha => (DataColorSpace::Gray, moxcms::Layout::GrayAlpha),
            Layout::Rgb => (DataColorSpace::Rgb, moxcms::Layout::Rgb),
            Layout::Rgba => (DataColorSpace::Rgb, moxcms::Layout::Rgba),
            Layout::Cmyk => (DataColorSpace::Cmyk, moxcms::Layout::Rgba),
        }
    }
}

/// What becomes of a source's profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Colours are converted to sRGB, and no profile goes along.
    #[default]
    ConvertToSrgb,
    /// Colours stay as they are, and the profile goes along.
    Keep,
}

/// The profile of colours that are told by code points (ITU-T H.273) rather than by one; nothing where
/// they are sRGB's, or as good as that: the curve of BT.709 is shown as sRGB's by all who show it.
pub(crate) fn profile_by_code(primaries: u32, transfer: u32) -> Result<Option<Vec<u8>>, Fault> {
    let color_primaries = match (primaries, transfer) {
        (_, PQ | HLG) => return Err(Fault::unsupported("a picture in HDR (PQ or HLG)")),
        (BT_2020, _) => CicpColorPrimaries::Bt2020,
        (DISPLAY_P3, _) => CicpColorPrimaries::Smpte432,
        _ => return Ok(None),
    };
    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries,
        transfer_characteristics: TransferCharacteristics::Srgb,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    profile.encode().map(Some).map_err(|error| Fault::broken_by("colours", &error))
}

/// Code points of primaries and of transfer curves.
const BT_2020: u32 = 9;
const DISPLAY_P3: u32 = 12;
const PQ: u32 = 16;
const HLG: u32 = 18;

/// How rows of a source become rows of sRGB.
pub(crate) struct Colours {
    layout: Layout,
    eight: Option<Arc<moxcms::Transform8BitExecutor>>,
    sixteen: Option<Arc<moxcms::Transform16BitExecutor>>,
    /// The profile that goes along with the picture.
    pub kept: Option<Vec<u8>>,
}

impl Colours {
    /// For rows of that layout and depth, by a profile. One that cannot be used is as good as none: what
    /// is without one is taken for sRGB.
    pub fn new(layout: Layout, is_deep: bool, icc: Option<&[u8]>, wanted: Profile) -> Colours {
        let mut colours = Colours { layout, eight: None, sixteen: None, kept: None };
        let (space, channels) = layout.of_profile();
        let profile = icc.and_then(|icc| ColorProfile::new_from_slice(icc).ok());
        let Some(profile) = profile.filter(|profile| profile.color_space == space) else {
            return colours;
        };
        if space == DataColorSpace::Rgb {
            if is_srgb(&profile) {
                return colours;
            }
            if wanted == Profile::Keep {
                colours.kept = icc.map(<[u8]>::to_vec);
                return colours;
            }
        }
        let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
        let to = if layout.has_alpha() { moxcms::Layout::Rgba } else { moxcms::Layout::Rgb };
        if is_deep {
            colours.sixteen = profile.create_transform_16bit(channels, &srgb, to, options).ok();
        } else {
            colours.eight = profile.create_transform_8bit(channels, &srgb, to, options).ok();
        }
        colours
    }

    /// The layout of the rows that come out: `Rgb` or `Rgba`.
    pub fn out(&self) -> Layout {
        if self.layout.has_alpha() { Layout::Rgba } else { Layout::Rgb }
    }

    /// A row of 8 bits in sRGB, in `scratch` where it is not so already.
    pub fn row8<'a>(&self, row: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<&'a [u8], Fault> {
        if let Some(transform) = &self.eight {
            scratch.resize(row.len() / self.layout.channels() * self.out().channels(), 0);
            transform
                .transform(row, scratch)
                .map_err(|error| Fault::broken_by("colours", &error))?;
            return Ok(scratch);
        }
        Ok(expanded(self.layout, row, scratch))
    }

    /// A row of 16 bits in sRGB, in `scratch` where it is not so already.
    pub fn row16<'a>(&self, row: &'a [u16], scratch: &'a mut Vec<u16>) -> Result<&'a [u16], Fault> {
        if let Some(transform) = &self.sixteen {
            scratch.resize(row.len() / self.layout.channels() * self.out().channels(), 0);
            transform
                .transform(row, scratch)
                .map_err(|error| Fault::broken_by("colours", &error))?;
            return Ok(scratch);
        }
        Ok(expanded(self.layout, row, scratch))
    }
}

/// A sample of 8 or 16 bits.
trait Sample: Copy {
    /// What two inks, one over the other, let through.
    fn through(self, key: Self) -> Self;
}

impl Sample for u8 {
    fn through(self, key: u8) -> u8 {
        ((u32::from(!self) * u32::from(!key) + 127) / 255) as u8
    }
}

impl Sample for u16 {
    fn through(self, key: u16) -> u16 {
        ((u64::from(!self) * u64::from(!key) + 32_767) / 65_535) as u16
    }
}

fn expanded<'a, T: Sample>(layout: Layout, row: &'a [T], scratch: &'a mut Vec<T>) -> &'a [T] {
    scratch.clear();
    match layout {
        Layout::Rgb | Layout::Rgba => return row,
        Layout::Grey => scratch.extend(row.iter().flat_map(|v| [*v; 3])),
        Layout::GreyAlpha => {
            scratch.extend(row.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]));
        }
        Layout::Cmyk => scratch.extend(
            row.chunks_exact(4)
                .flat_map(|p| [p[0].through(p[3]), p[1].through(p[3]), p[2].through(p[3])]),
        ),
    }
    scratch
}

/// Whether a profile of RGB changes nothing that could be seen.
fn is_srgb(profile: &ColorProfile) -> bool {
    let (layout, options) = (moxcms::Layout::Rgb, TransformOptions::default());
    let transform =
        profile.create_transform_8bit(layout, &ColorProfile::new_srgb(), layout, options);
    let Ok(transform) = transform else { return false };
    const STEPS: [u8; 6] = [0, 30, 80, 128, 190, 255];
    let mut probes = Vec::with_capacity(3 * 216);
    for (r, g) in STEPS.into_iter().flat_map(|r| STEPS.map(|g| (r, g))) {
        probes.extend(STEPS.into_iter().flat_map(|b| [r, g, b]));
    }
    let mut seen = vec![0; probes.len()];
    transform.transform(&probes, &mut seen).is_ok()
        && probes.iter().zip(&seen).all(|(a, b)| a.abs_diff(*b) <= 1)
}
