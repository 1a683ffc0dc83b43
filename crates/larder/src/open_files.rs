//! How many files the process may open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open besides connections of clients: listeners, connections to origins, logs.
const BESIDES_CLIENTS: u64 = 2_000;

/// Raises the limit as far as the system lets us, and says so if `max_connections` do not fit.
pub fn raise_limit(max_connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    if let Some(warning) = too_few(allowed, max_connections as u64) {
        tracing::warn!("{warning}");
    }
}

/// What to say if so many files are too few; no limit is enough for all.
fn too_few(allowed: Option<u64>, max_connections: u64) -> Option<String> {
    let allowed = allowed?;
    let wanted = max_connections + BESIDES_CLIENTS;
    (allowed < wanted).then(|| {
        format!(
            "the system lets this process open {allowed} files, and max_connections = \
             {max_connections} may need {wanted}: raise the limit (`ulimit -n`, LimitNOFILE in \
             systemd) or lower max_connections"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_files_are_said_and_enough_are_not() {
        assert!(too_few(Some(1024), 16_384).is_some_and(|text| text.contains("18384")));
        assert_eq!(too_few(Some(1 << 20), 16_384), None);
        assert_eq!(too_few(None, 16_384), None);
    }
}
