//! What a bill is worked out with besides usage.

use super::catalogue::{Catalogue, Item};
use super::packages::Shortfall;
use crate::summary::DropRule;
use crate::units::Factor;

/// What a bill is worked out with.
#[derive(Clone, Copy, Debug)]
pub struct BillTerms<'a> {
    /// Prices and rules.
    pub catalogue: &'a Catalogue,
    /// How standard traffic is settled.
    pub mode: StandardMode,
    /// Log-to-bill factor (R60).
    pub overhead: Factor,
    /// Requests that each log line stands for.
    pub sampling: Factor,
    /// What is billed of a day that packages pay in part.
    pub shortfall: Shortfall,
}

/// How standard traffic is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StandardMode {
    /// Every day by its bytes.
    #[default]
    Flow,
    /// Every day by its busiest slot.
    DailyPeak,
    /// Every month by the mean of its days' busiest slots, by contract.
    MonthlyAverage,
    /// Every month by its 95th percentile, by contract.
    Monthly95(DropRule),
}

impl StandardMode {
    /// All modes.
    pub const ALL: [StandardMode; 6] = [
        StandardMode::Flow,
        StandardMode::DailyPeak,
        StandardMode::MonthlyAverage,
        StandardMode::Monthly95(DropRule::Floor),
        StandardMode::Monthly95(DropRule::Ceil),
        StandardMode::Monthly95(DropRule::Nearest),
    ];

    /// The mode of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        let mut all = StandardMode::ALL.into_iter();
        all.find(|mode| mode.name() == name)
    }

    /// What standard traffic is on bills.
    pub const fn item(self) -> Item {
        match self {
            StandardMode::Flow => Item::StandardTraffic,
            StandardMode::DailyPeak => Item::StandardPeak,
            StandardMode::MonthlyAverage => Item::StandardMonthlyAverage,
            StandardMode::Monthly95(_) => Item::StandardMonthly95,
        }
    }

    /// The name in arguments and on bills.
    pub const fn name(self) -> &'static str {
        match self {
            StandardMode::Flow => "flow",
            StandardMode::DailyPeak => "daily-peak",
            StandardMode::MonthlyAverage => "monthly-average",
            StandardMode::Monthly95(DropRule::Floor) => "monthly-95",
            StandardMode::Monthly95(DropRule::Ceil) => "monthly-95-ceil",
            StandardMode::Monthly95(DropRule::Nearest) => "monthly-95-nearest",
        }
    }
}
