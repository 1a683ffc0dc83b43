//! What the soak has seen, as two Markdown tables.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::crowd::Role;
use super::watch::{Look, Watch};

const ROLES_HEAD: &str = "\
| role | clients | visits | cut by Larder | right answers | failed | longest visit ms |
| --- | --: | --: | --: | --: | --: | --: |
";

const LOOKS_HEAD: &str = "
| when | RSS MiB | open files | stored MiB | alive MiB | connections | fills | in flight bytes | long streams | refreshes | compressing |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |
";

/// Who was there and what came of it; then how Larder looked.
pub fn markdown(roles: &[Arc<Role>], watch: &Watch) -> String {
    let mut text = ROLES_HEAD.to_owned();
    roles.iter().for_each(|role| role_line(&mut text, role));
    text += LOOKS_HEAD;
    watch.looks.iter().for_each(|look| look_line(&mut text, look));
    text
}

fn role_line(text: &mut String, role: &Role) {
    let value = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (name, clients, visits) = (role.name, role.clients, value(&role.visits));
    let cells = match role.is_honest {
        true => {
            let counts = [&role.right, &role.wrong, &role.longest_ms].map(value);
            format!("– | {} | {} | {}", counts[0], counts[1], counts[2])
        }
        false => format!("{} | – | – | –", value(&role.cut)),
    };
    writeln!(text, "| {name} | {clients} | {visits} | {cells} |").expect("a String takes all");
}

fn look_line(text: &mut String, look: &Look) {
    let Look { when, open_files, .. } = look;
    let bytes = [look.rss_bytes, look.stored_bytes, look.alive_bytes];
    let [rss, stored, alive] = bytes.map(|bytes| bytes >> 20);
    let gauges = look.gauges.map(|value| value.to_string()).join(" | ");
    writeln!(text, "| {when} | {rss} | {open_files} | {stored} | {alive} | {gauges} |")
        .expect("a String takes all");
}
