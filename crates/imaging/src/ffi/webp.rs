//! libwebp.
#![allow(unsafe_code)]

use crate::raster::Raster;
use crate::sizing::Size;
use libwebp_sys as sys;
use std::ffi::c_int;

/// A decoded frame.
pub(crate) struct Pixels {
    /// Its size.
    pub size: Size,
    /// Red, green, blue, and alpha if it was asked for.
    pub bytes: Vec<u8>,
}

/// How to encode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Whether every pixel stays as it is.
    pub lossless: bool,
    /// From 0 to 100; where it is lossless, of the effort.
    pub quality: f32,
    /// From 0, quick, to 6, small.
    pub method: u8,
    /// Whether colours are kept sharper at edges, for more time.
    pub sharp: bool,
}

/// Decodes a file of one frame, with alpha or without, scaled to a size if there is one.
pub(crate) fn decode(file: &[u8], alpha: bool, scaled: Option<Size>) -> Option<Pixels> {
    let mut config = sys::WebPDecoderConfig::new().ok()?;
    // SAFETY: the pointer and the length are those of one slice, and the features outlive the call.
    let status = unsafe { sys::WebPGetFeatures(file.as_ptr(), file.len(), &mut config.input) };
    if status != sys::VP8StatusCode::VP8_STATUS_OK || config.input.has_animation != 0 {
        return None;
    }
    let own = |side: c_int| u32::try_from(side).ok();
    let own = Size { width: own(config.input.width)?, height: own(config.input.height)? };
    let size = scaled.unwrap_or(own);
    let channels = if alpha { 4 } else { 3 };
    let stride = c_int::try_from(size.width).ok()?.checked_mul(channels)?;
    let mut bytes = vec![0_u8; usize::try_from(stride).ok()? * size.height as usize];
    if scaled.is_some() {
        config.options.use_scaling = 1;
        config.options.scaled_width = size.width.try_into().ok()?;
        config.options.scaled_height = size.height.try_into().ok()?;
    }
    config.output.colorspace =
        if alpha { sys::WEBP_CSP_MODE::MODE_RGBA } else { sys::WEBP_CSP_MODE::MODE_RGB };
    config.output.is_external_memory = 1;
    config.output.u.RGBA =
        sys::WebPRGBABuffer { rgba: bytes.as_mut_ptr(), stride, size: bytes.len() };
    // SAFETY: the input is one slice; the output is told its buffer's stride and length, which libwebp
    // holds its own size against before it writes; both outlive the call.
    let status = unsafe { sys::WebPDecode(file.as_ptr(), file.len(), &mut config) };
    // SAFETY: it was initialised above; the buffer is external, so that it is not freed.
    unsafe { sys::WebPFreeDecBuffer(&mut config.output) };
    (status == sys::VP8StatusCode::VP8_STATUS_OK).then_some(Pixels { size, bytes })
}

/// Encodes a picture.
pub(crate) fn encode(raster: &Raster, settings: Settings) -> Option<Vec<u8>> {
    let config = config(settings)?;
    let mut picture = imported(raster, settings.lossless)?;
    let mut file: Vec<u8> = Vec::new();
    picture.0.writer = Some(write);
    picture.0.custom_ptr = (&raw mut file).cast();
    // SAFETY: configuration and picture were initialised; `file` outlives the call, and nobody else has
    // it meanwhile.
    let encoded = unsafe { sys::WebPEncode(&config, &mut picture.0) } != 0;
    encoded.then_some(file)
}

/// Settings as libwebp takes them.
pub(super) fn config(settings: Settings) -> Option<sys::WebPConfig> {
    let mut config = sys::WebPConfig::new().ok()?;
    config.lossless = settings.lossless.into();
    config.quality = settings.quality;
    config.method = settings.method.into();
    config.use_sharp_yuv = settings.sharp.into();
    config.thread_level = 0;
    Some(config)
}

/// A copy of a picture, for libwebp; whether as colours or as light and tints.
pub(super) fn imported(raster: &Raster, as_colours: bool) -> Option<Picture> {
    let mut picture = Picture(sys::WebPPicture::new().ok()?);
    picture.0.use_argb = as_colours.into();
    picture.0.width = raster.size.width.try_into().ok()?;
    picture.0.height = raster.size.height.try_into().ok()?;
    let stride = c_int::try_from(raster.row_bytes()).ok()?;
    if raster.pixels.len() != raster.row_bytes() * raster.size.height as usize {
        return None;
    }
    let pixels = raster.pixels.as_ptr();
    // SAFETY: the pixels are as many as width, height and stride say, and are copied.
    let imported = unsafe {
        match raster.alpha {
            true => sys::WebPPictureImportRGBA(&mut picture.0, pixels, stride),
            false => sys::WebPPictureImportRGB(&mut picture.0, pixels, stride),
        }
    };
    (imported != 0).then_some(picture)
}

/// A picture of libwebp, which holds memory.
pub(super) struct Picture(pub(super) sys::WebPPicture);

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: it was initialised, and is not used any more.
        unsafe { sys::WebPPictureFree(&mut self.0) }
    }
}

/// Takes what was encoded.
unsafe extern "C" fn write(
    data: *const u8,
    length: usize,
    picture: *const sys::WebPPicture,
) -> c_int {
    // SAFETY: libwebp calls it with the picture that it was given, whose pointer is that of `file`, and
    // with data of that length.
    unsafe {
        let file = &mut *(*picture).custom_ptr.cast::<Vec<u8>>();
        file.extend_from_slice(std::slice::from_raw_parts(data, length));
    }
    1
}
