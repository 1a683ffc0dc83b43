//! What `/metrics` says, for people who count.

/// The text of one scrape.
pub struct Metrics(pub String);

impl Metrics {
    /// The sum of all samples of that name whose line has all of `labels`, such as
    /// `verdict="hit"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> u64 {
        let is_it = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        };
        let value = |line: &str| line.rsplit(' ').next().and_then(|v| v.parse::<f64>().ok());
        self.0.lines().filter(is_it).filter_map(value).sum::<f64>() as u64
    }
}
