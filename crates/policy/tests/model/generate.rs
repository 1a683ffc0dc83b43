//! Random sequences: mostly sensible, sometimes odd, and close to the edges of freshness.

use crate::merging::host_name;
use crate::script::{
    Ask, Behaviour, Force, Purge, Rules, Sequence, Step, Template, Wait, What, When,
};
use crate::{requests, responses};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

/// A sequence of at most 12 steps.
pub fn sequence() -> impl Strategy<Value = Sequence> {
    (rules(), prop::collection::vec(step(), 1..=12))
        .prop_map(|(rules, steps)| Sequence { rules, steps })
}

/// Mostly the first, sometimes the second.
pub fn mostly<T: std::fmt::Debug>(
    often: (u32, impl Strategy<Value = T> + 'static),
    else_: (u32, impl Strategy<Value = T> + 'static),
) -> Union<BoxedStrategy<T>> {
    Union::new_weighted(vec![(often.0, often.1.boxed()), (else_.0, else_.1.boxed())])
}

fn rules() -> impl Strategy<Value = Rules> {
    let seconds = |values: &'static [u64]| prop::option::weighted(0.4, select(values));
    let some = (
        seconds(&[0, 5, 60]),
        seconds(&[0, 7]),
        seconds(&[0, 20]),
        seconds(&[0, 30]),
        select(&[(false, false), (false, false), (true, false), (false, true)][..]),
        prop::option::weighted(0.3, select(&[0, 5, 60][..])),
    );
    let some = some.prop_map(|(ttl, negative_ttl, swr, sie, (force, off), revalidate)| Rules {
        ttl,
        revalidate,
        negative_ttl,
        stale_while_revalidate: swr,
        stale_if_error: sie,
        force,
        off,
    });
    mostly((3, Just(Rules::default())), (2, some))
}

fn step() -> impl Strategy<Value = Step> {
    let delay = select(&[0, 0, 0, 300, 2000][..]);
    let purge = prop::option::weighted(0.2, purge());
    (wait(), ask(), delay, behaviour(), behaviour(), purge).prop_map(
        |(wait, ask, delay, origin, again, purge)| {
            let purge = purge.map(|(when, force, what)| {
                let url = || What::Url(host_name(&ask.host).to_owned(), ask.target.clone());
                Purge { when, force, what: what.unwrap_or_else(url) }
            });
            Step { wait, ask, delay, origin, again, purge }
        },
    )
}

/// A purge; where nothing is named, of the URL that is asked for.
fn purge() -> impl Strategy<Value = (When, Force, Option<What>)> {
    let tag = || Some(What::Tag("t".to_owned()));
    let what = prop_oneof![2 => Just(None), 2 => Just(tag()), 1 => Just(Some(What::Everything))];
    let when = select(&[When::Before, When::During][..]);
    (when, select(&[Force::Hard, Force::Soft, Force::Paced][..]), what)
}

fn wait() -> impl Strategy<Value = Wait> {
    let offsets = || select(&[-1001, -1000, -1, 0, 1, 750, 1000, 1001, 5000][..]);
    prop_oneof![
        4 => select(&[0, 0, 1, 750, 1000, 10_000, 60_000, 4_000_000, 1_000_000_000][..])
            .prop_map(Wait::Millis),
        1 => offsets().prop_map(|offset| Wait::Millis(600_000_u64.saturating_add_signed(offset))),
        4 => offsets().prop_map(Wait::Expiry),
        2 => offsets().prop_map(Wait::WindowEnd),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let method = mostly(
        (8, Just("GET")),
        (3, select(&["HEAD", "HEAD", "POST", "PUT", "OPTIONS", "FOO"][..])),
    );
    let host = mostly((8, Just("a.test")), (1, select(&["a.test:81", "b.test"][..])));
    let target = mostly((6, Just("/p")), (2, select(&["/p?q=1", "/d/x", "/d/s.css"][..])));
    let body = prop::bool::weighted(0.02);
    (method, host, target, requests::lines(), body).prop_map(
        |(method, host, target, lines, has_body)| {
            let own = |text: &str| text.to_owned();
            Ask { method: own(method), host: own(host), target: own(target), lines, has_body }
        },
    )
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        2 => Just(Behaviour::Unreachable),
        6 => template(false).prop_map(Behaviour::Answer),
        6 => template(true).prop_map(Behaviour::Confirm),
    ]
}

fn template(confirms: bool) -> impl Strategy<Value = Template> {
    const STATUSES: [u16; 20] = [
        200, 203, 204, 206, 299, 301, 302, 304, 308, 404, 404, 410, 414, 426, 500, 500, 502, 503,
        504, 501,
    ];
    let status = mostly((6, Just(200)), (5, select(&STATUSES[..])));
    let length = mostly((8, Just(10)), (1, select(&[0, 1, 11][..])));
    (status, responses::lines(confirms), length, prop::bool::weighted(0.03))
        .prop_map(|(status, lines, length, cut)| Template { status, lines, length, cut })
}
