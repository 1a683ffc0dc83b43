//! The first decision: does a request go by way of the cache, and under which key?

use crate::cookies;
use crate::key::KeyRef;
use crate::name::Name;
use crate::reason::WhyPass;
use crate::request::{Method, Request};
use crate::rule::{CacheMode, Rule, Site};

/// The verdict on a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'k> {
    /// Straight to the origin and back.
    Pass(WhyPass),
    /// By way of the cache, under this key.
    Cached(KeyRef<'k>),
}

/// Decides the way of a request. `buffer` holds the key and is overwritten.
pub fn route<'k>(
    site: &Site,
    rule: &Rule,
    request: &Request,
    buffer: &'k mut Vec<u8>,
) -> Route<'k> {
    match why_pass(site, rule, request) {
        Some(why) => Route::Pass(why),
        None => Route::Cached(KeyRef::build(request, rule, buffer)),
    }
}

fn why_pass(site: &Site, rule: &Rule, request: &Request) -> Option<WhyPass> {
    if !matches!(request.method, Method::Get | Method::Head) {
        return Some(WhyPass::Method);
    }
    if request.has_body {
        return Some(WhyPass::RequestBody);
    }
    if request.upgrade.is_some() {
        return Some(WhyPass::Upgrade);
    }
    if rule.cache == CacheMode::Off {
        return Some(WhyPass::RuleOff);
    }
    let session = request.fields.has(Name::Cookie)
        && cookies::has_named(&request.fields, &site.session_cookies);
    session.then_some(WhyPass::SessionCookie)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::Glob;
    use crate::rule::tests::plain_site;

    #[test]
    fn only_plain_reads_go_by_way_of_the_cache() {
        let mut site = plain_site();
        site.session_cookies = vec![Glob::new("sid")];
        let get = Request { target: "/".into(), ..Request::default() };
        let with_cookie = |value: &str| Request {
            fields: [("Cookie", value)].into_iter().collect(),
            ..get.clone()
        };
        let off = Rule { cache: CacheMode::Off, ..Rule::default() };
        let auto = Rule::default();
        for (request, rule, why) in [
            (get.clone(), &auto, None),
            (Request { method: Method::Head, ..get.clone() }, &auto, None),
            (Request { method: Method::Post, ..get.clone() }, &auto, Some(WhyPass::Method)),
            (Request { method: Method::Options, ..get.clone() }, &auto, Some(WhyPass::Method)),
            (Request { has_body: true, ..get.clone() }, &auto, Some(WhyPass::RequestBody)),
            (
                Request { upgrade: Some("websocket".into()), ..get.clone() },
                &auto,
                Some(WhyPass::Upgrade),
            ),
            (get.clone(), &off, Some(WhyPass::RuleOff)),
            (with_cookie("sid=1"), &auto, Some(WhyPass::SessionCookie)),
            (with_cookie("lang=de"), &auto, None),
        ] {
            let mut buffer = Vec::new();
            let found = route(&site, rule, &request, &mut buffer);
            match why {
                Some(why) => assert_eq!(found, Route::Pass(why), "{request:?}"),
                None => assert!(matches!(found, Route::Cached(_)), "{request:?}"),
            }
        }
    }
}
