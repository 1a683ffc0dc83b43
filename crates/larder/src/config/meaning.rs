//! From what was written to what it means: checks that need more than one value, and the making
//! of [`Meant`].

mod data_folder;
mod edits;
mod rule;
mod shadow;
mod site;

use super::Flags;
use super::document::Document;
use super::environment::Environment;
use super::meant::Meant;
use super::place::Place;
use super::report::{Finding, Severity};
use super::written::{Server, Storage, Written};
use crate::random;
use proxy::settings::{Network, Settings};
use std::net::SocketAddr;

/// Works out the meaning; `None` where mistakes leave none.
pub fn work_out(
    written: &Written,
    flags: &Flags,
    environment: Environment<'_>,
    document: &Document<'_>,
) -> (Option<Meant>, Vec<Finding>) {
    let mut notes = Notes { document, findings: Vec::new() };
    let listen = listen(&written.server, flags, &mut notes);
    let admin_listen = admin(written, flags, &listen, &mut notes);
    check_storage(&written.storage, &mut notes);
    let sites = site::sites(written, flags, &listen, &mut notes);
    let settings = sites.map(|sites| Settings {
        listen,
        trusted_proxies: trusted_proxies(&written.server, &mut notes),
        node: node(&written.server),
        sites,
        client: (&written.server.limits).into(),
        origin: (&written.origin).into(),
        fill: (&written.storage).into(),
    });
    let meant = settings.map(|settings| Meant {
        settings,
        admin_listen,
        memory_bytes: written.storage.memory.0,
        max_variants: written.storage.max_variants.0,
        access_log: written.log.access,
        level: written.log.level,
        data: data_folder::choose(flags.data.as_deref(), environment),
    });
    (meant, notes.findings)
}

/// Takes note of what is wrong, with where it stands.
struct Notes<'a, 't> {
    document: &'a Document<'t>,
    findings: Vec<Finding>,
}

impl Notes<'_, '_> {
    fn error(&mut self, place: &Place, what: impl Into<String>, mend: impl Into<String>) {
        self.note(Severity::Error, place, what.into(), mend.into());
    }

    fn warn(&mut self, place: &Place, what: impl Into<String>, mend: impl Into<String>) {
        self.note(Severity::Warning, place, what.into(), mend.into());
    }

    fn note(&mut self, severity: Severity, place: &Place, what: String, mend: String) {
        let span = self.document.span(place);
        self.findings.push(Finding { severity, span, what, mend });
    }

    /// The number of the line in which the setting stands, for messages about another one.
    fn line(&self, place: &Place) -> String {
        match self.document.line(place) {
            Some(line) => format!("line {line}"),
            None => "the command line".to_owned(),
        }
    }
}

fn listen(server: &Server, flags: &Flags, notes: &mut Notes<'_, '_>) -> Vec<SocketAddr> {
    let place = Place::top().key("server").key("listen");
    if !flags.listen.is_empty() {
        return flags.listen.iter().map(|listener| listener.0).collect();
    }
    if server.listen.is_empty() && !notes.document.has_lost_below(&place) {
        notes.error(&place, "there is no address to serve on", "write listen = [\"0.0.0.0:8080\"]");
    }
    let mut known: Vec<SocketAddr> = Vec::new();
    for (i, listener) in server.listen.iter().enumerate() {
        if known.contains(&listener.0) {
            notes.error(&place.index(i), "this address is named twice", "name it once");
        }
        known.push(listener.0);
    }
    known
}

fn admin(
    written: &Written,
    flags: &Flags,
    listen: &[SocketAddr],
    notes: &mut Notes<'_, '_>,
) -> SocketAddr {
    let place = Place::top().key("admin").key("listen");
    let address = flags.admin.unwrap_or(written.admin.listen).0;
    // The listener asks for no token yet, so it must not be reachable from elsewhere.
    if !address.ip().to_canonical().is_loopback() {
        let what = format!("the admin listener would be open to other machines on {address}");
        let mend = format!("use 127.0.0.1:{} and reach it by ssh or a side-car", address.port());
        notes.error(&place, what, mend);
    }
    if address.port() != 0 && listen.iter().any(|own| shares_port(*own, address)) {
        let what = format!("port {} is the one that sites are served on", address.port());
        notes.error(&place, what, "give the admin listener another port (--admin)");
    }
    address
}

/// Whether who connects to `address` would reach a listener on `own`.
fn shares_port(own: SocketAddr, address: SocketAddr) -> bool {
    own.port() == address.port() && (own.ip() == address.ip() || own.ip().is_unspecified())
}

fn trusted_proxies(server: &Server, notes: &mut Notes<'_, '_>) -> Vec<Network> {
    let place = Place::top().key("server").key("trusted_proxies");
    for (i, peers) in server.trusted_proxies.iter().enumerate() {
        if peers.0.prefix == 0 {
            let mend = "name the networks of the proxies in front of Larder only";
            notes.warn(&place.index(i), "everybody's X-Forwarded-For would be believed", mend);
        }
    }
    server.trusted_proxies.iter().map(|peers| peers.0).collect()
}

fn node(server: &Server) -> String {
    let random = || format!("larder-{}", random::hex::<8>());
    server.node.as_ref().map_or_else(random, |name| name.0.clone())
}

fn check_storage(storage: &Storage, notes: &mut Notes<'_, '_>) {
    if storage.max_object.0 > storage.memory.0 {
        let what = format!("max_object is more than all memory for responses ({})", storage.memory);
        let place = Place::top().key("storage");
        let named = place.key("max_object");
        let place = if notes.document.has(&named) { named } else { place.key("memory") };
        notes.warn(&place, what, "make memory several times as large as max_object");
    }
}
