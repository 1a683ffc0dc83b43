//! The list of all settings, read from the schema: name, help, default, example.

use super::written::Written;
use serde_json::{Map, Value};

/// One setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The section it stands in: `server`, `site`, `site.rule`.
    pub section: String,
    /// Its name within the section, dotted where it stands in tables within: `key.query.drop`.
    pub name: String,
    /// What it does and why its default is what it is.
    pub help: String,
    /// Its default, if it has one.
    pub default: Option<Value>,
    /// What it may look like.
    pub example: Option<Value>,
}

/// A section of the file.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Whether there may be several: `[[site]]`.
    pub repeated: bool,
    /// What it is for.
    pub help: String,
    /// Its settings in order.
    pub settings: Vec<Setting>,
}

/// The JSON Schema of the configuration.
pub fn schema() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.into_generator().into_root_schema_for::<Written>().into()
}

/// All sections, in the order of the file.
pub fn sections() -> Vec<Section> {
    let inlined = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
    });
    let schema: Value = inlined.into_generator().into_root_schema_for::<Written>().into();
    let mut sections = Vec::new();
    for (name, section) in properties(&schema) {
        add_section(name, section, &mut sections);
    }
    sections
}

fn add_section(name: &str, schema: &Value, sections: &mut Vec<Section>) {
    let items = schema.get("items");
    let table = items.unwrap_or(schema);
    let at = sections.len();
    sections.push(Section {
        name: name.to_owned(),
        repeated: items.is_some(),
        help: text(schema, "description"),
        settings: Vec::new(),
    });
    let mut settings = Vec::new();
    for (key, value) in properties(table) {
        if value.pointer("/items/properties").is_some() {
            add_section(&format!("{name}.{key}"), value, sections);
        } else {
            add_setting(name, key, value, default_of(table, key, value), &mut settings);
        }
    }
    sections[at].settings = settings;
}

/// Adds a setting, or the settings of a table within a section by their dotted names.
fn add_setting(
    section: &str,
    name: &str,
    schema: &Value,
    default: Option<Value>,
    settings: &mut Vec<Setting>,
) {
    let within = properties(schema);
    if within.is_empty() {
        let example = schema.pointer("/examples/0").cloned();
        let help = text(schema, "description");
        let (section, name) = (section.to_owned(), name.to_owned());
        return settings.push(Setting { section, name, help, default, example });
    }
    for (key, value) in within {
        let own = default.as_ref().and_then(|table| table.get(key)).cloned();
        let own = own.or_else(|| default_of(schema, key, value)).filter(says_something);
        add_setting(section, &format!("{name}.{key}"), value, own, settings);
    }
}

fn default_of(table: &Value, key: &str, schema: &Value) -> Option<Value> {
    let of_table = || table.get("default").and_then(|default| default.get(key));
    schema.get("default").or_else(of_table).filter(|value| says_something(value)).cloned()
}

/// Whether a default can be written down: TOML has no null.
fn says_something(value: &Value) -> bool {
    !value.is_null()
}

fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(Map::iter).into_iter().flatten().collect()
}

fn text(schema: &Value, key: &str) -> String {
    schema.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_help() {
        let sections = sections();
        let names: Vec<_> = sections.iter().map(|section| section.name.as_str()).collect();
        let all = [
            "server",
            "admin",
            "storage",
            "origin",
            "purge",
            "images",
            "feeds",
            "log",
            "site",
            "site.rule",
            "hook",
            "feed",
        ];
        assert_eq!(names, all);
        for section in &sections {
            assert!(!section.help.is_empty(), "{}", section.name);
            for setting in &section.settings {
                assert!(setting.help.ends_with('.'), "{}.{}", section.name, setting.name);
                let shown = setting.default.is_some() || setting.example.is_some();
                assert!(shown, "{}.{} has neither default nor example", section.name, setting.name);
            }
        }
    }

    #[test]
    fn defaults_are_those_of_the_code() {
        let sections = sections();
        let default = |section: &str, name: &str| {
            let section = sections.iter().find(|found| found.name == section)?;
            section.settings.iter().find(|setting| setting.name == name)?.default.clone()
        };
        for (section, name, value) in [
            ("server", "listen", Some(serde_json::json!(["0.0.0.0:8080"]))),
            ("server", "limits.max_connections", Some(serde_json::json!(16384))),
            ("server", "limits.header_timeout", Some(serde_json::json!("10s"))),
            ("server", "node", None),
            ("storage", "memory", Some(serde_json::json!("64MiB"))),
            ("site", "origin_host", Some(serde_json::json!("keep"))),
            ("site.rule", "cache", Some(serde_json::json!("auto"))),
            ("site.rule", "key.query.sort", Some(serde_json::json!(false))),
            ("site.rule", "ttl", None),
        ] {
            assert_eq!(default(section, name), value, "{section}.{name}");
        }
    }
}
