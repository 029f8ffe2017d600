//! Which transcoding packages pay for which minutes, and what is left.

use proptest::prelude::*;

use super::*;
use crate::billing::charge::bought as bought_in;
use crate::billing::tests::{day, month, number};
use crate::billing::{DEFAULT, SHIPPED};
use crate::units::Zone;

fn bought(at: &str, kind: Kind, hours: u32) -> Purchase {
    Purchase {
        account: "a".to_owned(),
        at: Timestamp::parse(at, Zone::CHINA).expect("a time"),
        kind,
        hours,
        fee: None,
    }
}

fn minutes(on: &str, variant: &str, minutes: u64) -> Metered {
    Metered {
        account: "a".to_owned(),
        service: Service::Transcoding,
        variant: variant.to_owned(),
        zone: Region::Mainland,
        day: day(on),
        quantity: minutes * 60,
    }
}

fn paid_of(of: &str, purchases: &[Purchase], metered: &[Metered]) -> Paid {
    let catalogue = Catalogue::load(DEFAULT).expect("a catalogue");
    let when = BillingMonth::new(month(of), Zone::CHINA);
    paid(purchases, metered, when, |_| &catalogue).expect("exact")
}

/// Variant and minutes of each line.
fn lines(paid: &Paid) -> Vec<(&str, Decimal)> {
    let lines = paid.lines.iter();
    lines
        .map(|line| (&line.variant[..], line.quantity.normalize()))
        .collect()
}

fn left(paid: &Paid) -> Vec<i128> {
    let packages = paid.packages.iter();
    packages
        .map(|package| package.minutes_left().expect("exact"))
        .collect()
}

