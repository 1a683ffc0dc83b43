//! Whom to believe of origins that speak TLS.

use super::Notes;
use crate::config::place::Place;
use crate::config::written::{Feeds, Site};
use proxy::settings::OriginTls;
use proxy::tls::{Believed, server_name};
use std::path::Path;

/// Works out how TLS is spoken with a site's origins; nothing where none speaks it, or where it
/// cannot be.
pub fn origin_tls(site: &Site, place: &Place, notes: &mut Notes<'_, '_>) -> Option<OriginTls> {
    let written = &site.origin_tls;
    let place = place.key("origin_tls");
    if !site.origin.0.iter().any(|origin| origin.0.is_tls) {
        if written.ca.is_some() || written.name.is_some() {
            let mend = "write the origin with https://, or leave origin_tls out";
            notes.warn(&place, "no origin of this site speaks TLS", mend);
        }
        return None;
    }
    let believed = match &written.ca {
        Some(file) => of_file(file),
        None => of_system(),
    };
    let place_of_ca = if written.ca.is_some() { place.key("ca") } else { place.clone() };
    let config = believed.and_then(Believed::client_config);
    let mend = "name a PEM file of the authorities to believe: origin_tls.ca = \"ca.pem\"";
    let config = config.map_err(|what| notes.error(&place_of_ca, what, mend)).ok()?;
    let name = written.name.as_deref().map(server_name).transpose().map_err(|what| {
        notes.error(&place.key("name"), what, "write a name, such as \"app.internal\"");
    });
    Some(OriginTls { config, name: name.ok()? })
}

/// How TLS is spoken with the sources of a site's pictures: whom the system believes.
pub fn of_sources(site: &Site, place: &Place, notes: &mut Notes<'_, '_>) -> Option<OriginTls> {
    let believed = match &site.images.ca {
        Some(file) => of_file(file),
        None => of_system(),
    };
    let mend = "name a PEM file of the authorities to believe: images.ca = \"ca.pem\"";
    let config = believed.and_then(Believed::client_config);
    let config = config.map_err(|what| notes.error(place, what, mend)).ok()?;
    Some(OriginTls { config, name: None })
}

/// How TLS is spoken with the servers of feeds: whom the system believes. Nothing, which is an error
/// only where a document needs it, if it believes nobody.
pub fn of_feeds(
    feeds: &Feeds,
    is_needed: bool,
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<OriginTls> {
    let believed = match &feeds.ca {
        Some(file) => of_file(file),
        None => of_system(),
    };
    let mend = "name a PEM file of the authorities to believe: feeds.ca = \"ca.pem\"";
    let config = believed.and_then(Believed::client_config);
    let config = config.map_err(|what| match is_needed || feeds.ca.is_some() {
        true => notes.error(place, what, mend),
        false => notes.warn(place, format!("{what}: pictures of https:// URLs stay there"), mend),
    });
    Some(OriginTls { config: config.ok()?, name: None })
}

fn of_file(file: &Path) -> Result<Believed, String> {
    let read = std::fs::read(file);
    let pem = read.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Believed::from_pem(&pem).map_err(|what| format!("{what} ({})", file.display()))
}

fn of_system() -> Result<Believed, String> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err("this system names no authority to believe for https:// origins".to_owned());
    }
    Ok(Believed::of(found.certs))
}
