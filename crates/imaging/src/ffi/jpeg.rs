//! libjpeg: how it tells of errors. All else of it has a safe wrapper.
#![allow(unsafe_code)]

use mozjpeg_sys::{
    J_MESSAGE_CODE, JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE, jpeg_common_struct, jpeg_error_mgr,
    jpeg_std_error,
};
use std::ffi::c_int;
use std::panic::resume_unwind;

/// Why libjpeg stopped; it unwinds with this.
pub(crate) struct Stopped(pub String);

/// What of its warnings means that pixels are missing: it makes grey of them, which nobody should keep.
const LOSSES: [J_MESSAGE_CODE; 2] = [JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE];

/// Tells of errors by unwinding with [`Stopped`], without a word on standard error.
pub(crate) fn strict() -> jpeg_error_mgr {
    // SAFETY: all zeros are valid in this plain struct, whose functions are optional; the call fills it.
    let mut errors = unsafe {
        let mut errors: jpeg_error_mgr = std::mem::zeroed();
        jpeg_std_error(&mut errors);
        errors
    };
    errors.error_exit = Some(stop);
    errors.emit_message = Some(note);
    errors
}

/// What cannot be gone on from.
unsafe extern "C-unwind" fn stop(codec: &mut jpeg_common_struct) {
    // SAFETY: libjpeg calls it with a codec whose errors are those that were given to it.
    let code = unsafe { (*codec.err).msg_code };
    resume_unwind(Box::new(Stopped(format!("libjpeg's error {code}"))));
}

/// What can be gone on from: below zero it is a warning, else a trace.
unsafe extern "C-unwind" fn note(codec: &mut jpeg_common_struct, level: c_int) {
    // SAFETY: as above.
    let code = unsafe { (*codec.err).msg_code };
    if level < 0 && LOSSES.into_iter().any(|loss| loss as c_int == code) {
        resume_unwind(Box::new(Stopped("pixels are missing".to_owned())));
    }
}
