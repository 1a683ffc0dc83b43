//! From a request in some dialect to the one that is looked up.

use super::allowed::{Place, authority_and_target, place};
use super::signed::is_signed;
use crate::error::Error;
use crate::settings::{PictureSettings, SiteSettings};
use imaging::accept::Accepted;
use imaging::ladder::snapped;
use imaging::plan::{Asked, Best, Delivery, Dialect, OWN_ROOT, Output, Plan, Read, Source, Wanted};
use policy::fields::Fields;
use policy::name::Name;
use policy::request::{Method, Request, hostname, split_target};
use policy::time::Timestamp;
use std::borrow::Cow;
use std::sync::Arc;

/// A picture that is to be made.
#[derive(Clone, Debug)]
pub struct Making {
    /// What of, and what.
    pub asked: Asked,
    /// Where the source is.
    pub place: Place,
    /// Where the watermark is, if there is to be one.
    pub mark: Option<Place>,
    /// Whether what is made depends on what the client accepts.
    pub varies: bool,
    /// Whether strangers have no choice in it: who wrote the URL knows a key of the site, or it is as
    /// one of the site's presets says.
    pub is_given: bool,
    /// How it is handed to who asks by this URL, which is no part of what is kept.
    pub delivery: Delivery,
    /// Until when the URL may be asked for, in seconds since 1970.
    pub expires: Option<u64>,
    /// Whether nobody waits for it, so that it may take its time.
    pub takes_its_time: bool,
    /// What the site is told of pictures.
    pub settings: Arc<PictureSettings>,
}

impl Making {
    /// Whether the URL may be asked for no more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires < now.seconds())
    }
}

/// What of a request is of use for a picture: the rest is for who would be asked, who is not, or says who
/// asks, which does not matter.
const KEPT: [Name; 4] = [Name::Range, Name::IfRange, Name::IfNoneMatch, Name::IfModifiedSince];

/// What a request asks for, if it is for a picture that is made here: the request that is looked up, the
/// same for all who ask for the same, and what is to be made.
///
/// # Errors
/// What is wrong with the URL, or that its source may not be used.
pub fn asked(site: &SiteSettings, request: &Request) -> Option<Result<(Request, Making), Error>> {
    let settings = site.pictures.as_ref()?;
    let target = below(&settings.base, &request.target);
    let is_read = matches!(request.method, Method::Get | Method::Head) && request.upgrade.is_none();
    if !is_read {
        return None;
    }
    let Some(dialect) = settings.dialects.of(target) else {
        // Pictures are kept under these paths: what an origin answers there must never stand among them.
        let is_kept_there = request.target.starts_with(OWN_ROOT);
        return is_kept_there.then(|| Err(Error::PictureAsked(NOT_OWN.to_owned())));
    };
    let read = read(settings, dialect, target);
    Some(read.and_then(|(read, is_signed)| settle(settings, read, is_signed, request)))
}

/// What is said of Larder's own URLs where they are not answered.
const NOT_OWN: &str = "Larder's own URLs are not answered here: images.dialects has no \"larder\"";

/// What a target of a dialect says, and whether who wrote it knows a key of the site.
fn read(settings: &PictureSettings, dialect: Dialect, target: &str) -> Result<(Read, bool), Error> {
    // Whoever does not know the key learns nothing of what else is wrong.
    let is_signed = is_signed(settings, dialect, target)?;
    let read = settings.dialects.read(dialect, target, is_signed);
    Ok((read.map_err(|wrong| Error::PictureAsked(wrong.to_string()))?, is_signed))
}

/// What it says for whoever may do more than ask for it, as if it were signed or not.
fn read_as(settings: &PictureSettings, target: &str, is_signed: bool) -> Option<Read> {
    let dialect = settings.dialects.of(target)?;
    settings.dialects.read(dialect, target, is_signed).ok()
}

/// Why a request for a picture gets none at all, if so.
pub fn refused(site: &SiteSettings, request: &Request, now: Timestamp) -> Option<Error> {
    match asked(site, request)? {
        Err(error) => Some(error),
        Ok((_, making)) => making.is_over(now).then_some(Error::PictureExpired),
    }
}

