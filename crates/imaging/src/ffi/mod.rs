//! Codecs that are written in C. All the unsafe code of this crate stands here, behind functions that
//! are safe whatever they are given. None of them starts a thread or opens anything.

pub(crate) mod aom;
pub(crate) mod jpeg;
pub(crate) mod webp;
pub(crate) mod webp_moving;