#[test]
fn c8_sizes_of_transcoding_packages_have_their_prices() {
    let standard = [
        (5, "4.6"),
        (100, "90"),
        (1_000, "899"),
        (10_000, "7999"),
        (50_000, "39999"),
        (100_000, "49999"),
    ];
    let top_speed = [
        (50, "149"),
        (100, "299"),
        (1_000, "1799"),
        (10_000, "14999"),
        (100_000, "99999"),
    ];
    for (name, _) in SHIPPED {
        let catalogue = Catalogue::load(name).expect("a catalogue");
        let when = BillingMonth::new(month("2026-10"), Zone::CHINA);
        let check = |kind: Kind, hours: u32, price: &str| {
            let one = [bought("2026-10-10T09:00", kind, hours)];
            let charges = bought_in(&one, when, &catalogue).expect("priced");
            assert_eq!(charges[0].unit_price, number(price), "{kind:?} {hours}");
            assert!(charges[0].source.contains("267/34174"));
        };
        for (hours, price) in standard {
            check(Kind::Standard, hours, price);
        }
        for (hours, price) in top_speed {
            check(Kind::TopSpeed, hours, price);
        }
        let other = [bought("2026-10-10T09:00", Kind::Standard, 50)];
        let error = bought_in(&other, when, &catalogue).expect_err("no such size");
        let words = "transcoding-package standard-50h";
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn c8_the_published_conversions_by_price() {
    for (kind, hours, variant, most) in [
        // 100 h × 0.016 / 0.0325 are 49.23 h, and × 0.016 / 0.0056 are 285.71 h.
        (Kind::Standard, 100, "h264-720p", 2_953),
        (Kind::Standard, 100, "audio", 17_142),
        (Kind::Standard, 100, "h264-480p", 6_000),
        // 50 h × 0.066 / 0.1256 are 26.27 h.
        (Kind::TopSpeed, 50, "top-speed-h264-720p", 1_576),
    ] {
        let one = [bought("2026-10-10T22:00", kind, hours)];
        let used = [minutes("2026-10-10", variant, 20_000)];
        let paid = paid_of("2026-10", &one, &used);
        assert_eq!(lines(&paid), [(variant, most.into())]);
    }
}

#[test]
fn c8_what_a_package_does_not_pay_is_priced() {
    let catalogue = Catalogue::load(DEFAULT).expect("a catalogue");
    let one = [bought("2026-10-10T09:00", Kind::Standard, 100)];
    let used = [minutes("2026-10-12", "h264-720p", 3_000)];
    let paid = paid_of("2026-10", &one, &used);
    let services = crate::billing::services::charges(&used, month("2026-10"), &catalogue, &paid);
    let rest = &services.expect("priced")[0];
    assert_eq!(rest.quantity, number("47"));
    assert_eq!(rest.amount.round(8), Ok(number("1.5275")));
    assert!(rest.how.contains("2953 begun minutes paid by packages"));
    assert!(paid.lines[0].amount.is_zero());
    assert_eq!(
        paid.lines[0].id(),
        "a/package-transcoding/h264-720p/2026-10-12@0"
    );
}

#[test]
fn c8_kinds_accounts_and_days_are_kept_apart() {
    let packages = [
        bought("2026-10-10T09:00", Kind::Standard, 5),
        bought("2026-10-10T09:00", Kind::TopSpeed, 50),
    ];
    let mut used = vec![
        minutes("2026-10-09", "h264-480p", 7),
        minutes("2026-10-10", "h264-480p", 7),
        minutes("2026-10-10", "top-speed-h264-480p", 11),
        minutes("2027-10-10", "h264-480p", 7),
    ];
    used.push(Metered {
        account: "b".to_owned(),
        ..minutes("2026-10-10", "h264-480p", 7)
    });
    used.push(Metered {
        service: Service::VodTranscoding,
        ..minutes("2026-10-10", "h264-480p", 7)
    });
    let paid = paid_of("2026-10", &packages, &used);
    assert_eq!(
        lines(&paid),
        [("h264-480p", 7.into()), ("top-speed-h264-480p", 11.into())]
    );
    assert_eq!(left(&paid), [293, 2_989]);
    assert!(lines(&paid_of("2027-10", &packages, &used)).is_empty());
    let before = paid_of("2026-09", &packages, &used);
    assert!(before.packages.is_empty(), "nobody has bought them yet");
}

#[test]
fn c8_packages_pass_from_month_to_month_and_the_earliest_expiry_pays_first() {
    let packages = [
        bought("2026-10-20T09:00", Kind::Standard, 100),
        bought("2026-10-10T09:00", Kind::Standard, 5),
    ];
    let used = [
        minutes("2026-10-25", "h264-480p", 200),
        minutes("2026-11-02", "h264-480p", 200),
    ];
    let october = paid_of("2026-10", &packages, &used);
    assert_eq!(left(&october), [100, 6_000]);
    let november = paid_of("2026-11", &packages, &used);
    assert_eq!(left(&november), [0, 5_900]);
    assert_eq!(lines(&november), [("h264-480p", 200.into())]);
    let how = &november.lines[0].how;
    assert!(how.contains("100 by the 5 h bought on 2026-10-10"), "{how}");
}

proptest! {
    #[test]
    fn c8_nothing_of_a_package_is_lost(
        sizes in prop::collection::vec((1_u8..28, any::<bool>(), 1_u32..9), 0..4),
        uses in prop::collection::vec((1_u8..28, any::<bool>(), 0_usize..4, 0_u64..400), 0..30),
    ) {
        const VARIANTS: [&str; 4] =
            ["audio", "h265-1080p", "top-speed-h264-480p", "top-speed-h264-720p"];
        let kind = |is_standard| if is_standard { Kind::Standard } else { Kind::TopSpeed };
        let purchases: Vec<Purchase> = sizes
            .iter()
            .map(|(on, is_standard, hours)| {
                bought(&format!("2026-10-{on:02}T10:00"), kind(*is_standard), *hours)
            })
            .collect();
        let metered: Vec<Metered> = uses
            .iter()
            .map(|(on, is_october, variant, count)| {
                let of = if *is_october { "10" } else { "11" };
                minutes(&format!("2026-{of}-{on:02}"), VARIANTS[*variant], *count)
            })
            .collect();
        let months = ["2026-10", "2026-11"].map(|of| paid_of(of, &purchases, &metered));
        let catalogue = Catalogue::load(DEFAULT).expect("a catalogue");
        let worth = |line: &Charge| {
            let price = price_of(&catalogue, &line.variant, Region::Mainland, line.days.start);
            line.quantity * price.expect("a price").tiers[0].price
        };
        let taken: Decimal = months.iter().flat_map(|paid| &paid.lines).map(worth).sum();
        let left: Decimal = months[1].packages.iter().map(|package| package.worth).sum();
        let all: Decimal = months[1]
            .packages
            .iter()
            .map(|package| Decimal::from(package.hours * MINUTES_PER_HOUR) * package.price)
            .sum();
        prop_assert_eq!(taken + left, all);
        prop_assert!(months[1].packages.iter().all(|of| !of.worth.is_sign_negative()));
        let used: Decimal = metered.iter().map(|of| Decimal::from(of.quantity / 60)).sum();
        let paid: Decimal = months.iter().flat_map(|of| &of.lines).map(|l| l.quantity).sum();
        prop_assert!(paid <= used);
    }
}