/// The request that is looked up for one: for a picture that of its one spelling.
pub fn looked_up<'r>(site: &SiteSettings, request: &'r Request) -> Cow<'r, Request> {
    match asked(site, request) {
        Some(Ok((wanted, _))) => Cow::Owned(wanted),
        Some(Err(_)) | None => Cow::Borrowed(request),
    }
}

/// The request for what is kept under a target of Larder's own dialect as it stands there, in whichever
/// size a signed URL asked for it: who looks at what is stored has the target from there.
pub fn as_kept(site: &SiteSettings, request: &Request) -> Option<Request> {
    let settings = site.pictures.as_ref().filter(|_| request.target.starts_with(OWN_ROOT))?;
    let read = settings.dialects.read(Dialect::Own, &request.target, true).ok()?;
    let best = match read.asked.wanted {
        Wanted::Picture(Plan { output: Output::UpTo(best), .. }) => Some(best),
        _ => None,
    };
    let (mut wanted, _) = settle(settings, read, true, request).ok()?;
    if let Some(best) = best {
        wanted.fields.set(Name::Accept, accept(best));
    }
    Some(wanted)
}

/// The targets under which what a target of a picture asks for is kept: where the format is the client's
/// choice, one for each. Who purges names a host without its port: a source at that host may be the
/// site's own at any.
pub fn spellings(site: &SiteSettings, host: &str, target: &str) -> Vec<String> {
    let Some(settings) = &site.pictures else { return Vec::new() };
    let hosts = [Some(host.to_owned()), same_host(settings, host, target)];
    let mut all: Vec<String> = Vec::new();
    let bests = [Best::Basic, Best::WebP, Best::Avif];
    for (host, best) in
        hosts.into_iter().flatten().flat_map(|host| bests.map(|best| (host.clone(), best)))
    {
        let request = Request {
            host,
            target: target.to_owned(),
            fields: [("Accept", accept(best))].into_iter().collect(),
            ..Request::default()
        };
        // A key that is not one any more had pictures made too.
        for is_signed in [false, true] {
            let read = read_as(settings, below(&settings.base, target), is_signed);
            let found = read.and_then(|read| settle(settings, read, is_signed, &request).ok());
            all.extend(found.map(|(wanted, _)| wanted.target).filter(|it| !all.contains(it)));
        }
    }
    all
}

/// Host and port of the source of a picture, if the host is that one.
fn same_host(settings: &PictureSettings, host: &str, target: &str) -> Option<String> {
    let read = read_as(settings, below(&settings.base, target), true)?;
    let Source::Url(url) = read.asked.source else { return None };
    let (named, _) = host_and_path(&url);
    (hostname(&named) == hostname(host)).then_some(named)
}

fn settle(
    settings: &Arc<PictureSettings>,
    Read { asked, expires, is_given }: Read,
    is_signed: bool,
    request: &Request,
) -> Result<(Request, Making), Error> {
    let is_given = is_signed || is_given;
    let may_have_all = is_given || settings.originals;
    if let (false, Some(named)) = (may_have_all, original(asked.wanted)) {
        return Err(Error::PictureAsked(format!("{named}: {NO_ORIGINALS}")));
    }
    let (source, place) = located(settings, asked.source, request)?;
    let (mut varies, mut watermark) = (false, None);
    let wanted = match asked.wanted {
        Wanted::Picture(plan) => {
            varies = plan.output == Output::Auto;
            if plan.watermark.is_some() {
                let named = asked.watermark.or_else(|| settings.watermark.clone());
                let named = named.ok_or_else(|| Error::PictureAsked(NO_WATERMARK.to_owned()))?;
                let located = located(settings, named, request);
                watermark = Some(located.map_err(of_watermark)?);
            }
            // What no stranger wrote is made as it is.
            let plan = if is_given { plan } else { snapped(plan, &settings.widths) };
            Wanted::Picture(settled(settings, plan, request))
        }
        other => other,
    };
    let (watermark, mark) = watermark.unzip();
    let mut delivery = asked.delivery;
    // Strangers would have the same kept again and again.
    let buster = delivery.buster.take().filter(|_| is_signed);
    let asked =
        Asked { source, wanted, watermark, delivery: Delivery { buster, ..Delivery::default() } };
    let wanted = Request {
        method: request.method.clone(),
        version: request.version,
        scheme: request.scheme,
        host: request.host.clone(),
        target: asked.target(),
        fields: fields(request, &asked, varies),
        has_body: false,
        upgrade: None,
    };
    let settings = settings.clone();
    let takes_its_time = false;
    Ok((
        wanted,
        Making {
            asked,
            place,
            mark,
            varies,
            is_given,
            delivery,
            expires,
            takes_its_time,
            settings,
        },
    ))
}

