//! Which site a request to the admin listener means.

use super::problem::Problem;
use crate::purging::site_called;
use policy::rule::Site;
use proxy::core::Shared;

/// The site that a parameter `site` names; the only one where there is none.
///
/// # Errors
/// That there is no such site, or that one has to be named.
pub fn site_meant<'s>(shared: &'s Shared, name: Option<&str>) -> Result<&'s Site, Problem> {
    match (name, shared.settings.sites.as_slice()) {
        (Some(name), _) => site_called(&shared.settings.sites, name).ok_or_else(|| {
            let mend = "site is none of the configuration: name one by any of its hosts, or * for \
                        that of every host";
            Problem::bad_request(mend)
        }),
        (None, [only]) => Ok(&only.site),
        (None, _) => Err(Problem::bad_request(
            "there are several sites: say by site=HOST whose it is, with any host of that site",
        )),
    }
}
