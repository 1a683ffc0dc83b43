//! Header lines as plain text, read anew on each question: lists, directives, numbers, dates.

/// Header lines in order; names in lower case.
pub type Lines = Vec<(String, String)>;

/// The greatest number of seconds (RFC 9111 §1.2.2).
pub const FOREVER: u64 = 1 << 31;

/// A directive and its argument, out of its quotes.
pub type Directive = (String, Option<String>);

/// All values of that name.
pub fn all<'l>(lines: &'l Lines, name: &str) -> Vec<&'l str> {
    lines.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
}

/// The first value of that name.
pub fn first<'l>(lines: &'l Lines, name: &str) -> Option<&'l str> {
    all(lines, name).first().copied()
}

/// Whether there is a line of that name.
pub fn has(lines: &Lines, name: &str) -> bool {
    first(lines, name).is_some()
}

/// Lines by name; those of one name stay in order.
pub fn sorted<'l>(lines: impl Iterator<Item = &'l (String, String)>) -> Lines {
    let mut sorted: Lines = lines.cloned().collect();
    sorted.sort_by(|one, other| one.0.cmp(&other.0));
    sorted
}

/// The members of a list over all its lines (RFC 9110 §5.6.1): parted by commas outside of
/// quoted strings, none empty.
pub fn members(lines: &Lines, name: &str) -> Vec<String> {
    all(lines, name).into_iter().flat_map(split).collect()
}

/// The members of one line.
pub fn split(value: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in value.chars() {
        if c == ',' && !quoted {
            members.push(String::new());
            continue;
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
        if let Some(last) = members.last_mut() {
            last.push(c);
        }
    }
    let trimmed = members.iter().map(|member| member.trim().to_owned());
    trimmed.filter(|member| !member.is_empty()).collect()
}

/// The directives of a field such as `Cache-Control` (RFC 9111 §5.2).
pub fn directives(lines: &Lines, name: &str) -> Vec<Directive> {
    let parted = |member: String| match member.find('=') {
        None => (member.to_lowercase(), None),
        Some(at) => (member[..at].to_lowercase(), Some(unquoted(&member[at + 1..]))),
    };
    members(lines, name).into_iter().map(parted).collect()
}

fn unquoted(argument: &str) -> String {
    if argument.len() < 2 || !argument.starts_with('"') || !argument.ends_with('"') {
        return argument.to_owned();
    }
    let mut text = String::new();
    let mut chars = argument[1..argument.len() - 1].chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

/// Delta-seconds (RFC 9111 §1.2.2): digits only; what is too great is [`FOREVER`].
pub fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let significant = text.trim_start_matches('0');
    let value = if significant.len() > 10 { FOREVER } else { significant.parse().unwrap_or(0) };
    digits.then(|| value.min(FOREVER))
}

/// The cookies' names in a request (RFC 6265 §5.4).
pub fn cookie_names(lines: &Lines) -> Vec<String> {
    let pairs = all(lines, "cookie").into_iter().flat_map(|value| value.split(';'));
    let names = pairs.map(|pair| pair.split('=').next().unwrap_or_default().trim().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Seconds since 1970 of a date in the preferred format or that of asctime (RFC 9110 §5.6.7).
pub fn date(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| *name == month)?;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let clock: Vec<u64> = time.split(':').filter_map(|part| part.parse().ok()).collect();
    let [hour, minute, second] = clock[..] else { return None };
    let years: u64 = (1970..year).map(days_of_year).sum();
    let months: u64 = (0..month).map(|month| days_of_month(year, month)).sum();
    Some((((years + months + day - 1) * 24 + hour) * 60 + minute) * 60 + second)
}

/// A point in time as the preferred format has it.
pub fn http_date(seconds: u64) -> String {
    let mut days = seconds / 86_400;
    let weekday = DAYS[(days % 7) as usize];
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 0;
    while days >= days_of_month(year, month) {
        days -= days_of_month(year, month);
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let (day, name) = (days + 1, MONTHS[month]);
    format!("{weekday}, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

fn is_leap(year: u64) -> bool {
    (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u64, month: usize) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}
