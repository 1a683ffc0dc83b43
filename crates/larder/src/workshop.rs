//! Opens the workshop where pictures are made, and looks whether its processes can be shut in.

use crate::config::meant::Meant;
use crate::picture_worker::{COMMAND, MEMORY, PATIENT};
use anyhow::{Context, bail};
use proxy::pictures::workshop::{Process, Program, Workshop};
use std::sync::Arc;

/// The program that this process was begun from, even if another lies in its place by now.
const SELF: &str = "/proc/self/exe";

/// What the allocator is told: to have no more memory than is used, which is what is limited, and to give
/// it back.
const ALLOCATOR: [(&str, &str); 2] =
    [("MIMALLOC_ARENA_EAGER_COMMIT", "0"), ("MIMALLOC_PURGE_DELAY", "500")];

/// Opens it. Where pictures are made, one process is begun to see what shuts it in.
///
/// # Errors
/// When the system gives no threads; or cannot shut a process in, where that is required.
pub fn open(meant: &Meant) -> anyhow::Result<Arc<Workshop>> {
    let memory = meant.worker_memory_bytes.to_string();
    let program = Program {
        path: SELF.into(),
        name: "larder".to_owned(),
        arguments: [COMMAND, MEMORY, &memory].map(str::to_owned).into(),
        patient: PATIENT.to_owned(),
        environment: ALLOCATOR.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        must_be_shut_in: false,
    };
    if meant.settings.sites.iter().any(|site| site.pictures.is_some()) {
        look(&program, meant.require_sandbox)?;
    }
    let limits = meant.settings.pictures.clone();
    // Pictures may be asked for only after a reload.
    let program = Program { must_be_shut_in: meant.require_sandbox, ..program };
    Workshop::open(program, limits).context("the threads that have pictures made")
}

fn look(program: &Program, is_required: bool) -> anyhow::Result<()> {
    let missing = match Process::begin(program, false) {
        Ok((_, hello)) => hello.missing,
        Err(error) => vec![format!("the process itself ({error})")],
    };
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    if is_required {
        bail!(
            "what makes pictures cannot be shut in, since this system lacks {missing}: run it on a \
             Linux with landlock and seccomp, or leave images.require_sandbox out"
        );
    }
    tracing::warn!(
        "what makes pictures is shut in less than it should be: this system lacks {missing}"
    );
    Ok(())
}
