//! Purges: what a request names, and what the purge log holds on disk.

use policy::purge::code::{decode, decode_marks, decode_patterns, encode};
use policy::purge::{Born, Force, Purge, Scope, Subject, Table, TableLimits, Verdict, Wanted};
use policy::rule::SiteId;
use policy::time::Timestamp;
use store::purge_log::{Kind, MAX_RECORD_BYTES, Record};

/// Lines of a list's name and a text: what is accepted is written and read the same, and each URL
/// that is accepted purges the response of that URL; what is not has its reason said.
pub fn scopes(data: &[u8]) {
    let wanted = wanted(&String::from_utf8_lossy(data));
    let site = |name: &str| (name != "unknown").then(|| SiteId::of_host(name));
    let scopes = match wanted.scopes(site) {
        Ok(scopes) => scopes,
        Err(faults) => {
            assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.to_string().is_empty()));
            return;
        }
    };
    let (by, why) = ("fuzz".into(), "".into());
    let purge = Purge { scopes, force: Force::Hard, at: Timestamp(1), by, why };
    let mut code = Vec::new();
    encode(&purge, &mut code);
    assert_eq!(decode(&code).as_ref(), Ok(&purge));
    let mut table = Table::new(1, 0, TableLimits::default());
    table.apply(1, &purge);
    for scope in &purge.scopes {
        if let Scope::Url(url) = scope {
            let host = url.host.as_deref().unwrap_or("any");
            let stored = format!("{host}\0{}", url.target);
            let subject = Subject::new(stored.as_bytes(), SiteId(0), &[], &[]);
            assert_eq!(table.check(&subject, Born { log_id: 1, seq: 0 }, 0), Verdict::Gone);
        }
    }
}

fn wanted(text: &str) -> Wanted {
    let mut wanted = Wanted::default();
    for line in text.lines() {
        let (list, text) = line.split_once(' ').unwrap_or((line, ""));
        let text = text.to_owned();
        match list {
            "sites" => wanted.sites.push(text),
            "tags" => wanted.tags.push(text),
            "urls" => wanted.urls.push(text),
            "prefixes" => wanted.prefixes.push(text),
            "patterns" => wanted.patterns.push(text),
            _ => wanted.everything = true,
        }
    }
    wanted
}

/// A record and its content are read or refused; what is read is written and read the same.
pub fn record(data: &[u8]) {
    let _ = Record::read(data, 0, 0);
    let (kind, content) = (Kind::Purge, &data[..data.len().min(MAX_RECORD_BYTES / 2)]);
    let record = Record { kind, log_id: 1, seq: 2, before: 1, durable: 0, content };
    let mut bytes = Vec::new();
    record.append(3, 8, &mut bytes);
    assert_eq!(Record::read(&bytes, 3, 8), Some(record));
    if let Ok(purge) = decode(content) {
        let mut code = Vec::new();
        encode(&purge, &mut code);
        assert_eq!(decode(&code), Ok(purge));
    }
    let mut table = Table::new(1, 0, TableLimits { scopes: 4, patterns: 2 });
    decode_marks(content).unwrap_or_default().into_iter().for_each(|mark| table.put_mark(mark));
    let patterns = decode_patterns(content).unwrap_or_default();
    patterns.into_iter().for_each(|pattern| table.put_pattern(pattern));
    assert!(table.stats().patterns <= 2);
}
