//! The dialect of Next.js: `/_next/image?url=%2Fphoto.jpg&w=640&q=75`. Other parameters mean nothing,
//! as in Next 16.

use super::query::Query;
use super::{Asked, NoPlan, Plan, Source, Wanted};

/// Its path, which may have a slash at its end.
pub const PATH: &str = "/_next/image";
/// The longest source that Next takes, in bytes.
const MAX_URL_BYTES: usize = 3072;

/// Reads a target.
///
/// # Errors
/// What Next would refuse too.
pub fn read(target: &str) -> Result<Asked, NoPlan> {
    let query = Query::of(target);
    let needed = |name: &'static str| {
        let value = query.one(name)?.filter(|value| !value.is_empty());
        value.ok_or_else(|| NoPlan::new(name, "is missing"))
    };
    let url = needed("url")?;
    if url.len() > MAX_URL_BYTES {
        return Err(NoPlan::new("url", "is longer than 3072 bytes"));
    }
    let source = Source::parse("url", &url)?;
    let width = super::own::side("w", &needed("w")?)?;
    let quality = super::own::quality("q", &needed("q")?)?;
    let plan = Plan { width: Some(width), quality: Some(quality), ..Plan::default() };
    Ok(Asked::of(source, Wanted::Picture(plan)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    #[test]
    fn what_next_writes_is_read() {
        let asked =
            read("/_next/image?url=%2Fshelves.jpg%3Fv%3D1&w=1080&q=75&dpl=x").expect("a plan");
        assert_eq!(asked.source, Source::Path("/shelves.jpg?v=1".into()));
        let Wanted::Picture(plan) = asked.wanted else { panic!("a picture") };
        assert_eq!((plan.width.map(NonZeroU32::get), plan.quality), (Some(1080), Some(75)));
    }

    #[test]
    fn what_next_refuses_is_refused_with_its_name() {
        let long = format!("/_next/image?url=/{}&w=1&q=1", "a".repeat(MAX_URL_BYTES));
        for (target, at, why) in [
            ("/_next/image", "url", "missing"),
            ("/_next/image?w=1&q=1&url=", "url", "missing"),
            ("/_next/image?url=/a&url=/b&w=1&q=1", "url", "more than once"),
            ("/_next/image?url=/a&q=1", "w", "missing"),
            ("/_next/image?url=/a&w=0&q=1", "w", "from 1"),
            ("/_next/image?url=/a&w=1.5&q=1", "w", "from 1"),
            ("/_next/image?url=/a&w=1", "q", "missing"),
            ("/_next/image?url=/a&w=1&q=101", "q", "from 1 to 100"),
            ("/_next/image?url=//a.b/c&w=1&q=1", "url", "scheme"),
            ("/_next/image?url=data:image/png;base64,x&w=1&q=1", "url", "neither"),
            ("/_next/image?url=%2F_next%2Fimage%3Furl%3D%2Fa&w=1&q=1", "url", "itself"),
            (&long, "url", "longer"),
        ] {
            let error = read(target).expect_err(target);
            assert_eq!(&*error.at, at, "{target}");
            assert!(error.why.contains(why), "{target}: {error}");
        }
    }
}
