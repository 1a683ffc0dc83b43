//! libaom: frames of AV1.
#![allow(unsafe_code)]

use crate::sizing::Size;
use libaom_sys as sys;
use std::ffi::c_int;
use std::ptr;

/// The planes of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planes {
    /// The size of the first.
    pub size: Size,
    /// Bits of a sample.
    pub depth: u32,
    /// Whether the other two are half as wide, and half as high.
    pub halved: (bool, bool),
    /// Samples in rows: brightness, and the two of colours, which are empty if there are none.
    pub samples: [Vec<u16>; 3],
    /// Whether samples use all their values.
    pub full_range: bool,
    /// Which red, green and blue, by ITU-T H.273.
    pub primaries: u32,
    /// By which curve.
    pub transfer: u32,
    /// How they make colours.
    pub matrix: u32,
}

impl Planes {
    /// The size of the planes of colours.
    pub fn colour_size(&self) -> Size {
        let side = |side: u32, halved: bool| if halved { side.div_ceil(2) } else { side };
        Size {
            width: side(self.size.width, self.halved.0),
            height: side(self.size.height, self.halved.1),
        }
    }
}

/// What is to be encoded: 8 bits a sample, of the full range.
pub(crate) struct Picture<'a> {
    /// The size of the first plane.
    pub size: Size,
    /// Whether the others are half as wide and half as high.
    pub halved: bool,
    /// The planes; those of colours are as grey as can be where it is `grey`.
    pub planes: [&'a [u8]; 3],
    /// Whether there are no colours.
    pub grey: bool,
    /// How they make colours, by ITU-T H.273.
    pub matrix: c_int,
}

/// How to encode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// From 0, slow, to 9.
    pub speed: u8,
    /// From 0, best, to 63.
    pub quantizer: u8,
}

struct Codec(sys::aom_codec_ctx_t);

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: it was initialised, by either of the functions that make one, and is not used again.
        unsafe { sys::aom_codec_destroy(&mut self.0) };
    }
}

/// Encodes a picture as one key frame.
pub(crate) fn encode(picture: &Picture<'_>, settings: Settings) -> Option<Vec<u8>> {
    let colours = match picture.halved {
        true => {
            Size { width: picture.size.width.div_ceil(2), height: picture.size.height.div_ceil(2) }
        }
        false => picture.size,
    };
    let area = |size: Size| size.width as usize * size.height as usize;
    let [first, second, third] = picture.planes;
    let is_whole = first.len() == area(picture.size)
        && second.len() == area(colours)
        && third.len() == area(colours);
    let mut codec = encoder(picture, settings).filter(|_| is_whole)?;
    // SAFETY: all zeros are a valid image of this plain struct.
    let mut image: sys::aom_image_t = unsafe { std::mem::zeroed() };
    image.fmt = if picture.halved { sys::AOM_IMG_FMT_I420 } else { sys::AOM_IMG_FMT_I444 };
    (image.w, image.h) = (picture.size.width, picture.size.height);
    (image.d_w, image.d_h) = (image.w, image.h);
    (image.x_chroma_shift, image.y_chroma_shift) = (picture.halved.into(), picture.halved.into());
    (image.bps, image.bit_depth) = (if picture.halved { 12 } else { 24 }, 8);
    image.range = sys::AOM_CR_FULL_RANGE;
    image.monochrome = picture.grey.into();
    image.stride = [picture.size.width as c_int, colours.width as c_int, colours.width as c_int];
    image.planes = picture.planes.map(|plane| plane.as_ptr().cast_mut());
    // SAFETY: the planes are as long as sizes and strides say, as was held above; they are only read, and
    // outlive the call.
    let sent = unsafe { sys::aom_codec_encode(&mut codec.0, &image, 0, 1, 0) };
    let mut frame = Vec::new();
    if sent == sys::AOM_CODEC_OK {
        packets(&mut codec, &mut frame);
        // SAFETY: no image is the end of them.
        unsafe { sys::aom_codec_encode(&mut codec.0, ptr::null(), 0, 1, 0) };
        packets(&mut codec, &mut frame);
    }
    (!frame.is_empty()).then_some(frame)
}

fn encoder(picture: &Picture<'_>, settings: Settings) -> Option<Codec> {
    // SAFETY: it takes nothing and gives a static table.
    let interface = unsafe { sys::aom_codec_av1_cx() };
    // SAFETY: all zeros are valid in both plain structs, and the calls fill them.
    let (mut config, mut codec): (sys::aom_codec_enc_cfg_t, sys::aom_codec_ctx_t) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    // SAFETY: the table is libaom's own, the configuration outlives the call.
    let status = unsafe {
        sys::aom_codec_enc_config_default(interface, &mut config, sys::AOM_USAGE_ALL_INTRA)
    };
    if status != sys::AOM_CODEC_OK {
        return None;
    }
    config.g_threads = 1;
    config.g_limit = 1;
    config.g_lag_in_frames = 0;
    config.g_profile = if picture.halved || picture.grey { 0 } else { 1 };
    (config.g_w, config.g_h) = (picture.size.width, picture.size.height);
    config.rc_end_usage = sys::AOM_Q;
    let quantizer = u32::from(settings.quantizer.min(63));
    (config.rc_min_quantizer, config.rc_max_quantizer) = (quantizer, quantizer);
    config.monochrome = picture.grey.into();
    let version = sys::AOM_ENCODER_ABI_VERSION as c_int;
    // SAFETY: as above; the version is the one of the bindings.
    let status = unsafe { sys::aom_codec_enc_init_ver(&mut codec, interface, &config, 0, version) };
    if status != sys::AOM_CODEC_OK {
        return None;
    }
    let mut codec = Codec(codec);
    let controls = [
        (sys::AOME_SET_CPUUSED, settings.speed.min(9).into()),
        (sys::AOME_SET_CQ_LEVEL, quantizer as c_int),
        (sys::AV1E_SET_COLOR_RANGE, 1),
        // BT.709's primaries and sRGB's curve.
        (sys::AV1E_SET_COLOR_PRIMARIES, 1),
        (sys::AV1E_SET_TRANSFER_CHARACTERISTICS, 13),
        (sys::AV1E_SET_MATRIX_COEFFICIENTS, picture.matrix),
        (sys::AV1E_SET_SKIP_POSTPROC_FILTERING, 1),
    ];
    for (control, value) in controls {
        // SAFETY: each of these takes one int.
        unsafe { sys::aom_codec_control(&mut codec.0, control as c_int, value) };
    }
    Some(codec)
}

