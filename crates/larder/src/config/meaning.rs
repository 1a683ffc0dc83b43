//! From what was written to what it means: checks that need more than one value, and the making
//! of [`Meant`].

mod admin;
pub mod data_folder;
mod doors;
mod edits;
mod feed_checks;
mod feeds;
mod hooks;
mod images;
mod imgproxy;
mod origin_tls;
mod picture_urls;
mod rule;
mod shadow;
mod site;
mod thumbor;
mod tls;

use super::Flags;
use super::document::Document;
use super::environment::Environment;
use super::meant::{Admin, Disk, Meant};
use super::place::Place;
use super::report::{Finding, Severity};
use super::written::{self, Server, Storage, Written};
use crate::random;
use proxy::settings::{Listen, Network, Reach, Settings};
use std::path::{Path, PathBuf};

/// Works out the meaning; `None` where mistakes leave none.
pub fn work_out(
    written: &Written,
    flags: &Flags,
    environment: Environment<'_>,
    document: &Document<'_>,
) -> (Option<Meant>, Vec<Finding>) {
    let mut notes = Notes { document, findings: Vec::new() };
    let tls = tls::certificates("server", &written.server.tls.0, &mut notes);
    let listen = listen(&written.server, flags, &mut notes);
    let admin = admin::admin(&written.admin, flags, &listen, &mut notes);
    check_storage(&written.storage, &mut notes);
    let not_us = not_us(&listen, &admin);
    let sites = site::sites(written, flags, (&listen, &not_us), &mut notes);
    let known = sites.as_deref().unwrap_or_default();
    let hooks = hooks::hooks(written, known, &mut notes);
    let feeds = feeds::feeds(written, known, &hooks, &not_us, &mut notes);
    let regenerate = doors::regenerate(written, sites.as_deref().unwrap_or_default(), &mut notes);
    let node = node(&written.server);
    let settings = sites.map(|sites| Settings {
        listen,
        proxy_protocol: written.server.proxy_protocol.iter().map(|peers| peers.0).collect(),
        trusted_proxies: trusted_proxies(&written.server, &mut notes),
        node: node.clone(),
        sites,
        client: (&written.server.limits).into(),
        origin: (&written.origin).into(),
        fill: (&written.storage).into(),
        purge: (&written.purge).into(),
        pictures: images::limits(&written.images),
    });
    let data = data_folder::choose(flags.data.as_deref(), environment);
    let meant = settings.map(|settings| Meant {
        settings,
        node_is_named: written.server.node.is_some(),
        tls,
        admin,
        hooks,
        regenerate,
        feeds: feeds::settings(written, feeds.0, feeds.1, data.join("feeds"), node.clone()),
        feeds_ca: written.feeds.ca.clone(),
        memory_bytes: written.storage.memory.0,
        max_variants: written.storage.max_variants.0,
        worker_memory_bytes: written.images.worker_memory.0,
        require_sandbox: written.images.require_sandbox,
        access_log: written.log.access,
        level: written.log.level,
        disk: disk(&written.storage.disk, &data),
        data,
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

fn listen(server: &Server, flags: &Flags, notes: &mut Notes<'_, '_>) -> Vec<Listen> {
    let is_tls = !server.tls.0.is_empty();
    let top = Place::top().key("server");
    let (place, plain) = (top.key("listen"), top.key("listen_plain"));
    if !flags.listen.is_empty() {
        return flags
            .listen
            .iter()
            .map(|listener| Listen { address: listener.0, is_tls })
            .collect();
    }
    let none = server.listen.is_empty() && server.listen_plain.is_empty();
    if none && !notes.document.has_lost_below(&place) {
        notes.error(&place, "there is no address to serve on", "write listen = [\"0.0.0.0:8080\"]");
    }
    if !is_tls && !server.listen_plain.is_empty() {
        let mend = "put its addresses into listen, or name certificates: tls = { … }";
        notes.error(&plain, "without tls every address is plain", mend);
    }
    let doors = server.listen.iter().enumerate().map(|(i, one)| (place.index(i), one.0, is_tls));
    let plain = server.listen_plain.iter().enumerate();
    let plain = plain.map(|(i, one)| (top.key("listen_plain").index(i), one.0, false));
    let mut known: Vec<Listen> = Vec::new();
    for (place, address, is_tls) in doors.chain(plain) {
        if known.iter().any(|listen| listen.address == address) && address.port() != 0 {
            notes.error(&place, "this address is named twice", "name it once");
        }
        known.push(Listen { address, is_tls });
    }
    known
}

/// All addresses but those where this process itself is asked.
fn not_us(listen: &[Listen], admin: &Admin) -> Reach {
    let ports = listen.iter().map(|listen| listen.address.port());
    Reach::NotUs(ports.chain([admin.listen.port()]).collect())
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

fn disk(written: &written::Disk, data: &Path) -> Disk {
    Disk {
        path: written.path.as_ref().map_or_else(|| data.join("cache"), PathBuf::from),
        size_bytes: written.size.map(|size| size.0),
        min_free_bytes: written.min_free.0,
        queue_bytes: written.queue.in_memory(),
        readers: written.readers.0,
    }
}

fn check_storage(storage: &Storage, notes: &mut Notes<'_, '_>) {
    let no_disk = storage.disk.size.is_some_and(|size| size.0 == 0);
    let named = notes.document.has(&Place::top().key("storage").key("max_object"));
    if no_disk && named && storage.max_object.0 > storage.memory.0 / 8 {
        let what = format!(
            "without a disk no more than an eighth of memory ({}) is kept of one body",
            storage.memory
        );
        let place = Place::top().key("storage").key("max_object");
        notes.warn(&place, what, "make memory larger, or leave out storage.disk.size");
    }
}
