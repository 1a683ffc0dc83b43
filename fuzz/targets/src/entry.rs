//! Entries that apps keep: their names, where they were born, what is said of them.

use policy::admission::{MAX_TAG_BYTES, MAX_TAGS};
use policy::entry::{EntryName, MAX_NAME_BYTES, Offer, offered};
use policy::fields::Fields;
use policy::name::Name;
use policy::purge::{Born, Force, Purge, Subject, Table, TableLimits, Verdict, strict_url};
use policy::rule::{Site, SiteId};
use policy::time::Timestamp;

/// A name, a point in a log, `Cache-Control` and `Cache-Tag`, a line each: what is a name has one
/// spelling, which a purge can be written with; what is kept is within the limits.
pub fn entry(data: &[u8]) {
    let mut lines = data.split(|b| *b == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    name(&String::from_utf8_lossy(line()));
    let point = String::from_utf8_lossy(line()).into_owned();
    if let Ok(born) = point.parse::<Born>() {
        assert_eq!(born.to_string(), point);
    }
    let mut fields = Fields::new();
    fields.add(Name::CacheControl, line());
    fields.add(Name::CacheTag, line());
    let (site, born, now) = (SiteId(1), Born::default(), Timestamp(1));
    match offered(&Offer { fields: &fields, site, born, now }) {
        Ok(meta) => {
            let is_short = |tag: &str| !tag.is_empty() && tag.len() <= MAX_TAG_BYTES;
            assert!(meta.tags.len() <= MAX_TAGS && meta.tags.iter().all(|tag| is_short(tag)));
        }
        Err(why) => assert!(!why.to_string().is_empty()),
    }
}

fn name(encoded: &str) {
    let name = match EntryName::parse(encoded) {
        Ok(name) => name,
        Err(why) => return assert!(!why.to_string().is_empty()),
    };
    assert_eq!(EntryName::parse(name.as_str()).as_ref(), Ok(&name));
    let site = Site::default();
    let key = name.key(&site);
    assert!(key.as_ref().is_entry() && key.as_ref().bytes().len() <= 3 * MAX_NAME_BYTES + 64);
    let target = String::from_utf8_lossy(key.as_ref().parts().target).into_owned();
    let url = strict_url(&target).expect("it is written like a path");
    assert_eq!(*url.target, *target);
    let (scopes, by, why) = ([name.scope(&site)].into(), "".into(), "".into());
    let mut table = Table::new(1, 0, TableLimits::default());
    table.apply(1, &Purge { scopes, force: Force::Hard, at: Timestamp(1), by, why });
    let subject = Subject::new(key.as_ref().url(), site.id, &[], &[]);
    assert_eq!(table.check(&subject, Born { log_id: 1, seq: 0 }, 0), Verdict::Gone);
}
