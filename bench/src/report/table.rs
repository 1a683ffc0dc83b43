//! The report as Markdown tables: medians of the rounds, ratios within the rounds.

use std::fmt::Write as _;

use super::{LoadSample, Measured, Report, StormSample};
use crate::compare::MEASURE;
use crate::peers::Kind;
use crate::rows::{Row, Work};
use crate::stats::median;

/// The tables: one of the loads, one of the storms, then versions and notes.
pub fn markdown(report: &Report, rows: &[Row]) -> String {
    let (loads, storms): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| matches!(row.work, Work::Load(_)));
    let mut text = String::new();
    if !loads.is_empty() {
        text += LOAD_HEAD;
        loads.iter().for_each(|row| load_lines(&mut text, report, row));
        text.push('\n');
    }
    if !storms.is_empty() {
        text += STORM_HEAD;
        storms.iter().for_each(|row| storm_lines(&mut text, report, row));
        text.push('\n');
    }
    let versions = report.versions.iter().map(|(peer, version)| format!("- {peer}: {version}"));
    for line in versions.chain(report.notes.iter().map(|note| format!("- {note}"))) {
        text += &line;
        text.push('\n');
    }
    text
}

const LOAD_HEAD: &str = "\
| row | peer | CPU µs/request | × nginx | requests/s | p50 µs | p99 µs | errors | to origin | PSS MiB |
| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: |
";

const STORM_HEAD: &str = "\
| row | peer | origin requests | first byte p50 / max ms | whole p50 / max ms | CPU µs/request | × nginx | errors | PSS MiB |
| --- | --- | --: | --: | --: | --: | --: | --: | --: |
";

/// The peers in the order they were asked for.
fn peers_of(report: &Report) -> impl Iterator<Item = Kind> {
    report.versions.iter().map(|(peer, _)| *peer)
}

fn load_lines(text: &mut String, report: &Report, row: &Row) {
    for peer in peers_of(report) {
        let load = |value: fn(&LoadSample) -> f64| {
            report.median(row, peer, |sample| match &sample.measured {
                Measured::Load(load) => value(load),
                Measured::Storm(_) => f64::NAN,
            })
        };
        let Some(cpu) = load(|s| s.cpu_micros) else { continue };
        let cells = [
            decimals(cpu, 1),
            ratio(report, row, peer),
            cell(load(|s| s.rate), 0),
            cell(load(|s| s.p50_micros), 0),
            cell(load(|s| s.p99_micros), 0),
            cell(load(|s| s.errors as f64), 0),
            cell(report.median(row, peer, |s| s.origin_requests as f64), 0),
            memory(report, row, peer),
        ];
        line(text, row, peer, &cells);
    }
}

fn storm_lines(text: &mut String, report: &Report, row: &Row) {
    for peer in peers_of(report) {
        let storm = |value: fn(&StormSample) -> f64| {
            report.median(row, peer, |sample| match &sample.measured {
                Measured::Storm(storm) => value(storm),
                Measured::Load(_) => f64::NAN,
            })
        };
        let Some(cpu) = storm(|s| s.cpu_micros) else { continue };
        let pair = |p50, max| format!("{} / {}", cell(storm(p50), 0), cell(storm(max), 0));
        let cells = [
            cell(report.median(row, peer, |s| s.origin_requests as f64), 0),
            pair(|s| s.first_byte_p50_ms, |s| s.first_byte_max_ms),
            pair(|s| s.whole_p50_ms, |s| s.whole_max_ms),
            decimals(cpu, 1),
            ratio(report, row, peer),
            cell(storm(|s| s.errors as f64), 0),
            memory(report, row, peer),
        ];
        line(text, row, peer, &cells);
    }
}

fn line(text: &mut String, row: &Row, peer: Kind, cells: &[String]) {
    let cells = cells.join(" | ");
    writeln!(text, "| {} | {peer} | {cells} |", row.title).expect("a String takes every write");
}

/// The median of the rounds' ratios, and between which they lie: on a shared machine the same
/// work can cost twice as much a minute later.
fn ratio(report: &Report, row: &Row, peer: Kind) -> String {
    let ratios = report.cpu_ratios(row, peer);
    let Some(median) = median(ratios.iter().copied()) else { return "–".into() };
    if peer == MEASURE {
        return decimals(median, 2);
    }
    let (least, most) = ratios.iter().fold((f64::MAX, 0.0_f64), |(l, m), r| (l.min(*r), m.max(*r)));
    format!("{median:.2} ({least:.2}–{most:.2})")
}

fn memory(report: &Report, row: &Row, peer: Kind) -> String {
    cell(report.median(row, peer, |s| s.pss_bytes as f64 / f64::from(1 << 20)), 0)
}

fn cell(value: Option<f64>, places: usize) -> String {
    value.map_or_else(|| "–".into(), |value| decimals(value, places))
}

fn decimals(value: f64, places: usize) -> String {
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::drifting;
    use crate::rows;

    #[test]
    fn the_table_names_peers_measured_and_leaves_out_the_rest() {
        let text = markdown(&drifting(), &rows::all());
        let wanted = "| hit 1K c32 (10,000 URLs) | larder | 20.0 | 0.50 (0.50–0.50) | 1000 | 1 | 2 | 0 | 0 | 5 |\n";
        assert!(text.contains(wanted), "{text}");
        assert!(!text.contains("| hit 16K"), "{text}");
        assert!(text.ends_with("- larder: l\n- nginx: n\n- a note\n"), "{text}");
    }
}
