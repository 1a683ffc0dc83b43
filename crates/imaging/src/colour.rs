//! Colours: from whatever a source has, by its ICC profile, to sRGB.

use crate::fault::Fault;
use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, MatrixCoefficients,
    RenderingIntent, TransferCharacteristics, TransformOptions,
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
    /// What values become of 8 bits, once they are converted.
    deepened: Option<Box<[u8; 256]>>,
    /// The profile that goes along with the picture.
    pub kept: Option<Vec<u8>>,
}

impl Colours {
    /// For rows of that layout and depth, by a profile. One that cannot be used is as good as none: what
    /// is without one is taken for sRGB.
    pub fn new(layout: Layout, is_deep: bool, icc: Option<&[u8]>, wanted: Profile) -> Colours {
        let mut colours =
            Colours { layout, eight: None, sixteen: None, deepened: None, kept: None };
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
        let srgb = ColorProfile::new_srgb();
        let to = if layout.has_alpha() { moxcms::Layout::Rgba } else { moxcms::Layout::Rgb };
        let mut all = intents(space).iter().map(|intent| TransformOptions {
            rendering_intent: *intent,
            ..TransformOptions::default()
        });
        if is_deep {
            colours.sixteen =
                all.find_map(|how| profile.create_transform_16bit(channels, &srgb, to, how).ok());
        } else {
            colours.eight =
                all.find_map(|how| profile.create_transform_8bit(channels, &srgb, to, how).ok());
        }
        if layout == Layout::Cmyk {
            colours.deepened = colours.eight.as_deref().and_then(deepened);
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
            if let Some(deepened) = &self.deepened {
                scratch.iter_mut().for_each(|value| *value = deepened[usize::from(*value)]);
            }
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

/// The ways to convert colours of that kind, the one for what is looked at first: a profile of inks need not
/// have a table for each.
fn intents(space: DataColorSpace) -> &'static [RenderingIntent] {
    use RenderingIntent::{Perceptual, RelativeColorimetric, Saturation};
    match space {
        DataColorSpace::Cmyk => &[Perceptual, RelativeColorimetric, Saturation],
        _ => &[Perceptual],
    }
}

/// Compensates for the black point: the darkest that inks give is lighter than black on a screen, so without
/// it shadows are washed out. Colours are moved in linear light, by as much as makes that black.
fn deepened(transform: &moxcms::Transform8BitExecutor) -> Option<Box<[u8; 256]>> {
    let mut darkest = [0; 3];
    transform.transform(&[255; 4], &mut darkest).ok()?;
    let [r, g, b] = darkest.map(|v| linear(f64::from(v) / 255.0));
    let black = (0.2126 * r + 0.7152 * g + 0.0722 * b).min(LIGHTEST_BLACK);
    let deeper = |v: usize| {
        let light = (linear(v as f64 / 255.0) - black) / (1.0 - black);
        (shown(light.max(0.0)) * 255.0).round() as u8
    };
    Some(Box::new(std::array::from_fn(deeper)))
}

/// How light black may be at the most, in linear light: what is lighter is meant so (L of Lab is 50).
const LIGHTEST_BLACK: f64 = 0.184;

fn linear(value: f64) -> f64 {
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

fn shown(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
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
