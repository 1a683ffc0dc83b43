//! What was found, and its tables: medians of the rounds, ratios within the rounds.

use std::fmt::Write as _;

use serde::Serialize;

use super::Maker;
use super::hits::Hits;
use super::mixed::Look;
use super::rows::Row;
use crate::stats::median;

/// By whom the others are divided.
const MEASURE: Maker = Maker::Sharp;

/// All that was found.
#[derive(Default, Serialize)]
pub struct Report {
    /// What each maker says of its version.
    pub versions: Vec<(Maker, String)>,
    /// What was made.
    pub made: Vec<Made>,
    /// What it cost, round by round.
    pub samples: Vec<Sample>,
    /// How much memory it took.
    pub peaks: Vec<Peak>,
    /// What stored pictures cost.
    pub hits: Option<Hits>,
    /// Memory over many pictures.
    pub mixed: Vec<Look>,
    /// What was not measured, and why.
    pub notes: Vec<String>,
}

/// A picture that was made.
#[derive(Serialize)]
pub struct Made {
    /// Of that row.
    pub row: &'static str,
    /// By whom.
    pub maker: Maker,
    /// How long it is.
    pub bytes: usize,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// SSIMULACRA2.
    pub score: f64,
}

/// A round.
#[derive(Serialize)]
pub struct Sample {
    /// Of that row.
    pub row: &'static str,
    /// Of whom.
    pub maker: Maker,
    /// Counts from 0.
    pub round: u32,
    /// User and system time of a picture.
    pub cpu_millis: f64,
    /// From request to last byte, the median.
    pub wall_millis: f64,
}

/// The most memory of a fresh server.
#[derive(Serialize)]
pub struct Peak {
    /// In that row.
    pub row: &'static str,
    /// Of whom.
    pub maker: Maker,
    /// Proportional, of all processes at one moment, in bytes.
    pub pss: u64,
    /// The high water marks of all processes, added up.
    pub resident: u64,
}

impl Report {
    /// Notes something, and says it at once.
    pub fn note(&mut self, note: String) {
        eprintln!("  {note}");
        self.notes.push(note);
    }

    fn of<'a>(&'a self, row: &'a Row, maker: Maker) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |s| s.row == row.name && s.maker == maker)
    }

    /// Each round's own ratio of CPU time, in rising order.
    fn ratios(&self, row: &Row, maker: Maker) -> Vec<f64> {
        let measure = |round| self.of(row, MEASURE).find(|s| s.round == round);
        let ratio = |s: &Sample| Some(s.cpu_millis / measure(s.round)?.cpu_millis);
        let mut ratios: Vec<f64> = self.of(row, maker).filter_map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }
}

const HEAD: &str = "\
| row | maker | CPU ms | × sharp | p50 ms | bytes | score | peak MiB: PSS | high water |
| --- | --- | --: | --: | --: | --: | --: | --: | --: |
";

/// The tables, then versions and notes.
pub fn markdown(report: &Report, rows: &[Row], makers: &[Maker]) -> String {
    let mut text = HEAD.to_owned();
    for (row, maker) in rows.iter().flat_map(|row| makers.iter().map(move |maker| (row, *maker))) {
        line(&mut text, report, row, maker);
    }
    if let Some(Hits { bytes, picture_micros, other_micros }) = &report.hits {
        let _ = writeln!(
            text,
            "\n| a hit of {bytes} bytes | CPU µs |\n| --- | --: |\n\
             | a picture | {picture_micros:.1} |\n| from an origin | {other_micros:.1} |"
        );
    }
    if !report.mixed.is_empty() {
        text += "\n| mixed pictures | refused | serve, resident MiB | workers | their resident MiB |\n\
                 | --: | --: | --: | --: | --: |\n";
        for Look { asked, refused, serve, workers, processes } in &report.mixed {
            let [serve, workers] = [serve, workers].map(|bytes| mebibytes(*bytes));
            let _ = writeln!(text, "| {asked} | {refused} | {serve} | {processes} | {workers} |");
        }
    }
    text.push('\n');
    let versions = report.versions.iter().map(|(_, version)| format!("- {version}"));
    for note in versions.chain(report.notes.iter().map(|note| format!("- {note}"))) {
        text += &note;
        text.push('\n');
    }
    text
}

fn line(text: &mut String, report: &Report, row: &Row, maker: Maker) {
    let is_it = |name: &str, of: Maker| name == row.name && of == maker;
    let Some(cpu) = median(report.of(row, maker).map(|s| s.cpu_millis)) else { return };
    let wall = median(report.of(row, maker).map(|s| s.wall_millis)).unwrap_or_default();
    let ratios = report.ratios(row, maker);
    let ratio = match (ratios.first(), median(ratios.iter().copied()), ratios.last()) {
        (Some(least), Some(middle), Some(most)) if maker != MEASURE => {
            format!("{middle:.2} ({least:.2}–{most:.2})")
        }
        (Some(_), ..) => "1.00".to_owned(),
        _ => "–".to_owned(),
    };
    let made = report.made.iter().find(|made| is_it(made.row, made.maker));
    let peak = report.peaks.iter().find(|peak| is_it(peak.row, peak.maker));
    let [bytes, score] = match made {
        Some(made) => [made.bytes.to_string(), format!("{:.1}", made.score)],
        None => ["–", "–"].map(str::to_owned),
    };
    let [pss, resident] = match peak {
        Some(peak) => [peak.pss, peak.resident].map(mebibytes),
        None => ["–", "–"].map(str::to_owned),
    };
    let title = row.title;
    let _ = writeln!(
        text,
        "| {title} | {maker} | {cpu:.1} | {ratio} | {wall:.1} | {bytes} | {score} | {pss} | {resident} |"
    );
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::rows;

    #[test]
    fn ratios_are_of_one_round_each() {
        let sample = |maker, round, cpu_millis| Sample {
            row: rows::ALL[0].name,
            maker,
            round,
            cpu_millis,
            wall_millis: 1.0,
        };
        let samples = [(0, 20.0), (1, 40.0), (2, 60.0)].into_iter().flat_map(|(round, cpu)| {
            [sample(Maker::Sharp, round, cpu), sample(Maker::Larder, round, cpu / 4.0)]
        });
        let report = Report { samples: samples.collect(), ..Report::default() };
        assert_eq!(report.ratios(&rows::ALL[0], Maker::Larder), [0.25; 3]);
        let text = markdown(&report, &rows::ALL, &[Maker::Larder, Maker::Sharp]);
        assert!(
            text.contains("| larder | 10.0 | 0.25 (0.25–0.25) | 1.0 | – | – | – | – |"),
            "{text}"
        );
    }
}
