//! `larder picture-worker`: a process that makes pictures, begun by `larder serve`.

use super::Failure;
use crate::cli::PictureWorker;
use crate::picture_worker::{Confined, run as work};

/// Makes pictures until the pipe ends.
///
/// # Errors
/// When it cannot be shut in, or the pipe breaks.
pub fn run(arguments: &PictureWorker) -> Result<(), Failure> {
    let PictureWorker { memory, patient } = *arguments;
    Ok(work(&Confined { memory_bytes: memory, is_patient: patient })?)
}
