//! Where a setting stands: `site[0].rule[2].ttl`.

use std::fmt;

/// The way to a setting from the top of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(Vec<Step>);

/// One step of a [`Place`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

impl Place {
    /// The top of the file.
    pub fn top() -> Place {
        Place::default()
    }

    /// The place of a key within the table at this place.
    pub fn key(&self, name: &str) -> Place {
        self.then(Step::Key(name.to_owned()))
    }

    /// The place of an element within the list at this place.
    pub fn index(&self, index: usize) -> Place {
        self.then(Step::Index(index))
    }

    /// The steps from the top.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The table or list that this place is in.
    pub fn parent(&self) -> Option<Place> {
        let (_, before) = self.0.split_last()?;
        Some(Place(before.to_vec()))
    }

    /// The last key on the way.
    pub fn name(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|step| match step {
            Step::Key(name) => Some(name.as_str()),
            Step::Index(_) => None,
        })
    }

    fn then(&self, step: Step) -> Place {
        let mut steps = self.0.clone();
        steps.push(step);
        Place(steps)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(name) if i == 0 => f.write_str(name)?,
                Step::Key(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_like_the_settings_they_name() {
        let rule = Place::top().key("site").index(0).key("rule").index(2);
        assert_eq!(rule.key("ttl").to_string(), "site[0].rule[2].ttl");
        assert_eq!(rule.name(), Some("rule"));
        assert_eq!(rule.parent(), Some(Place::top().key("site").index(0).key("rule")));
        assert_eq!(Place::top().parent(), None);
    }
}
