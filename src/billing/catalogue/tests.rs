//! Catalogues that ship, and catalogues that are refused.

use super::*;
use crate::billing::tests::day;

const HEAD: &str = r#"
name = "own"
currency = "CNY"
[sources]
s = "somewhere"
[[rules]]
mini-program = "own-price"
unknown-region = "mainland"
overseas-region = "AP1"
"#;

fn entry(dates: &str, price: &str) -> String {
    format!(
        "[[price]]\nitem = \"standard-traffic\"\nzones = [\"mainland\"]\n{dates}\nmodel = \"flat\"\n\
         tiers = [{{ from = \"0\", price = \"{price}\" }}]\nrules = []\nsource = \"s\"\n"
    )
}

fn refusal(prices: &str) -> String {
    match Catalogue::parse(&format!("{HEAD}{prices}"), "own.toml") {
        Ok(_) => panic!("it was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn shipped_catalogues_are_sound_and_called_by_their_names() {
    for (name, _) in SHIPPED {
        let catalogue = Catalogue::load(name).expect("sound");
        assert_eq!(
            (&catalogue.name[..], &catalogue.currency[..]),
            (name, "CNY")
        );
        assert_eq!(catalogue.digest().len(), 64);
    }
}

#[test]
fn the_default_prices_every_zone_without_an_end() {
    let catalogue = Catalogue::load(DEFAULT).expect("sound");
    for day in [day("2000-01-01"), day("2026-10-15"), day("2099-12-31")] {
        let rules = catalogue.rules(day).expect("rules");
        assert_eq!(rules.mini_program, MiniProgram::OwnPrice);
        for zone in Region::ALL.map(|region| rules.zone(region)) {
            for item in [
                Item::MiniProgramTraffic,
                Item::StandardTraffic,
                Item::StandardPeak,
            ] {
                assert!(
                    catalogue.price(item, zone, day).is_ok(),
                    "{item:?} {zone:?}"
                );
            }
        }
    }
}

#[test]
fn r01_a_licence_costs_30000_and_three_cost_three_times_that() {
    let catalogue = Catalogue::load(DEFAULT).expect("sound");
    let price = catalogue.price(Item::PluginLicence, Region::Mainland, day("2026-10-15"));
    let price = price.expect("a price").tiers[0].price;
    assert_eq!(price, Decimal::from(30_000));
    assert_eq!(price * Decimal::from(3), Decimal::from(90_000));
}

#[test]
fn history_ends_the_own_price_with_2020_10_11() {
    let history = Catalogue::load("tencent-history").expect("sound");
    let price = |text| history.price(Item::MiniProgramTraffic, Region::Mainland, day(text));
    let four = price("2020-10-11").expect("a price");
    assert_eq!(four.tiers[0].price, Decimal::from(4));
    assert!(price("2020-10-12").is_err());
    let rules = |text| history.rules(day(text)).expect("rules").mini_program;
    assert_eq!(rules("2020-10-11"), MiniProgram::OwnPrice);
    assert_eq!(rules("2020-10-12"), MiniProgram::AsStandard);
    let standard = |text| {
        let price = history.price(Item::StandardTraffic, Region::Mainland, day(text));
        price.expect("a price").tiers[1].from
    };
    assert_eq!(standard("2022-01-03"), Decimal::from(500));
    assert_eq!(standard("2022-01-04"), Decimal::from(2_000));
}

#[test]
fn prices_follow_on_without_gap_or_overlap() {
    let two = |first: &str, second: &str| entry(first, "1") + &entry(second, "2");
    let good = two("until = 2026-01-01", "from = 2026-01-01");
    assert!(Catalogue::parse(&format!("{HEAD}{good}"), "own.toml").is_ok());
    let overlap = refusal(&two("until = 2026-01-02", "from = 2026-01-01"));
    assert!(
        overlap.contains("own.toml:18") && overlap.contains("2026-01-01"),
        "{overlap}"
    );
    let gap = refusal(&two("until = 2025-12-31", "from = 2026-01-01"));
    assert!(gap.contains("from 2025-12-31 to 2026-01-01"), "{gap}");
}

#[test]
fn what_cannot_be_billed_exactly_is_refused_where_it_stands() {
    for (price, problem) in [
        ("-1", "no number"),
        ("1e3", "no number"),
        ("0.123456789", "at most 8 decimals"),
        ("x", "no number"),
    ] {
        let message = refusal(&entry("", price));
        assert!(
            message.contains(problem) && message.contains("own.toml:10"),
            "{message}"
        );
    }
    let message = refusal(&entry("until = 2000-01-01\nfrom = 2000-01-01", "1"));
    assert!(message.contains("a day after"), "{message}");
    let message = refusal(&entry("", "1").replace("\"mainland\"", "\"moon\""));
    assert!(message.contains("`moon` is no zone"), "{message}");
    let message = refusal(&entry("", "1").replace("source = \"s\"", "source = \"t\""));
    assert!(message.contains("[sources] has no `t`"), "{message}");
    let message = refusal(&entry("", "1").replace("from = \"0\"", "from = \"1\""));
    assert!(message.contains("from 0 on"), "{message}");
    let message = refusal(&entry("", "1").replace("\"flat\"", "\"reached\""));
    assert!(message.contains("flat"), "{message}");
    let message = refusal(&entry("colour = 1", "1"));
    assert!(message.contains("colour"), "{message}");
}

#[test]
fn variants_have_flat_prices_each_with_its_own_days() {
    let variants = |dates: &str, names: &[&str]| {
        let rows = names
            .iter()
            .map(|name| format!("{{ name = \"{name}\", price = \"3\" }}"));
        let rows = rows.collect::<Vec<_>>().join(", ");
        format!(
            "[[price]]\nitem = \"transcoding\"\n{dates}\nmodel = \"flat\"\nvariants = [{rows}]\n\
             per = 60\nrules = []\nsource = \"s\"\n"
        )
    };
    let good = variants("until = 2026-01-01", &["a", "b"]) + &variants("from = 2026-01-01", &["a"]);
    let catalogue = Catalogue::parse(&format!("{HEAD}{good}"), "own.toml").expect("sound");
    let found = |name: &str, on: &str| {
        let price = catalogue.price_of(Item::Transcoding, name, Region::Mainland, day(on));
        price.map(|price| price.units(Decimal::from(61)))
    };
    assert_eq!(found("a", "2026-01-01").expect("a price"), Ok(Decimal::TWO));
    assert!(found("b", "2025-12-31").is_ok());
    for (name, on) in [("b", "2026-01-01"), ("c", "2025-12-31"), ("", "2025-12-31")] {
        assert!(found(name, on).is_err(), "{name} {on}");
    }
    let message = refusal(&(variants("", &["a"]) + &variants("", &["b", "a"])));
    assert!(
        message.contains("the price of transcoding a in zone"),
        "{message}"
    );
    let message = refusal(&variants("", &["a", "a"]));
    assert!(message.contains("already in force"), "{message}");
    let message = refusal(&variants("", &["a", ""]));
    assert!(message.contains("a variant has a name"), "{message}");
    let tiers = "tiers = [{ from = \"0\", price = \"1\" }]";
    let message = refusal(&variants(tiers, &["a"]));
    assert!(message.contains("flat prices, and no tiers"), "{message}");
}

#[test]
fn counting_is_for_services_and_not_by_nothing() {
    for counted in ["free = 1", "per = 1000", "by-days = true"] {
        let message = refusal(&entry(counted, "1"));
        assert!(message.contains("for services"), "{message}");
    }
    for counted in ["per = 0", "per = -1", "free = -1", "per = 0.5"] {
        let entry = entry(counted, "1").replace("standard-traffic", "screenshot");
        let message = refusal(&entry);
        assert!(message.contains("own.toml"), "{message}");
    }
}

#[test]
fn package_ratios_are_of_standard_traffic_and_follow_on() {
    let ratio = |item: &str, dates: &str, ratio: &str| {
        format!(
            "[[package-ratio]]\nitem = \"{item}\"\n{dates}\nratio = \"{ratio}\"\nsource = \"s\"\n"
        )
    };
    let prices = entry("", "1");
    let refused = |ratios: String| refusal(&format!("{prices}{ratios}"));
    let message = refused(ratio("mini-program-traffic", "", "1"));
    assert!(message.contains("R18"), "{message}");
    let message = refused(ratio("standard-traffic", "", "0"));
    assert!(message.contains("more than 0"), "{message}");
    let message = refused(ratio("standard-traffic", "", "1").repeat(2));
    assert!(
        message.contains("the package ratio of standard-traffic"),
        "{message}"
    );
    let two = ratio("push-traffic", "until = 2026-01-01", "1")
        + &ratio("push-traffic", "from = 2026-01-01", "1.8");
    let catalogue = Catalogue::parse(&format!("{HEAD}{prices}{two}"), "own.toml").expect("sound");
    let ratio = catalogue.package_ratio(Item::PushTraffic, Region::Sa, day("2026-01-01"));
    assert_eq!(ratio.map(|ratio| ratio.ratio), Some(Decimal::new(18, 1)));
    let none = catalogue.package_ratio(Item::StandardTraffic, Region::Sa, day("2026-01-01"));
    assert_eq!(none, None);
}

#[test]
fn items_are_found_by_their_names() {
    for item in Item::ALL {
        assert_eq!(Item::by_name(item.name()), Some(item));
    }
}

#[test]
fn c1_only_currencies_that_there_are_pass() {
    let of = |code: &str| {
        let text = format!("{HEAD}{}", entry("", "1")).replace("CNY", code);
        Catalogue::parse(&text, "own.toml").map_err(|error| error.to_string())
    };
    for code in ["CNY", "USD", "EUR", "HKD", "XOF"] {
        assert!(of(code).is_ok(), "{code}");
    }
    for code in ["RMB", "XXX", "XTS", "XAU", "XDR", "ABC", "cny", "CN", ""] {
        let refusal = of(code).expect_err(code);
        assert!(refusal.starts_with("own.toml: "), "{refusal}");
        assert!(refusal.contains("CNY"), "{refusal}");
    }
}

#[test]
fn c1_what_passed_when_a_month_was_closed_is_read_again() {
    let text = format!("{HEAD}{}", entry("", "1")).replace("CNY", "RMB");
    assert!(Catalogue::parse_frozen(&text, "catalogue of 2026-10").is_ok());
}
