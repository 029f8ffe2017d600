//! What holds on days besides prices: the rules of a catalogue.

use super::Days;
use crate::units::Region;

/// Whether mini-program traffic has a price of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MiniProgram {
    /// It does (R11).
    OwnPrice,
    /// It is priced with standard traffic (Tencent from 2020-10-12).
    AsStandard,
}

/// Whether upstream to push domains is ever charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Push {
    /// Never.
    #[default]
    Free,
    /// At the prices of standard traffic, on days of much upstream and little playback.
    AsStandard,
}

/// Which tier prices what packages do not pay for of a day that they pay in part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BeyondPackages {
    /// The one that it reaches alone (267/34174, the example of the text in force from 2022-01-04).
    #[default]
    OwnTier,
    /// The one that all of the day reaches, what packages pay included (267/34174, texts of 2020 and 2021).
    DayTier,
}

/// Rules of a range of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// When they hold.
    pub days: Days,
    /// How mini-program traffic is priced.
    pub mini_program: MiniProgram,
    /// How upstream is priced.
    pub push: Push,
    /// How what is beyond packages is priced.
    pub beyond_packages: BeyondPackages,
    /// The zone that pays for clients of whom the log tells nothing.
    pub unknown_region: Region,
    /// The zone that pays for clients abroad of whom the log tells no more.
    pub overseas_region: Region,
}

impl Rules {
    /// The zone that pays for a region.
    pub fn zone(&self, region: Region) -> Region {
        match region {
            Region::Unknown => self.unknown_region,
            Region::Overseas => self.overseas_region,
            region => region,
        }
    }
}
