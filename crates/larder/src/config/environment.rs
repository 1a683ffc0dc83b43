//! `${NAME}` in values: replaced from the environment, and hidden again in messages.

use super::document::Document;
use super::fault::Fault;
use std::ops::Range;

/// Looks up a variable of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variable of that name of this process, if it is set and is text.
pub fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The values that came from the environment. They may be secret and are never shown.
#[derive(Clone, Debug, Default)]
pub struct Hidden(Vec<(String, String)>);

impl Hidden {
    /// The message with each hidden value replaced by its variable.
    pub fn hide(&self, message: &str) -> String {
        let hide = |message: String, (name, value): &(String, String)| {
            message.replace(value.as_str(), &format!("${{{name}}}"))
        };
        self.0.iter().fold(message.to_owned(), hide)
    }
}

/// Replaces `${NAME}` in all values of the document. Values whose variable is missing are taken
/// out, and reported with where they stood.
pub fn fill_in(
    document: &mut Document<'_>,
    environment: Environment<'_>,
) -> (Hidden, Vec<(Range<usize>, Fault)>) {
    let mut hidden = Hidden::default();
    let mut faults = Vec::new();
    document.replace_text(|text, span| match expand(text, environment, &mut hidden) {
        Ok(expanded) => expanded,
        Err(fault) => {
            faults.push((span, fault));
            None
        }
    });
    for (span, _) in &faults {
        if let Some(place) = document.place_at(span) {
            document.remove(&place);
        }
    }
    (hidden, faults)
}

/// Replaces each `${NAME}`; `$${` stands for `${` itself. `None`: there is nothing to replace.
fn expand(
    text: &str,
    environment: Environment<'_>,
    hidden: &mut Hidden,
) -> Result<Option<String>, Fault> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = behind;
            continue;
        }
        let (name, behind) = behind.split_once('}').ok_or_else(unclosed)?;
        let value = look_up(name, environment)?;
        expanded.push_str(before);
        expanded.push_str(&value);
        if !value.is_empty() {
            hidden.0.push((name.to_owned(), value));
        }
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(Some(expanded))
}

fn look_up(name: &str, environment: Environment<'_>) -> Result<String, Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(fits) {
        let mend = "write ${NAME} with letters, digits and _; $${ stands for ${ itself";
        return Err(Fault::new("this is no variable's name", mend));
    }
    environment(name).ok_or_else(|| {
        let what = format!("the environment has no variable {name}");
        Fault::new(what, format!("set it before the start: export {name}=…"))
    })
}

fn unclosed() -> Fault {
    Fault::new("${ is not closed", "write ${NAME}; $${ stands for ${ itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        (name == "A").then(|| "secret".to_owned())
    }

    #[test]
    fn variables_are_replaced_and_hidden_again() {
        for (text, expanded) in [
            ("plain $A", Ok(None)),
            ("${A}", Ok(Some("secret"))),
            ("x${A}y${A}", Ok(Some("xsecretysecret"))),
            ("$${A} ${A}", Ok(Some("${A} secret"))),
            ("${B}", Err("export B")),
            ("${A", Err("$${")),
            ("${}", Err("$${")),
            ("${A-B}", Err("$${")),
        ] {
            let mut hidden = Hidden::default();
            match (expand(text, &environment, &mut hidden), expanded) {
                (Ok(found), Ok(expanded)) => assert_eq!(found.as_deref(), expanded, "{text}"),
                (Err(fault), Err(part)) => assert!(fault.mend.contains(part), "{text}: {fault}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
            let shown = hidden.hide("it is secret");
            assert_eq!(shown.contains("secret"), !matches!(expanded, Ok(Some(_))), "{text}");
        }
    }

    #[test]
    fn a_value_without_its_variable_is_taken_out_and_reported() {
        let (mut document, _) = Document::parse("a = \"${B}\"\nb = [\"${A}\", \"${C}\"]\n");
        let (_, faults) = fill_in(&mut document, &environment);
        let at: Vec<_> = faults.iter().map(|(span, _)| span.clone()).collect();
        assert_eq!(at, [4..10, 24..30]);
        let tree = format!("{:?}", document.tree());
        assert!(tree.contains("secret") && !tree.contains("${"), "{tree}");
    }
}