fn packets(codec: &mut Codec, frame: &mut Vec<u8>) {
    let mut iterator: sys::aom_codec_iter_t = ptr::null();
    loop {
        // SAFETY: the codec is initialised, the iterator began as null; a packet that is not null, and the
        // bytes that it tells of, are valid until the codec is called again.
        unsafe {
            let packet = sys::aom_codec_get_cx_data(&mut codec.0, &mut iterator);
            let Some(packet) = packet.as_ref() else { return };
            if packet.kind == sys::AOM_CODEC_CX_FRAME_PKT {
                let data = packet.data.frame;
                frame.extend_from_slice(std::slice::from_raw_parts(data.buf.cast::<u8>(), data.sz));
            }
        }
    }
}

/// Decodes the first frame that is shown. One that is larger than `size` is refused before.
pub(crate) fn decode(frame: &[u8], size: Size) -> Option<Planes> {
    // SAFETY: it takes nothing and gives a static table.
    let interface = unsafe { sys::aom_codec_av1_dx() };
    // SAFETY: all zeros are valid in both plain structs.
    let (mut told, mut codec): (sys::aom_codec_stream_info_t, sys::aom_codec_ctx_t) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    // SAFETY: the data is one slice, and what is told outlives the call.
    let status = unsafe {
        sys::aom_codec_peek_stream_info(interface, frame.as_ptr(), frame.len(), &mut told)
    };
    let is_right = told.w <= size.width && told.h <= size.height;
    if status != sys::AOM_CODEC_OK || !is_right {
        return None;
    }
    let config = sys::aom_codec_dec_cfg_t { threads: 1, w: 0, h: 0, allow_lowbitdepth: 1 };
    let version = sys::AOM_DECODER_ABI_VERSION as c_int;
    // SAFETY: the table is libaom's own, the version that of the bindings.
    let status = unsafe { sys::aom_codec_dec_init_ver(&mut codec, interface, &config, 0, version) };
    if status != sys::AOM_CODEC_OK {
        return None;
    }
    let mut codec = Codec(codec);
    // SAFETY: the data is one slice.
    let status = unsafe {
        sys::aom_codec_decode(&mut codec.0, frame.as_ptr(), frame.len(), ptr::null_mut())
    };
    if status != sys::AOM_CODEC_OK {
        return None;
    }
    let mut iterator: sys::aom_codec_iter_t = ptr::null();
    // SAFETY: the iterator began as null; the image is valid until the codec is called again, which is
    // after it was copied.
    let image = unsafe { sys::aom_codec_get_frame(&mut codec.0, &mut iterator).as_ref() }?;
    copied(image).filter(|planes| planes.size == size)
}

fn copied(image: &sys::aom_image_t) -> Option<Planes> {
    let mut planes = Planes {
        size: Size { width: image.d_w, height: image.d_h },
        depth: image.bit_depth,
        halved: (image.x_chroma_shift == 1, image.y_chroma_shift == 1),
        samples: [const { Vec::new() }; 3],
        full_range: image.range == sys::AOM_CR_FULL_RANGE,
        primaries: image.cp,
        transfer: image.tc,
        matrix: image.mc,
    };
    let is_wide = image.fmt & sys::AOM_IMG_FMT_HIGHBITDEPTH != 0;
    let shifts = image.x_chroma_shift <= 1 && image.y_chroma_shift <= 1;
    if !matches!(planes.depth, 8 | 10 | 12) || !shifts {
        return None;
    }
    let colours = planes.colour_size();
    let count = if image.monochrome == 0 { 3 } else { 1 };
    for at in 0..count {
        let size = if at == 0 { planes.size } else { colours };
        let (width, stride) = (size.width as usize, usize::try_from(image.stride[at]).ok()?);
        if image.planes[at].is_null() {
            return None;
        }
        let samples = &mut planes.samples[at];
        samples.reserve_exact(width * size.height as usize);
        for y in 0..size.height as usize {
            // SAFETY: a plane of libaom has `stride` bytes for each row of the displayed size, and within
            // them a row's samples, of two bytes where the format says so.
            unsafe {
                let row = image.planes[at].add(y * stride);
                match is_wide {
                    true => samples
                        .extend_from_slice(std::slice::from_raw_parts(row.cast::<u16>(), width)),
                    false => samples.extend(
                        std::slice::from_raw_parts(row, width).iter().map(|v| u16::from(*v)),
                    ),
                }
            }
        }
    }
    Some(planes)
}
