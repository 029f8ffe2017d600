//! Arrears: what works, what does not, and what is destroyed when, after a balance went below zero.
//!
//! ```text
//!              balance < 0            24 h passed               recharge
//!    in credit ───────────► in grace ─────────────► suspended ──────────► in credit
//!        ▲                     │ recharge
//!        └─────────────────────┘
//! ```
//! Pure: balances and an instant in, a standing out. Source: the seed's section on arrears; the
//! object store's for its pictures (BILLING §1.5).

use rust_decimal::Decimal;

use crate::units::{DAY_SECS, Timestamp};

/// How long service goes on (R50).
const GRACE_SECS: i64 = 24 * 3_600;
/// When pictures are destroyed, from the beginning of the arrears (R52).
const PICTURES_KEPT_SECS: i64 = 120 * DAY_SECS;

/// The balance from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// From when.
    pub at: Timestamp,
    /// How much; below zero is arrears.
    pub amount: Decimal,
}

/// Choices where sources are silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrearsRules {
    /// Whether a recharge exactly 24 hours later is in time (SILENT in R50).
    pub is_grace_inclusive: bool,
}

impl Default for ArrearsRules {
    fn default() -> Self {
        ArrearsRules {
            is_grace_inclusive: true,
        }
    }
}

/// Whether service goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The balance is not below zero.
    InCredit,
    /// It is, and service goes on until then.
    InGrace {
        /// The last instant, or the first without; see [`ArrearsRules`].
        until: Timestamp,
    },
    /// Service stopped. Streams that run are not cut at once, and are charged (R53).
    Suspended {
        /// When.
        since: Timestamp,
    },
}

/// What became of pictures in the object store (R52).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pictures {
    /// They can be read and written.
    Usable,
    /// They cannot, and their storage is charged.
    Locked,
    /// They are gone, whatever is paid.
    Destroyed,
}

/// How an account stands at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether service goes on.
    pub service: Service,
    /// Since when it is in arrears.
    pub arrears_since: Option<Timestamp>,
    /// Whether recordings can be reached: in arrears they cannot, without a grace (R51).
    pub can_reach_recordings: bool,
    /// What became of pictures that were there when the last arrears began.
    pub pictures: Pictures,
    /// When pictures will be destroyed if nothing is paid, or were.
    pub destruction: Option<Timestamp>,
}

/// How an account stands at `at`, by `balances` in any order; before the first it is in credit. Of
/// balances of the same instant the last in the list counts.
pub fn standing(balances: &[Balance], at: Timestamp, rules: ArrearsRules) -> Standing {
    let mut known: Vec<&Balance> = balances.iter().filter(|balance| balance.at <= at).collect();
    known.sort_by_key(|balance| balance.at);
    let mut since: Option<Timestamp> = None;
    let mut destroyed: Option<Timestamp> = None;
    for balance in known {
        let is_below = balance.amount.is_sign_negative() && !balance.amount.is_zero();
        since = match (is_below, since) {
            (true, since) => {
                // What was destroyed in arrears before says nothing of what came after.
                destroyed = destroyed.filter(|_| since.is_some());
                Some(since.unwrap_or(balance.at))
            }
            (false, Some(since)) => {
                destroyed = after(since, PICTURES_KEPT_SECS).filter(|end| *end <= balance.at);
                None
            }
            (false, None) => None,
        };
    }
    match since {
        None => Standing {
            service: Service::InCredit,
            arrears_since: None,
            can_reach_recordings: true,
            pictures: destroyed.map_or(Pictures::Usable, |_| Pictures::Destroyed),
            destruction: destroyed,
        },
        Some(since) => in_arrears(since, at, rules),
    }
}

fn in_arrears(since: Timestamp, at: Timestamp, rules: ArrearsRules) -> Standing {
    let grace_end = after(since, GRACE_SECS).unwrap_or(Timestamp::END);
    let destruction = after(since, PICTURES_KEPT_SECS);
    let is_in_grace = match rules.is_grace_inclusive {
        true => at <= grace_end,
        false => at < grace_end,
    };
    Standing {
        service: match is_in_grace {
            true => Service::InGrace { until: grace_end },
            false => Service::Suspended { since: grace_end },
        },
        arrears_since: Some(since),
        can_reach_recordings: false,
        pictures: match destruction {
            Some(end) if end <= at => Pictures::Destroyed,
            _ if is_in_grace => Pictures::Usable,
            _ => Pictures::Locked,
        },
        destruction,
    }
}

