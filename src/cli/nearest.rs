//! The names nearest to one that is not there: a figure of nothing must not look like an answer.

use strsim::osa_distance;

/// Names that are told.
const NAMES_MAX: usize = 3;

/// The nearest of the names that were looked at: those that the fewest changes of letters lead to, of at most half
/// as many as the wanted one has letters.
pub(super) struct Nearest {
    wanted: String,
    /// The best first, with their changes.
    names: Vec<(usize, String)>,
}

impl Nearest {
    pub(super) fn to(wanted: &str) -> Self {
        Nearest {
            wanted: wanted.to_owned(),
            names: Vec::new(),
        }
    }

    pub(super) fn wanted(&self) -> &str {
        &self.wanted
    }

    /// Looks at a name, which may come several times.
    pub(super) fn look_at(&mut self, name: &str) {
        // No fewer changes than this are needed, and counting them takes the product of both lengths.
        let least = self.wanted.len().abs_diff(name.len());
        let most = self.wanted.len() / 2;
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
    pub(super) fn text(&self) -> String {
        let names = self.names.iter().map(|(_, name)| format!("`{name}`"));
        let names: Vec<String> = names.collect();
        match &names[..] {
            [] => String::new(),
            [only] => format!("; the nearest is {only}"),
            names => format!("; the nearest are {}", names.join(", ")),
        }
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
}
