//! Animations, by libwebp.
#![allow(unsafe_code)]

use super::webp::{Settings, config, imported};
use crate::raster::Raster;
use crate::sizing::Size;
use libwebp_sys as sys;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};

/// Each so many frames one is whole at the latest. What changes too little to be written adds up no
/// further than from one whole frame to the next.
const WHOLE_AFTER: c_int = 40;

/// Reads the frames of a file, each as the whole canvas.
pub(crate) struct Decoder<'a> {
    decoder: NonNull<sys::WebPAnimDecoder>,
    /// The size of the canvas.
    pub size: Size,
    /// How many frames there are.
    pub frames: u32,
    source: PhantomData<&'a [u8]>,
}

impl<'a> Decoder<'a> {
    /// Of a file whose frames last no longer in all than `c_int` holds milliseconds.
    pub fn new(source: &'a [u8]) -> Option<Decoder<'a>> {
        let data = sys::WebPData { bytes: source.as_ptr(), size: source.len() };
        let mut options = sys::WebPAnimDecoderOptions {
            color_mode: sys::WEBP_CSP_MODE::MODE_RGBA,
            use_threads: 0,
            padding: [0; 7],
        };
        // SAFETY: the options outlive the call.
        if unsafe { sys::WebPAnimDecoderOptionsInit(&mut options) } == 0 {
            return None;
        }
        options.color_mode = sys::WEBP_CSP_MODE::MODE_RGBA;
        options.use_threads = 0;
        // SAFETY: the data are those of one slice, which outlives the decoder, as its type says; the
        // description of it and the options are only read during the call.
        let decoder = NonNull::new(unsafe { sys::WebPAnimDecoderNew(&data, &options) })?;
        let mut info = sys::WebPAnimInfo::default();
        let size = Size { width: 0, height: 0 };
        let mut made = Decoder { decoder, size, frames: 0, source: PhantomData };
        // SAFETY: the decoder is there, and so is what it writes to.
        if unsafe { sys::WebPAnimDecoderGetInfo(decoder.as_ptr(), &mut info) } == 0 {
            return None;
        }
        made.size = Size { width: info.canvas_width, height: info.canvas_height };
        made.frames = info.frame_count;
        Some(made)
    }

    /// The canvas with the next frame, in red, green, blue and alpha; nothing where there is none, or
    /// where it is damaged.
    pub fn next(&mut self) -> Option<&[u8]> {
        let (mut canvas, mut at_ms): (*mut u8, c_int) = (null_mut(), 0);
        // SAFETY: the decoder is there and is not used elsewhere; both results outlive the call.
        let read =
            unsafe { sys::WebPAnimDecoderGetNext(self.decoder.as_ptr(), &mut canvas, &mut at_ms) };
        let canvas = NonNull::new(canvas).filter(|_| read != 0)?;
        let bytes = 4 * self.size.width as usize * self.size.height as usize;
        // SAFETY: it is the decoder's own canvas, of four bytes a pixel, which is not written to before
        // the next call, and that needs this borrow to be over.
        Some(unsafe { std::slice::from_raw_parts(canvas.as_ptr(), bytes) })
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        // SAFETY: it is there, and is not used any more.
        unsafe { sys::WebPAnimDecoderDelete(self.decoder.as_ptr()) }
    }
}

/// Writes frames, of which it keeps what changes.
pub(crate) struct Encoder {
    encoder: NonNull<sys::WebPAnimEncoder>,
    config: sys::WebPConfig,
    /// The size of each frame.
    pub size: Size,
}

impl Encoder {
    /// For frames of that size, shown so often in all (0: for ever). `mixed`: frames of few colours are
    /// written losslessly where that is smaller.
    pub fn new(size: Size, plays: u16, settings: Settings, mixed: bool) -> Option<Encoder> {
        let mut options = sys::WebPAnimEncoderOptions {
            anim_params: sys::WebPMuxAnimParams { bgcolor: 0, loop_count: 0 },
            minimize_size: 0,
            kmin: 0,
            kmax: 0,
            allow_mixed: 0,
            verbose: 0,
            padding: [0; 4],
        };
        let version = c_int::try_from(sys::WEBP_MUX_ABI_VERSION).ok()?;
        // SAFETY: the options outlive the call.
        if unsafe { sys::WebPAnimEncoderOptionsInitInternal(&mut options, version) } == 0 {
            return None;
        }
        options.anim_params = sys::WebPMuxAnimParams { bgcolor: 0, loop_count: plays.into() };
        options.allow_mixed = mixed.into();
        // Only in between these two a frame is tried both ways, which takes twice the time.
        (options.kmin, options.kmax) = (WHOLE_AFTER - 1, WHOLE_AFTER);
        let (width, height) = (size.width.try_into().ok()?, size.height.try_into().ok()?);
        let config = config(settings)?;
        // SAFETY: the options are only read during the call.
        let encoder = unsafe { sys::WebPAnimEncoderNewInternal(width, height, &options, version) };
        Some(Encoder { encoder: NonNull::new(encoder)?, config, size })
    }

    /// The frame that is shown from then on, in milliseconds; times do not go back.
    pub fn add(&mut self, raster: &Raster, at_ms: u32) -> Option<()> {
        if raster.size != self.size {
            return None;
        }
        let mut picture = imported(raster, true)?;
        let at_ms = at_ms.try_into().ok()?;
        // SAFETY: encoder, picture and configuration were initialised; the picture is copied.
        let added = unsafe {
            sys::WebPAnimEncoderAdd(self.encoder.as_ptr(), &mut picture.0, at_ms, &self.config)
        };
        (added != 0).then_some(())
    }

    /// The file; the last frame is shown until then.
    pub fn finish(self, end_ms: u32) -> Option<Vec<u8>> {
        let end_ms = end_ms.try_into().ok()?;
        let mut data = sys::WebPData::default();
        // SAFETY: the encoder is there; no frame says that there are no more. What is assembled is
        // libwebp's, is copied while it is there, and is freed once.
        unsafe {
            let encoder = self.encoder.as_ptr();
            let ended = sys::WebPAnimEncoderAdd(encoder, null_mut(), end_ms, std::ptr::null()) != 0
                && sys::WebPAnimEncoderAssemble(encoder, &mut data) != 0
                && !data.bytes.is_null();
            let file = ended.then(|| std::slice::from_raw_parts(data.bytes, data.size).to_vec());
            sys::WebPDataClear(&mut data);
            file
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: it is there, and is not used any more.
        unsafe { sys::WebPAnimEncoderDelete(self.encoder.as_ptr()) }
    }
}