fn after(time: Timestamp, secs: i64) -> Option<Timestamp> {
    Timestamp::from_unix_secs(time.as_unix_secs() + secs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::Zone;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text, Zone::CHINA).expect("a time")
    }

    fn balance(at: &str, amount: i64) -> Balance {
        Balance {
            at: time(at),
            amount: Decimal::from(amount),
        }
    }

    fn stands(balances: &[Balance], at: &str) -> Standing {
        standing(balances, time(at), ArrearsRules::default())
    }

    #[test]
    fn r50_service_goes_on_for_24_hours() {
        let owes = [balance("2020-05-01T00:00", -1)];
        let end = time("2020-05-02T00:00");
        assert_eq!(
            stands(&owes, "2020-04-30T23:59:59").service,
            Service::InCredit
        );
        assert_eq!(
            stands(&owes, "2020-05-02T00:00:00").service,
            Service::InGrace { until: end }
        );
        assert_eq!(
            stands(&owes, "2020-05-02T00:00:01").service,
            Service::Suspended { since: end }
        );
        let strict = ArrearsRules {
            is_grace_inclusive: false,
        };
        assert_eq!(
            standing(&owes, end, strict).service,
            Service::Suspended { since: end }
        );
    }

    #[test]
    fn r54_no_arrears_however_long_end_what_takes_a_ticket() {
        let owes = [balance("2020-05-01T00:00", -1)];
        let decades = stands(&owes, "2050-01-01T00:00");
        let since = time("2020-05-02T00:00");
        assert_eq!(decades.service, Service::Suspended { since });
        let paid = [owes[0], balance("2050-01-01T00:00", 0)];
        assert_eq!(stands(&paid, "2050-01-01T00:00").service, Service::InCredit);
    }

    #[test]
    fn r50_a_recharge_in_time_interrupts_nothing_and_a_late_one_ends_the_suspension() {
        let in_time = [
            balance("2020-05-01T00:00", -1),
            balance("2020-05-01T20:00", 5),
        ];
        assert_eq!(
            stands(&in_time, "2020-05-03T00:00").service,
            Service::InCredit
        );
        let late = [
            balance("2020-05-01T00:00", -1),
            balance("2020-05-04T00:00", 0),
        ];
        assert!(matches!(
            stands(&late, "2020-05-03T23:59").service,
            Service::Suspended { .. }
        ));
        assert_eq!(stands(&late, "2020-05-04T00:00").service, Service::InCredit);
        let not_enough = [
            balance("2020-05-01T00:00", -10),
            balance("2020-05-01T20:00", -5),
        ];
        let since = Some(time("2020-05-01T00:00"));
        assert_eq!(stands(&not_enough, "2020-05-03T00:00").arrears_since, since);
    }

    #[test]
    fn r51_recordings_are_out_of_reach_at_once() {
        let owes = [
            balance("2020-05-01T00:00", -1),
            balance("2020-05-01T01:00", 1),
        ];
        assert!(!stands(&owes, "2020-05-01T00:00").can_reach_recordings);
        assert!(stands(&owes, "2020-05-01T01:00").can_reach_recordings);
    }

    #[test]
    fn r52_pictures_are_locked_after_a_day_and_destroyed_after_120() {
        let owes = [balance("2020-05-01T00:00", -1)];
        let pictures = |at| stands(&owes, at).pictures;
        assert_eq!(pictures("2020-05-02T00:00:00"), Pictures::Usable);
        assert_eq!(pictures("2020-05-02T00:00:01"), Pictures::Locked);
        assert_eq!(pictures("2020-08-28T23:59:59"), Pictures::Locked);
        assert_eq!(pictures("2020-08-29T00:00:00"), Pictures::Destroyed);
        assert_eq!(
            stands(&owes, "2020-05-03T00:00").destruction,
            Some(time("2020-08-29T00:00"))
        );
    }

    #[test]
    fn r52_what_was_destroyed_does_not_come_back_with_a_recharge() {
        let paid = [
            balance("2020-05-01T00:00", -1),
            balance("2020-09-01T00:00", 9),
        ];
        assert_eq!(
            stands(&paid, "2020-09-02T00:00").pictures,
            Pictures::Destroyed
        );
        let again = [paid[0], paid[1], balance("2020-10-01T00:00", -1)];
        assert_eq!(
            stands(&again, "2020-10-01T12:00").pictures,
            Pictures::Usable
        );
    }

    #[test]
    fn r53_a_suspension_begins_once_and_lasts() {
        let owes = [
            balance("2020-05-01T00:00", -1),
            balance("2020-05-10T00:00", -50),
        ];
        let since = time("2020-05-02T00:00");
        assert_eq!(
            stands(&owes, "2020-06-01T00:00").service,
            Service::Suspended { since }
        );
    }

    proptest! {
        #[test]
        fn only_a_recharge_ends_arrears(
            mut events in prop::collection::vec((0_i64..400, -5_i64..5), 1..12),
            hours in 0_i64..800,
        ) {
            events.sort_by_key(|(hour, _)| *hour);
            events.dedup_by_key(|(hour, _)| *hour);
            let start = time("2020-05-01T00:00").as_unix_secs();
            let at = |hour: i64| Timestamp::from_unix_secs(start + hour * 3_600).expect("in range");
            let mut balances: Vec<Balance> = events
                .iter()
                .map(|(hour, amount)| Balance { at: at(*hour), amount: Decimal::from(*amount) })
                .collect();
            let found = standing(&balances, at(hours), ArrearsRules::default());
            let last = events.iter().rfind(|(hour, _)| *hour <= hours);
            let is_below = last.is_some_and(|(_, amount)| *amount < 0);
            prop_assert_eq!(found.arrears_since.is_some(), is_below);
            prop_assert_eq!(found.can_reach_recordings, !is_below);
            prop_assert_eq!(found.service == Service::InCredit, !is_below);
            balances.reverse();
            prop_assert_eq!(standing(&balances, at(hours), ArrearsRules::default()), found);
        }
    }
}
