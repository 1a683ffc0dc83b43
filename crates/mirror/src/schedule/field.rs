//! One field of a cron expression: which values it allows.

use crate::schedule::fault::Fault;

/// What a field is of.
pub(super) struct Kind {
    pub name: &'static str,
    least: u8,
    most: u8,
    /// The names of values, from the least on.
    names: &'static [&'static str],
}

pub(super) const SECOND: Kind = Kind { name: "second", least: 0, most: 59, names: &[] };
pub(super) const MINUTE: Kind = Kind { name: "minute", least: 0, most: 59, names: &[] };
pub(super) const HOUR: Kind = Kind { name: "hour", least: 0, most: 23, names: &[] };
pub(super) const DAY: Kind = Kind { name: "day of month", least: 1, most: 31, names: &[] };
pub(super) const MONTH: Kind = Kind {
    name: "month",
    least: 1,
    most: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// Sunday is 0, and 7 too.
pub(super) const WEEKDAY: Kind = Kind {
    name: "day of week",
    least: 0,
    most: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// The values of a field, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Values {
    bits: u64,
    /// Whether it begins with `*`, which says that it restricts nothing by itself: for the two days.
    pub is_star: bool,
}

impl Values {
    /// Reads a list of values, ranges and steps.
    pub fn parse(kind: &Kind, text: &str) -> Result<Values, Fault> {
        let mut bits = 0;
        for member in text.split(',') {
            bits |= kind.member(member)?;
        }
        let is_star = text.starts_with(['*', '?']);
        Ok(Values { bits, is_star })
    }

    /// Whether a value is allowed.
    pub fn has(self, value: u8) -> bool {
        value < 64 && self.bits >> value & 1 == 1
    }

    /// The first allowed value from there on.
    pub fn from(self, value: u8) -> Option<u8> {
        let rest = if value < 64 { self.bits >> value } else { 0 };
        (rest != 0).then(|| value + rest.trailing_zeros() as u8)
    }

    /// Whether all of that many values from 0 on are allowed.
    pub fn are_all(self, count: u8) -> bool {
        (0..count).all(|value| self.has(value))
    }

    /// Sunday as 0 where it is written as 7.
    pub fn folded(self) -> Values {
        let sunday = self.bits >> 7 & 1;
        Values { bits: self.bits & 0x7f | sunday, is_star: self.is_star }
    }
}

impl Kind {
    fn member(&self, text: &str) -> Result<u64, Fault> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            // Seven is Sunday once more.
            _ if matches!(range, "*" | "?") => (self.least, self.most.min(self.last_of_all())),
            Some((first, last)) => self.range(text, first, last)?,
            None if step.is_some() => {
                let remedy =
                    format!("a step needs a range: write {range}-{}/…, or */…", self.last_of_all());
                return Err(self.fault(text, &remedy));
            }
            None => (self.value(range)?, self.value(range)?),
        };
        let step = match step.map(str::parse::<usize>) {
            None => 1,
            Some(Ok(step)) if (1..=usize::from(self.most)).contains(&step) => step,
            Some(_) => {
                let remedy = format!("a step is from 1 to {}", self.most);
                return Err(self.fault(text, &remedy));
            }
        };
        Ok((first..=last).step_by(step).fold(0, |bits, value| bits | 1 << value))
    }

    fn last_of_all(&self) -> u8 {
        if self.name == WEEKDAY.name { 6 } else { self.most }
    }

    fn range(&self, text: &str, first: &str, last: &str) -> Result<(u8, u8), Fault> {
        let (from, mut to) = (self.value(first)?, self.value(last)?);
        // From Friday to Sunday is a range, and Sunday its last day.
        if self.name == WEEKDAY.name && to == 0 && from > 0 {
            to = 7;
        }
        if from > to {
            let remedy = format!(
                "a range rises: write {first}-{},{}-{last}",
                self.last_of_all(),
                self.least
            );
            return Err(self.fault(text, &remedy));
        }
        Ok((from, to))
    }

    fn value(&self, text: &str) -> Result<u8, Fault> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(place) = named {
            return Ok(self.least + place as u8);
        }
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| text.parse::<u8>().ok()).flatten();
        match number.filter(|value| (self.least..=self.most).contains(value)) {
            Some(value) => Ok(value),
            None => {
                let names = match self.names {
                    [] => String::new(),
                    [first, .., last] => format!(" or {first} to {last}"),
                    [only] => format!(" or {only}"),
                };
                let remedy = format!("write {} to {}{names}", self.least, self.most);
                Err(self.fault(text, &remedy))
            }
        }
    }

    fn fault(&self, written: &str, remedy: &str) -> Fault {
        Fault::Field { field: self.name, written: written.to_owned(), remedy: remedy.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_allows_what_it_lists() {
        for (kind, text, wanted) in [
            (&MINUTE, "5", &[5][..]),
            (&MINUTE, "*/20", &[0, 20, 40]),
            (&MINUTE, "10-14/2,59", &[10, 12, 14, 59]),
            (&HOUR, "22,23,0-2", &[0, 1, 2, 22, 23]),
            (&DAY, "1-3", &[1, 2, 3]),
            (&MONTH, "Jan,JUN-aug", &[1, 6, 7, 8]),
            (&WEEKDAY, "mon-fri", &[1, 2, 3, 4, 5]),
            (&WEEKDAY, "fri-sun", &[0, 5, 6]),
            (&WEEKDAY, "5-7", &[0, 5, 6]),
            (&WEEKDAY, "0,7", &[0]),
            (&WEEKDAY, "sun-tue", &[0, 1, 2]),
            (&WEEKDAY, "*", &[0, 1, 2, 3, 4, 5, 6]),
            (&WEEKDAY, "*/2", &[0, 2, 4, 6]),
        ] {
            let values = Values::parse(kind, text).unwrap().folded_if(kind);
            let found: Vec<u8> = (0..64).filter(|value| values.has(*value)).collect();
            assert_eq!(found, wanted, "{text}");
        }
    }

    impl Values {
        fn folded_if(self, kind: &Kind) -> Values {
            if kind.name == WEEKDAY.name { self.folded() } else { self }
        }
    }

    #[test]
    fn a_field_that_cannot_be_read_says_what_to_write() {
        for (kind, text, written, remedy) in [
            (&MINUTE, "60", "60", "write 0 to 59"),
            (&MINUTE, "", "", "write 0 to 59"),
            (&MINUTE, "+5", "+5", "write 0 to 59"),
            (&HOUR, "22-2", "22-2", "a range rises: write 22-23,0-2"),
            (&MINUTE, "5/15", "5/15", "a step needs a range: write 5-59/…, or */…"),
            (&MINUTE, "*/0", "*/0", "a step is from 1 to 59"),
            (&MINUTE, "*/x", "*/x", "a step is from 1 to 59"),
            (&DAY, "0", "0", "write 1 to 31"),
            (&DAY, "L", "L", "write 1 to 31"),
            (&MONTH, "janu", "janu", "write 1 to 12 or jan to dec"),
            (&WEEKDAY, "8", "8", "write 0 to 7 or sun to sat"),
            (&HOUR, "1,,2", "", "write 0 to 23"),
            (&HOUR, "1-2-3", "2-3", "write 0 to 23"),
        ] {
            let fault = Values::parse(kind, text).unwrap_err();
            let (written, remedy) = (written.to_owned(), remedy.to_owned());
            assert_eq!(fault, Fault::Field { field: kind.name, written, remedy });
        }
    }

    #[test]
    fn the_next_value_is_the_first_from_there_on() {
        let values = Values::parse(&MINUTE, "5,59").unwrap();
        for (from, next) in [(0, Some(5)), (5, Some(5)), (6, Some(59)), (60, None), (64, None)] {
            assert_eq!(values.from(from), next);
        }
    }
}
