//! Which entry a request is for.

use super::super::problem::Problem;
use super::super::query::Query;
use super::super::site::site_meant;
use axum::http::Uri;
use policy::entry::EntryName;
use policy::key::Key;
use policy::purge::Scope;
use policy::rule::SiteId;
use proxy::core::Shared;

/// The path of entries, before their names.
const PATH: &str = "/v1/entries/";

/// An entry that is asked for.
#[derive(Debug)]
pub struct Asked {
    /// What it is kept under.
    pub key: Key,
    /// Whose it is.
    pub site: SiteId,
    /// What a purge of it names.
    pub scope: Scope,
}

impl Asked {
    /// Reads the target of a request.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(shared: &Shared, uri: &Uri) -> Result<Asked, Problem> {
        let query = Query::parse(uri.query(), &["site"])?;
        let site = site_meant(shared, query.one("site")?)?;
        let name = uri.path().strip_prefix(PATH).unwrap_or_default();
        let name = EntryName::parse(name).map_err(|why| Problem::bad_request(why.to_string()))?;
        Ok(Asked { key: name.key(site), site: site.id, scope: name.scope(site) })
    }
}
