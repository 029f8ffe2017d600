//! The names nearest to one that is not there: a figure of nothing must not look like an answer.

use strsim::osa_distance;

use crate::units::Month;

/// Names that are told.
const NAMES_MAX: usize = 3;

/// The nearest of the names that were looked at: those that the fewest changes of letters lead to, of at most half
/// as many as the wanted one has letters.
#[derive(Debug)]
pub struct Nearest {
    wanted: String,
    /// The best first, with their changes.
    names: Vec<(usize, String)>,
}

impl Nearest {
    /// To this name, before any was looked at.
    pub fn to(wanted: &str) -> Self {
        Nearest {
            wanted: wanted.to_owned(),
            names: Vec::new(),
        }
    }

    /// To a name that is none of `names`.
    pub fn among<'a>(wanted: &str, names: impl Iterator<Item = &'a String>) -> Self {
        let mut nearest = Nearest::to(wanted);
        names.for_each(|name| nearest.look_at(name));
        nearest
    }

    /// The name that is not there.
    pub fn wanted(&self) -> &str {
        &self.wanted
    }

    /// Looks at a name, which may come several times.
    pub fn look_at(&mut self, name: &str) {
        // Letters, as changes are of letters. No fewer changes than this are needed, and counting them takes the
        // product of both lengths.
        let [wanted, letters] = [&self.wanted[..], name].map(|name| name.chars().count());
        let least = wanted.abs_diff(letters);
        let most = wanted / 2;
        let most = self
            .names
            .get(NAMES_MAX - 1)
            .map_or(most, |(of, _)| of.saturating_sub(1));
        if most < least || self.names.iter().any(|(_, known)| known == name) {
            return;
        }
        let of = osa_distance(&self.wanted, name);
        if most < of {
            return;
        }
        let at = self.names.partition_point(|(better, _)| *better <= of);
        self.names.insert(at, (of, name.to_owned()));
        self.names.truncate(NAMES_MAX);
    }

    /// What to add to a message.
    pub fn text(&self) -> String {
        let names = self.names.iter().map(|(_, name)| format!("`{name}`"));
        let names: Vec<String> = names.collect();
        match &names[..] {
            [] => String::new(),
            [only] => format!("; the nearest is {only}"),
            names => format!("; the nearest are {}", names.join(", ")),
        }
    }
}

/// The last of `months` before one that has nothing, and the first after it, to add to a message.
pub fn nearest_months(month: Month, months: &[Month]) -> String {
    let before = months.iter().filter(|of| **of < month).max();
    let after = months.iter().filter(|of| month < **of).min();
    match (before, after) {
        (None, None) => String::new(),
        (Some(only), None) | (None, Some(only)) => format!("; the nearest month is {only}"),
        (Some(before), Some(after)) => format!("; the nearest months are {before} and {after}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b5_the_nearest_names_come_first_and_each_once() {
        let mut nearest = Nearest::to("acct-livee");
        for name in [
            "acct-live",
            "x",
            "acct-lice",
            "acct-live",
            "shop",
            "acct-1",
            "acct",
        ] {
            nearest.look_at(name);
        }
        let text = "; the nearest are `acct-live`, `acct-lice`, `acct-1`";
        assert_eq!(nearest.text(), text);
        assert_eq!(Nearest::to("a").text(), "");
    }

    #[test]
    fn b5_letters_are_counted_and_not_their_bytes() {
        let mut nearest = Nearest::to("直播");
        for name in ["直播间", "音乐", "live"] {
            nearest.look_at(name);
        }
        assert_eq!(nearest.text(), "; the nearest is `直播间`");
        // More than half of three letters are others, though less than half of its bytes.
        let mut nearest = Nearest::to("aé直");
        nearest.look_at("bè直");
        assert_eq!(nearest.text(), "");
    }

    #[test]
    fn b2_the_nearest_months_are_before_and_after() {
        let month = |text: &str| text.parse::<Month>().expect("a month");
        let months = ["2026-08", "2026-10", "2026-11"].map(month);
        let near = |text: &str| nearest_months(month(text), &months);
        assert_eq!(
            near("2026-09"),
            "; the nearest months are 2026-08 and 2026-10"
        );
        assert_eq!(near("2027-01"), "; the nearest month is 2026-11");
        assert_eq!(nearest_months(months[0], &[]), "");
    }
}