/// Says of what is wrong with a source that it is the watermark's.
fn of_watermark(error: Error) -> Error {
    match error {
        Error::PictureSource(why) => {
            Error::PictureSource(format!("that of its watermark, since {why}"))
        }
        other => other,
    }
}

/// What of it asks for a source as it is: strangers would read in it where a photograph was taken.
fn original(wanted: Wanted) -> Option<&'static str> {
    match wanted {
        Wanted::Raw => Some("raw"),
        Wanted::Picture(plan) if !plan.skip.is_empty() => Some("skip"),
        Wanted::Picture(plan) if plan.keep.metadata == Some(true) => Some("metadata"),
        _ => None,
    }
}

/// What is wrong where that is not allowed.
const NO_ORIGINALS: &str = "is for signed URLs, or where the site has images.originals = true";
/// What is wrong where a watermark is asked for that nobody named.
const NO_WATERMARK: &str =
    "wm: there is no watermark: name one by wms, or for the whole site by images.watermark";

/// A source in the spelling under which it is known, and where it is.
fn located(
    settings: &PictureSettings,
    source: Source,
    request: &Request,
) -> Result<(Source, Place), Error> {
    let source = at_home(source, request);
    let place = place(settings, &source)?;
    Ok(match (place, source) {
        // A file is the same whatever is asked beside: else strangers could have it kept again and again.
        (Place::Folder(_), Source::Path(path)) => {
            (Source::Path(split_target(&path).0.into()), place)
        }
        (_, source) => (source, place),
    })
}

/// The plan with all that others decide: the site its usual quality, the client the format.
fn settled(settings: &PictureSettings, mut plan: Plan, request: &Request) -> Plan {
    plan.quality = plan.quality.or(Some(settings.quality));
    if plan.output == Output::Auto {
        let mut accepted = Accepted::default();
        for value in request.fields.all(Name::Accept) {
            let by = Accepted::by(value);
            accepted.avif |= by.avif;
            accepted.webp |= by.webp;
        }
        plan.output = Output::UpTo(accepted.best(settings.formats));
    }
    plan.settled()
}

/// A target without the base of its site, if it begins with that.
pub fn below<'t>(base: &str, target: &'t str) -> &'t str {
    target.strip_prefix(base).filter(|rest| rest.starts_with('/')).unwrap_or(target)
}

/// A URL of the host that was asked is a path of the site.
pub fn at_home(source: Source, request: &Request) -> Source {
    let Source::Url(url) = &source else { return source };
    let (host, path) = host_and_path(url);
    match host == request.host && path.starts_with('/') && !path.starts_with("//") {
        true => Source::Path(path.into()),
        false => source,
    }
}

/// The host of a URL as requests have it, without its scheme's own port, and the rest.
fn host_and_path(url: &str) -> (String, &str) {
    let (authority, path) = authority_and_target(url);
    (authority.split_once("://").map_or_else(String::new, |(_, host)| host.to_owned()), path)
}

fn fields(request: &Request, asked: &Asked, varies: bool) -> Fields {
    let mut fields = Fields::new();
    for name in KEPT {
        for value in request.fields.all(name) {
            fields.add(name, value);
        }
    }
    if request.directives().only_if_cached {
        // What an operator looks at must not be made for it. A visitor's other wishes do not count: by
        // `no-store` and `no-cache` strangers would have a picture made again and again.
        fields.add(Name::CacheControl, "only-if-cached, max-stale");
    }
    if let (true, Wanted::Picture(Plan { output: Output::UpTo(best), .. })) = (varies, asked.wanted)
    {
        fields.add(Name::Accept, accept(best));
    }
    fields
}

