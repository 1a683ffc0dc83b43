//! What each reason means and what to change: read from `docs/not-cached.md`, so that there is one
//! text for those who read the page and those who ask `larder explain`.
//!
//! A section is `### reason`, what it means, and a paragraph that begins with [`MARK`].

/// The page.
const PAGE: &str = include_str!("../../../../docs/not-cached.md");
/// Begins the paragraph that says what to change.
const MARK: &str = "**To change it:** ";

/// What there is to say about a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// What it means.
    pub meaning: String,
    /// What to change.
    pub remedy: String,
}

/// What a reason means, by its word in `Cache-Status`; nothing for a word that is none.
pub fn about(token: &str) -> Option<About> {
    sections().find(|(found, _)| *found == token).map(|(_, text)| read(text))
}

/// The words of all reasons that the page tells of, in its order.
pub fn all_told() -> impl Iterator<Item = &'static str> {
    sections().map(|(token, _)| token)
}

fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGE.split("\n### ").skip(1).filter_map(|section| section.split_once('\n'))
}

fn read(text: &str) -> About {
    // The next chapter is none of it.
    let text = text.split("\n## ").next().unwrap_or_default();
    let (mut meaning, mut remedy) = (Vec::new(), String::new());
    for paragraph in text.split("\n\n").map(str::trim).filter(|text| !text.is_empty()) {
        match paragraph.strip_prefix(MARK) {
            Some(change) => remedy = plain(change),
            None => meaning.push(plain(paragraph)),
        }
    }
    About { meaning: meaning.join(" "), remedy }
}

/// Without the marks of emphasis, which a terminal does not show, and in one line.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut in_code = false;
    for c in text.chars() {
        match c {
            '`' => in_code = !in_code,
            '*' if !in_code => continue,
            _ => {}
        }
        plain.push(if c == '\n' { ' ' } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::{WhyFetch, WhyPass, WhySkip};

    #[test]
    fn each_reason_has_its_meaning_and_its_remedy() {
        let skips = WhySkip::ALL.iter().map(|why| why.token());
        let passes = WhyPass::ALL.iter().map(|why| why.token());
        let fetches = WhyFetch::ALL.iter().map(|why| why.token());
        for token in skips.chain(passes).chain(fetches) {
            let About { meaning, remedy } = about(token).expect(token);
            assert!(!meaning.is_empty() && !remedy.is_empty(), "{token}: {MARK}… is missing");
        }
        assert_eq!(about("none-such"), None);
    }

    #[test]
    fn a_section_ends_where_the_next_chapter_begins() {
        for token in all_told() {
            let About { meaning, remedy } = about(token).expect("it is told of");
            assert!(!meaning.contains("##") && !remedy.contains("##"), "{token}");
        }
    }

    #[test]
    fn marks_of_emphasis_go_and_stars_of_code_stay() {
        assert_eq!(plain("say *so*, and\n`utm_*`"), "say so, and `utm_*`");
    }
}
