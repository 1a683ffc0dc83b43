//! Odd requests, put to Larder, to hyper and, where it is installed, to nginx. What each answers
//! stands in `odd_requests.md`; where they differ, the reason stands beside it.

mod cases;
mod servers;
mod table;

use cases::CASES;
use servers::{Hyper, Larder, Nginx, ask};
use table::{Row, Table};

#[test]
fn odd_requests_are_answered_as_the_table_says() {
    let hyper = Hyper::start();
    let larder = Larder::start(hyper.address);
    let nginx = Nginx::start();
    let rows = CASES.iter().map(|(name, request)| Row {
        name: (*name).to_owned(),
        larder: ask(larder.address, request),
        hyper: ask(hyper.address, request),
        nginx: nginx.as_ref().map(|nginx| ask(nginx.address, request)),
        reason: String::new(),
    });
    let found = Table(rows.collect());
    let written = Table::read();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        found.with_reasons_of(&written).write();
        return;
    }
    let differences = written.differences(&found);
    assert!(
        differences.is_empty(),
        "{}\n\nIf that is meant: UPDATE_GOLDEN=1 cargo test -p larder --test conformance",
        differences.join("\n")
    );
}

#[test]
fn every_difference_has_its_reason() {
    let unexplained: Vec<String> =
        Table::read().0.into_iter().filter(Row::is_unexplained).map(|row| row.name).collect();
    assert!(unexplained.is_empty(), "without a reason: {unexplained:?}");
}
