//! Origins of sources whose names a wildcard stands for: each is made when it is first asked, as a site
//! like those that are listed by name, and forgotten when others are asked.

use crate::core::{Core, SiteOnCore};
use crate::settings::{OriginAddress, OriginLimits, SiteSettings};
use crate::upstream::{LongStreams, Upstream, UpstreamShared};
use policy::rule::SiteId;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

/// Origins by wildcards that are known at once; of more, those that were not asked for longest are
/// forgotten.
const MOST_HOSTS: usize = 256;

/// What all cores share of them: their turns, their addresses.
#[derive(Debug, Default)]
pub struct Hosts(Mutex<Recent<Arc<UpstreamShared>>>);

/// What one core has of them: its connections.
#[derive(Debug, Default)]
pub struct HostsOnCore(RefCell<Recent<Rc<SiteOnCore>>>);

/// Values by site and origin, the one that was asked for last at the end.
#[derive(Debug)]
struct Recent<T>(Vec<((SiteId, OriginAddress), T)>);

impl<T> Default for Recent<T> {
    fn default() -> Recent<T> {
        Recent(Vec::new())
    }
}

impl<T: Clone> Recent<T> {
    /// The value of that origin, made if it is not known; and the one that gives way to it.
    fn get(
        &mut self,
        site: SiteId,
        origin: &OriginAddress,
        make: impl FnOnce() -> T,
    ) -> (T, Option<T>) {
        let at = self.0.iter().position(|((id, known), _)| *id == site && known == origin);
        let (value, gone) = match at {
            Some(at) => (self.0.remove(at).1, None),
            None => {
                let gone = (self.0.len() >= MOST_HOSTS).then(|| self.0.remove(0).1);
                (make(), gone)
            }
        };
        self.0.push(((site, origin.clone()), value.clone()));
        (value, gone)
    }
}

impl Hosts {
    /// The origin of that site, whose only one it is.
    pub fn upstream(
        &self,
        site: &SiteSettings,
        limits: &Arc<OriginLimits>,
        long: &LongStreams,
    ) -> Option<Arc<UpstreamShared>> {
        let origin = site.origins.first()?;
        let make = || Arc::new(UpstreamShared::new(site, limits.clone(), long));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(known.get(site.site.id, origin, make).0)
    }
}

impl HostsOnCore {
    /// The site that is asked for sources at an origin which the wildcard of `listed` stands for.
    pub fn site(
        &self,
        core: &Core,
        listed: &SiteOnCore,
        origin: OriginAddress,
    ) -> Option<Rc<SiteOnCore>> {
        let settings = SiteSettings { origins: vec![origin.clone()], ..listed.settings.clone() };
        let upstream = core.shared.upstream_of(&settings)?;
        let id = settings.site.id;
        let make = || {
            Rc::new(SiteOnCore {
                upstream: Rc::new(Upstream::new(upstream, core.number)),
                pace: listed.pace.clone(),
                counters: listed.counters.clone(),
                sources: Box::default(),
                settings,
            })
        };
        let (site, gone) = self.0.borrow_mut().get(id, &origin, make);
        if let Some(gone) = gone {
            gone.upstream.retire();
        }
        Some(site)
    }

    /// All origins that are known.
    pub fn upstreams(&self) -> Vec<Rc<Upstream>> {
        self.0.borrow().0.iter().map(|(_, site)| site.upstream.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_asked_for_longest_gives_way() {
        let origin = |number: usize| OriginAddress {
            is_tls: false,
            host: format!("h{number}.test"),
            port: 80,
        };
        let mut recent = Recent::default();
        let mut get = |number: usize| recent.get(SiteId(1), &origin(number), || number);
        for number in 0..MOST_HOSTS {
            assert_eq!(get(number), (number, None));
        }
        assert_eq!(get(0), (0, None));
        assert_eq!(get(MOST_HOSTS), (MOST_HOSTS, Some(1)));
        assert_eq!(get(1), (1, Some(2)), "it is made anew");
        assert_eq!(recent.get(SiteId(2), &origin(1), || 7).0, 7, "another site's is another");
    }
}
