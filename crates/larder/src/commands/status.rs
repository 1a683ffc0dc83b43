//! `larder status`: how a running Larder does, in a few numbers.

use super::ask::get_json;
use super::{Failure, printable, say};
use crate::cli::Status;
use serde_json::Value;

/// Shows the numbers once.
///
/// # Errors
/// When they cannot be had.
pub fn run(arguments: &Status) -> Result<(), Failure> {
    let status = get_json(&arguments.asking, "/v1/status")?;
    say(&if arguments.json { format!("{status:#}\n") } else { text(&status) })
}

fn text(status: &Value) -> String {
    let (requests, memory, disk) = (&status["requests"], &status["memory"], &status["disk"]);
    let flight = &status["in_flight"];
    let ratio = requests["hit_ratio"].as_f64().map(|ratio| format!("{:.1} %", ratio * 100.0));
    let mib = |bytes: &Value| bytes.as_u64().unwrap_or_default() >> 20;
    let disk = match (disk.is_null(), disk["failing"].as_str()) {
        (true, _) => "none".to_owned(),
        (_, Some(why)) => format!("cannot be written: {why}"),
        _ => format!(
            "{} stored, {} of {} MiB",
            disk["objects"],
            mib(&disk["bytes"]),
            mib(&disk["size_bytes"])
        ),
    };
    let lines = [
        format!(
            "larder    {}, up {}s, {} sites{}",
            status["version"].as_str().unwrap_or("?"),
            status["uptime_seconds"],
            status["sites"],
            if status["stopping"] == true { ", stopping" } else { "" }
        ),
        format!(
            "requests  {}, of which from the cache {}",
            requests["total"],
            ratio.as_deref().unwrap_or("none yet")
        ),
        format!(
            "memory    {} stored, {} of {} MiB",
            memory["objects"],
            mib(&memory["bytes"]),
            mib(&memory["size_bytes"])
        ),
        format!("disk      {disk}"),
        purges(&status["purges"]),
        format!(
            "now       {} connections, {} fills, {} refreshes",
            flight["connections"], flight["fills"], flight["refreshes"]
        ),
    ];
    lines.iter().chain(&app(&status["app"])).map(|line| printable(line) + "\n").collect()
}

/// The app that is watched over, where there is one.
fn app(app: &Value) -> Option<String> {
    let command = app["command"].as_str()?;
    let up = match (app["up"] == true, app["trouble"].as_str()) {
        (true, _) => "up".to_owned(),
        (false, None) => "starting".to_owned(),
        (false, Some(why)) => format!("down: {why}"),
    };
    let (port, restarts) = (&app["port"], &app["restarts"]);
    Some(format!("app       {up}, port {port}, {restarts} restarts: {command}"))
}

fn purges(purges: &Value) -> String {
    if let Some(why) = purges["failing"].as_str() {
        return format!("purges    refused: {why}");
    }
    let floors = purges["floors"].as_u64().filter(|floors| *floors > 0);
    let floors = floors.map_or(String::new(), |floors| {
        format!(", {floors} sites or hosts of which all older is stale")
    });
    format!("purges    {} since the start, {} scopes{floors}", purges["taken"], purges["scopes"])
}
