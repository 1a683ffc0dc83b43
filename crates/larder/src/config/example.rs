//! `larder.example.toml`: every setting with its default and its reason, written from the list
//! of settings so that it cannot say anything else than the code does.

use super::settings::{Section, Setting, sections};
use serde_json::Value;

/// The width that comments are wrapped to.
const WIDTH: usize = 96;

const HEAD: &str = "\
# Every setting of Larder, with its default and its reason.
#
# `larder config default` prints this file; `larder check FILE` finds all mistakes of one.
# Lines that begin with # and no space are settings: take the # away to change one. Those
# marked \"for example\" have no default. Lengths of time are written \"500ms\", \"30s\", \"5m\",
# \"2h\" or \"1d\", sizes \"64MiB\". ${NAME} in a value is replaced from the environment. What the
# command line says wins over this file.
";

/// The text of the example.
pub fn text() -> String {
    let sections = sections().iter().map(section).collect::<Vec<_>>();
    format!("{HEAD}\n{}", sections.join("\n"))
}

fn section(section: &Section) -> String {
    let header = match section.repeated {
        true => format!("[[{}]]", section.name),
        false => format!("[{}]", section.name),
    };
    // A site is needed; a rule, a hook and a feed are not.
    let is_needed = !matches!(section.name.as_str(), "site.rule" | "hook" | "feed");
    let header = if is_needed { header } else { format!("#{header}") };
    let settings = section.settings.iter().map(setting).collect::<Vec<_>>();
    format!("{}{header}\n\n{}", comment(&section.help), settings.join("\n"))
}

fn setting(setting: &Setting) -> String {
    let needed = setting.section == "site" && setting.name == "origin";
    let (value, note) = match (&setting.default, &setting.example) {
        (_, Some(example)) if needed => (example, None),
        (Some(default), Some(example)) if is_empty(default) => (default, Some(example)),
        (Some(default), _) => (default, None),
        (None, Some(example)) => (example, None),
        (None, None) => (&Value::Null, None),
    };
    let mut lines = comment(&setting.help);
    if let Some(example) = note {
        lines.push_str(&comment(&format!("For example: {}", toml(example))));
    } else if setting.default.is_none() && !needed {
        lines.push_str("# No default; for example:\n");
    }
    let mark = if needed { "" } else { "#" };
    lines.push_str(&assignment(mark, &setting.name, value));
    lines
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// `name = value`; a list that is too long for one line goes over several.
fn assignment(mark: &str, name: &str, value: &Value) -> String {
    let line = format!("{mark}{name} = {}\n", toml(value));
    let Some(list) = value.as_array().filter(|_| line.len() > WIDTH) else { return line };
    let items = list.iter().map(|item| format!("{},", toml(item))).collect::<Vec<_>>().join(" ");
    let items: String = wrap(&items).iter().map(|line| format!("{mark}    {line}\n")).collect();
    format!("{mark}{name} = [\n{items}{mark}]\n")
}

/// A value as TOML has it.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(table) if table.is_empty() => "{}".to_owned(),
        Value::Object(table) => {
            let entry = |(key, value): (&String, &Value)| format!("{key} = {}", toml(value));
            format!("{{ {} }}", table.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn comment(text: &str) -> String {
    wrap(text).iter().map(|line| format!("# {line}\n")).collect()
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("the list is never empty");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() > WIDTH - 4 {
            lines.push(word.to_owned());
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reading::OneOrMany;
    use crate::config::report::Severity;
    use crate::config::written::{Feed, Hook, Rule, Site, Written};
    use crate::config::{File, Flags, understand};

    /// Takes the marks away from the settings that `wanted` wants.
    fn unmark(wanted: impl Fn(&Setting) -> bool) -> String {
        let mut text = text().replace("#[[", "[[");
        for setting in sections().iter().flat_map(|section| &section.settings) {
            if wanted(setting) && setting.name != "origin" {
                let value = setting.default.as_ref().or(setting.example.as_ref());
                let value = value.expect("each setting has one of both");
                let marked = assignment("#", &setting.name, value);
                assert!(text.contains(&marked), "the example lacks {marked}");
                let at = text.find(&format!("{}]", setting.section)).expect("its section");
                let (before, behind) = text.split_at(at);
                let plain = assignment("", &setting.name, value);
                text = format!("{before}{}", behind.replacen(&marked, &plain, 1));
            }
        }
        text
    }

    #[test]
    fn each_default_shown_is_the_default_of_the_code() {
        let text = unmark(|setting| setting.default.is_some());
        let read: Written = toml::from_str(&text).expect("the example is TOML");
        let origin = "http://127.0.0.1:4321".parse().ok();
        let site = Site {
            origin: OneOrMany(origin.into_iter().collect()),
            rule: vec![Rule::default()],
            ..Site::default()
        };
        assert_eq!(
            read,
            Written {
                site: vec![site],
                hook: vec![Hook::default()],
                feed: vec![Feed::default()],
                ..Written::default()
            }
        );
    }

    #[test]
    fn every_example_shown_is_understood() {
        // The site of the example serves every host, and so has none that a hook could name.
        // Two ways to say when are one too many, and the file is not there.
        const APART: [(&str, &str); 4] =
            [("hook", "site"), ("feed", "site"), ("feed", "every"), ("feeds", "ca")];
        let is_apart = |setting: &Setting| APART.contains(&(&*setting.section, &*setting.name));
        for text in [text(), unmark(|setting| !is_apart(setting))] {
            let file = File { name: "example", text: &text };
            // Secrets are kept there.
            let environment = |_: &str| Some("0123456789abcdef01234567".to_owned());
            let (meant, report) = understand(file, &Flags::default(), &environment);
            assert_eq!(report.count(Severity::Error), 0, "{report}");
            assert!(meant.is_some());
        }
    }

    #[test]
    fn every_setting_takes_the_example_that_is_shown_for_it() {
        for setting in sections().iter().flat_map(|section| &section.settings) {
            let Some(example) = &setting.example else { continue };
            let table = match setting.section.as_str() {
                "site" => "[[site]]".to_owned(),
                "site.rule" => "[[site]]\n[[site.rule]]".to_owned(),
                "hook" | "feed" => format!("[[{}]]", setting.section),
                name => format!("[{name}]"),
            };
            let text = format!("{table}\n{}", assignment("", &setting.name, example));
            let read: Result<Written, _> = toml::from_str(&text);
            assert!(read.is_ok_and(|read| read != Written::default()), "{text}");
        }
    }

    #[test]
    fn the_file_in_the_repository_is_this_text() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../larder.example.toml");
        let file = std::fs::read_to_string(path).unwrap_or_default();
        let mend = "run: cargo run -p larder -- config default > larder.example.toml";
        assert!(file == text(), "larder.example.toml is not what the code says; {mend}");
    }
}
