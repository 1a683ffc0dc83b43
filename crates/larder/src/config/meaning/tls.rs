//! The certificates that the configuration names.

use super::Notes;
use crate::certificates::{Files, Served};
use crate::config::place::Place;
use crate::config::written::Tls;

/// Reads all certificates of `tls` in a section; nothing where there are none, or one cannot be
/// used.
pub fn certificates(section: &str, tls: &[Tls], notes: &mut Notes<'_, '_>) -> Option<Served> {
    let place = Place::top().key(section).key("tls");
    let mut served = Served::default();
    for (i, written) in tls.iter().enumerate() {
        let files = Files { certificate: written.certificate.clone(), key: written.key.clone() };
        if let Err(what) = served.add(files) {
            let listed = place.index(i);
            let place = if notes.document.has(&listed) { listed } else { place.clone() };
            let mend = "name the PEM files of a certificate with its chain, and of its key, that \
                        Larder may read";
            notes.error(&place, what, mend);
        }
    }
    (!served.is_empty()).then_some(served)
}