/// The one value of `Accept` that stands for all of its class.
fn accept(best: Best) -> &'static str {
    match best {
        Best::Basic => "image/jpeg,image/png",
        Best::WebP => "image/webp,image/jpeg,image/png",
        Best::Avif => "image/avif,image/webp,image/jpeg,image/png",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::request::Scheme;

    fn site() -> SiteSettings {
        let settings = super::super::allowed::tests::settings();
        let own = settings.sources[0].settings.clone();
        SiteSettings { pictures: Some(Arc::new(settings)), ..own }
    }

    fn request(target: &str, fields: &[(&str, &str)]) -> Request {
        Request {
            host: "site.test".to_owned(),
            target: target.to_owned(),
            fields: fields.iter().copied().collect(),
            ..Request::default()
        }
    }

    #[test]
    fn all_who_ask_for_the_same_ask_alike() {
        let (webp, none): (&[_], &[_]) = (&[("Accept", "image/webp")], &[]);
        let of = "/_larder/image";
        for (target, fields, wanted) in [
            ("/_larder/image/w=90/a.jpg", webp, format!("{of}/w=100,q=75,f=auto-webp/a.jpg")),
            (
                "/_next/image?url=%2Fa.jpg&w=90&q=73",
                webp,
                format!("{of}/w=100,q=75,f=auto-webp/a.jpg"),
            ),
            (
                "/docs/_next/image?url=%2Fdocs%2Fa.jpg&w=90&q=73",
                webp,
                format!("{of}/w=100,q=75,f=auto-webp/docs/a.jpg"),
            ),
            ("/_larder/image/w=90/a.jpg", none, format!("{of}/w=100,q=75,f=auto-basic/a.jpg")),
            (
                "/_larder/image/w=90,f=png/http://site.test/a.jpg",
                webp,
                format!("{of}/w=100,q=75,f=png/a.jpg"),
            ),
            (
                "/_larder/image/w=90,f=png/https://site.test:443/a.jpg",
                webp,
                format!("{of}/w=100,q=75,f=png/a.jpg"),
            ),
            // Of a file the query says nothing, of an origin's path it may.
            ("/_larder/image/f=png/photos/a.jpg?x", none, format!("{of}/q=75,f=png/photos/a.jpg")),
            ("/_larder/image/f=png/a.jpg?x", none, format!("{of}/q=75,f=png/a.jpg?x")),
        ] {
            let (found, _) = asked(&site(), &request(target, fields)).expect("one").expect(target);
            assert_eq!(found.target, wanted, "{target}");
        }
    }

    #[test]
    fn who_asks_does_not_matter() {
        let fields = [
            ("Cookie", "a=b"),
            ("Authorization", "Basic eA=="),
            ("Cache-Control", "no-cache, no-store"),
            ("Pragma", "no-cache"),
            ("X-Forwarded-For", "192.0.2.1"),
            ("Accept-Language", "de"),
            ("Accept", "image/png;q=0.3"),
            ("Accept", "image/avif;q=0, IMAGE/WEBP"),
            ("If-None-Match", "\"x\""),
            ("Range", "bytes=0-1"),
        ];
        let asking = request("/_larder/image/w=100/a.jpg", &fields);
        let (found, making) = asked(&site(), &asking).expect("one").expect("one that is right");
        let names: Vec<_> = found.fields.iter().map(|field| field.name.to_owned()).collect();
        assert_eq!(names, ["range", "if-none-match", "accept"]);
        assert_eq!(found.fields.text(Name::Accept), Some(accept(Best::WebP)));
        assert!(making.varies && found.scheme == Scheme::Http);
    }

    #[test]
    fn only_reads_of_dialects_that_are_on_are_answered_here() {
        let is_asked = |request: &Request| asked(&site(), request).is_some();
        assert!(is_asked(&request("/_larder/image/w=wrong/a.jpg", &[])));
        for target in
            ["/_image?href=/a.jpg", "/%5Flarder/image/w=1/a.jpg", "/docs2/_larder/image/w=1/a"]
        {
            assert!(!is_asked(&request(target, &[])), "{target}");
        }
        let post = Request { method: Method::Post, ..request("/_larder/image/w=1/a.jpg", &[]) };
        assert!(!is_asked(&post));
        // No picture is made of a picture.
        for source in
            ["/_larder/image/w=1/a.jpg", "/_image?href=/a", "http://site.test/_next/image?url=/a"]
        {
            let target = format!(
                "/_larder/image/w=100{}{source}",
                if source.starts_with('/') { "" } else { "/" }
            );
            let found = asked(&site(), &request(&target, &[]));
            assert!(matches!(found, Some(Err(Error::PictureAsked(_)))), "{target}: {found:?}");
        }
    }
}
