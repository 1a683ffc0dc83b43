//! The list of targets.

use crate::{configuration, entry, feed, fields, imaging, message, picture, purge, webhook};

/// A target: takes any bytes and must come back.
pub type Target = fn(&[u8]);

/// All targets by name; each has a folder of that name in the corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("cache_control", fields::cache_control),
    ("chunked", message::chunked),
    ("configuration", configuration::file),
    ("conditional", fields::conditional),
    ("cron", feed::cron),
    ("date", fields::date),
    ("entry", entry::entry),
    ("feed_html", feed::html),
    ("feed_json", feed::json),
    ("feed_xml", feed::xml),
    ("imaging_decode", imaging::decode),
    ("imaging_job", imaging::job),
    ("location", fields::location),
    ("negotiate", fields::negotiate),
    ("path", fields::path),
    ("picture", picture::picture),
    ("proxy_protocol", message::proxy_protocol),
    ("purge_record", purge::record),
    ("purge_scopes", purge::scopes),
    ("query", fields::query),
    ("range", fields::range),
    ("request_head", message::request_head),
    ("srcset", feed::srcset),
    ("targeted", fields::targeted),
    ("vary", fields::vary),
    ("webhook", webhook::webhook),
];

/// The target of that name.
///
/// # Panics
/// When there is none, which is a mistake of the caller.
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|(other, _)| *other == name);
    found.map(|(_, target)| *target).expect("the name stands in TARGETS")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    /// Mutations of each input of the corpus.
    const MUTATIONS: u64 = 2_000;

    fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name);
        let entries = std::fs::read_dir(&folder).expect("every target has a corpus");
        let mut inputs: Vec<_> = entries
            .map(|entry| entry.expect("a readable folder").path())
            .map(|path| (path.clone(), std::fs::read(path).expect("a readable file")))
            .collect();
        inputs.sort();
        inputs
    }

    /// xorshift64: the same mutations in every run.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % sides as u64) as usize
        }

        fn mutate(&mut self, input: &[u8]) -> Vec<u8> {
            const ODD: &[u8] = b"\0\r\n\t \",;:=*/%-+.\\'0929azAZ\x7f\x80\xff";
            let mut bytes = input.to_vec();
            for _ in 0..=self.roll(4) {
                let at = self.roll(bytes.len() + 1);
                let odd = ODD[self.roll(ODD.len())];
                match self.roll(4) {
                    0 => bytes.insert(at, odd),
                    1 if at < bytes.len() => bytes[at] = odd,
                    2 if at < bytes.len() => drop(bytes.remove(at)),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            bytes
        }
    }

    #[test]
    fn every_target_comes_back_from_its_corpus_and_mutations_of_it() {
        for (name, target) in TARGETS {
            let inputs = corpus(name);
            assert!(inputs.len() >= 3, "{name} has hardly a corpus");
            let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
            for (_, input) in &inputs {
                target(input);
                let rounds = if *name == "configuration" { MUTATIONS / 20 } else { MUTATIONS };
                for _ in 0..rounds {
                    target(&dice.mutate(input));
                }
            }
        }
    }

    #[test]
    fn the_fuzzer_has_every_target_and_no_other() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("a readable folder")
            .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
            .collect();
        files.sort();
        let mut names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert_eq!(files, names);
    }
}
