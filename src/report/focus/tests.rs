//! What lines of bills are in FOCUS, kind by kind.

mod parts;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::row::{FocusRow, FocusValue, Maker};
use super::*;
use crate::billing::packages::{Packages, Shortfall};
use crate::billing::{Besides, Catalogue, Charge, DEFAULT, Item, StandardMode, Status, bill};
use crate::units::{BillingMonth, Factor, Month, Region, Zone};

fn number(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect("a number")
}

fn october() -> Month {
    Month::new(2026, 10).expect("a month")
}

/// A line of the third day of October that is its price times its quantity.
fn line(item: Item, quantity: &str, unit_price: &str) -> Charge {
    let (quantity, unit_price) = (number(quantity), number(unit_price));
    let day = october().first_day() + 2;
    Charge {
        item,
        account: "acct".to_owned(),
        domain: String::new(),
        variant: String::new(),
        app_id: String::new(),
        zone: None,
        days: day..day + 1,
        term: None,
        bytes: 7,
        quantity,
        package_quantity: None,
        unit_price,
        amount: Amount::new(quantity * unit_price),
        detail: Decimal::ZERO,
        payable: Decimal::ZERO,
        status: Status::Charged,
        corrects: None,
        priced_by: None,
        rules: vec!["R11".to_owned(), "R33".to_owned()],
        price: "a-catalogue:1".to_owned(),
        source: "a price list".to_owned(),
        how: "in words".to_owned(),
        shares: Vec::new(),
        assumed: Vec::new(),
    }
}

/// The rows of October's bill of `lines`.
fn exported(version: FocusVersion, lines: Vec<Charge>) -> Vec<FocusRow> {
    let catalogue = Catalogue::load(DEFAULT).expect("it ships");
    let one: Factor = "1".parse().expect("a factor");
    let by = BillTerms {
        catalogue: &catalogue,
        mode: StandardMode::Flow,
        overhead: one,
        sampling: one,
        shortfall: Shortfall::default(),
    };
    let besides = Besides {
        lines,
        packages: Packages::default(),
        transcoding_packages: Vec::new(),
        licences: None,
    };
    let when = BillingMonth::new(october(), Zone::CHINA);
    let bill = bill(when, std::iter::empty(), besides, &by).expect("billed");
    let terms = FocusTerms {
        version,
        provider: "A CDN".to_owned(),
    };
    let maker = Maker {
        bill: &bill,
        by: &by,
        terms: &terms,
    };
    let mut rows = Vec::new();
    for account in &bill.accounts {
        for charge in account.charged() {
            let lines = maker.lines(charge, &charge.shares).expect("exact");
            rows.extend(lines.map(|row| row.expect("exact")));
        }
        rows.extend(maker.adjustment(account));
    }
    rows
}

fn rows_of(lines: Vec<Charge>) -> Vec<FocusRow> {
    exported(FocusVersion::V1_2, lines)
}

/// A value as CSV has it; null is empty.
fn of(row: &FocusRow, column: &str) -> String {
    let at = COLUMNS.iter().position(|(name, _)| *name == column);
    text(row.value(at.expect("a column"))).into_owned()
}

#[track_caller]
fn check(row: &FocusRow, expected: &[(&str, &str)]) {
    for (column, value) in expected {
        assert_eq!(of(row, column), *value, "{column}");
    }
}

#[test]
fn columns_are_in_order_and_versions_differ_in_who_provides_and_the_line_of_the_invoice() {
    assert!(COLUMNS.is_sorted_by(|a, b| a.0 < b.0));
    let names = |version: FocusVersion| version.columns().map(|(_, (name, _))| name);
    let old: BTreeSet<_> = names(FocusVersion::V1_2).collect();
    let new: BTreeSet<_> = names(FocusVersion::V1_4).collect();
    let removed: Vec<_> = old.difference(&new).copied().collect();
    let added: Vec<_> = new.difference(&old).copied().collect();
    assert_eq!(removed, ["ProviderName", "PublisherName"]);
    let expected = ["HostProviderName", "InvoiceDetailId", "ServiceProviderName"];
    assert_eq!(added, expected);
}

#[test]
fn traffic_is_usage_in_bytes_and_its_month_begins_at_midnight_in_beijing() {
    let days = october().first_day()..october().first_day() + 31;
    let traffic = Charge {
        domain: "v.example.cn".to_owned(),
        app_id: "wx1".to_owned(),
        bytes: 20_001_000_001,
        days,
        ..line(Item::MiniProgramTraffic, "20.001000001", "4")
    };
    let rows = rows_of(vec![traffic]);
    check(
        &rows[0],
        &[
            ("BilledCost", "80.004"),
            ("EffectiveCost", "80.004"),
            ("ListCost", "80.004000004"),
            ("ContractedCost", "80.004000004"),
            ("ListUnitPrice", "4.0"),
            ("ContractedUnitPrice", "4.0"),
            ("PricingQuantity", "20.001000001"),
            ("PricingUnit", "GB"),
            ("ConsumedQuantity", "20001000001.0"),
            ("ConsumedUnit", "B"),
            ("ChargeCategory", "Usage"),
            ("ChargeClass", ""),
            ("ChargeFrequency", "Usage-Based"),
            ("BillingPeriodStart", "2026-09-30T16:00:00Z"),
            ("BillingPeriodEnd", "2026-10-31T16:00:00Z"),
            ("ChargePeriodStart", "2026-09-30T16:00:00Z"),
            ("ChargePeriodEnd", "2026-10-31T16:00:00Z"),
            ("BillingAccountId", "acct"),
            ("BillingCurrency", "CNY"),
            ("InvoiceId", "acct/2026-10"),
            ("ResourceId", "v.example.cn"),
            ("ResourceType", "Domain"),
            ("ProviderName", "A CDN"),
            ("InvoiceIssuerName", "A CDN"),
            ("x_Rules", "R11 R33"),
            ("x_CorrectsMonth", ""),
        ],
    );
    // 80.004 is paid as 80.00.
    check(
        &rows[1],
        &[
            ("BilledCost", "-0.004"),
            ("ChargeCategory", "Adjustment"),
            ("ChargeFrequency", "One-Time"),
            ("PricingQuantity", ""),
            ("ListUnitPrice", ""),
            ("ConsumedQuantity", ""),
            ("SkuId", ""),
            ("InvoiceId", "acct/2026-10"),
            ("x_ChargeId", "acct/precision-adjustment"),
        ],
    );
    assert_eq!(rows.len(), 2);
}

#[test]
fn what_is_bought_is_billed_at_once_and_effective_never() {
    for item in Item::ALL.into_iter().filter(|item| item.is_purchase()) {
        let rows = rows_of(vec![line(item, "2", "30000")]);
        check(
            &rows[0],
            &[
                ("BilledCost", "60000.0"),
                ("ListCost", "60000.0"),
                ("EffectiveCost", "0.0"),
                ("PricingCurrencyEffectiveCost", "0.0"),
                ("ChargeCategory", "Purchase"),
                ("ChargeFrequency", "One-Time"),
                ("ConsumedQuantity", ""),
                ("ConsumedUnit", ""),
                ("ChargePeriodStart", "2026-10-02T16:00:00Z"),
                ("ChargePeriodEnd", "2026-10-03T16:00:00Z"),
            ],
        );
        assert_eq!(rows.len(), 1, "whole cents need no adjustment");
    }
}

#[test]
fn c10_a_licence_is_charged_for_its_term_on_the_bill_of_its_month() {
    let at = |secs| Timestamp::from_unix_secs(secs).expect("a time");
    let licence = Charge {
        term: Some(at(1_791_000_000)..at(1_822_536_000)),
        ..line(Item::PluginLicence, "1", "30000")
    };
    let rows = rows_of(vec![licence]);
    check(
        &rows[0],
        &[
            ("BillingPeriodStart", "2026-09-30T16:00:00Z"),
            ("BillingPeriodEnd", "2026-10-31T16:00:00Z"),
            ("ChargePeriodStart", "2026-10-03T04:00:00Z"),
            ("ChargePeriodEnd", "2027-10-03T04:00:00Z"),
        ],
    );
}

#[test]
fn a_licence_is_of_its_appid() {
    let licence = Charge {
        app_id: "wx1".to_owned(),
        ..line(Item::PluginLicence, "1", "30000")
    };
    let rows = rows_of(vec![licence]);
    check(
        &rows[0],
        &[("ResourceId", "wx1"), ("ResourceType", "AppID")],
    );
}

#[test]
fn a_correction_is_of_its_month_on_the_bill_of_another_and_has_no_unit_price() {
    let first = Month::new(2026, 9).expect("a month").first_day();
    for (item, category, effective) in [
        (Item::StandardTraffic, "Usage", "-2.6"),
        (Item::MobileLicence, "Purchase", "0.0"),
    ] {
        let correction = Charge {
            days: first..first + 1,
            bytes: -10_000_000_000,
            zone: Some(Region::Mainland),
            corrects: Month::new(2026, 9),
            ..line(item, "-10", "0.26")
        };
        let rows = rows_of(vec![correction]);
        check(
            &rows[0],
            &[
                ("ChargeClass", "Correction"),
                ("ChargeCategory", category),
                ("BilledCost", "-2.6"),
                ("ListCost", "-2.6"),
                ("ContractedCost", "-2.6"),
                ("EffectiveCost", effective),
                ("PricingQuantity", "-10.0"),
                ("ListUnitPrice", ""),
                ("ContractedUnitPrice", ""),
                ("ChargePeriodStart", "2026-08-31T16:00:00Z"),
                ("ChargePeriodEnd", "2026-09-01T16:00:00Z"),
                ("BillingPeriodStart", "2026-09-30T16:00:00Z"),
                ("InvoiceId", "acct/2026-10"),
                ("x_CorrectsMonth", "2026-09"),
                ("RegionId", "mainland"),
                ("RegionName", "Mainland China"),
            ],
        );
    }
}

#[test]
fn what_needs_review_is_in_no_sum_and_not_here() {
    let doubtful = Charge {
        status: Status::NeedsReview,
        ..line(Item::StandardTraffic, "10", "0.26")
    };
    let rows = rows_of(vec![doubtful, line(Item::StandardTraffic, "20", "0.26")]);
    assert_eq!(rows.len(), 1);
    check(&rows[0], &[("BilledCost", "5.2")]);
}

#[test]
fn what_packages_pay_for_costs_nothing() {
    let rows = rows_of(vec![line(Item::PackageTraffic, "10", "0")]);
    check(
        &rows[0],
        &[
            ("ChargeCategory", "Usage"),
            ("BilledCost", "0.0"),
            ("ListUnitPrice", "0.0"),
            ("ListCost", "0.0"),
            ("PricingQuantity", "10.0"),
        ],
    );
}

/// Costs are the product of two columns to the last digit, and nearly what is billed.
#[track_caller]
fn check_product(charge: Charge, quantity: &str) {
    let row = &rows_of(vec![charge])[0];
    assert_eq!(of(row, "PricingQuantity"), quantity);
    let [list, contracted, price, quantity, billed] = [
        "ListCost",
        "ContractedCost",
        "ListUnitPrice",
        "PricingQuantity",
        "BilledCost",
    ]
    .map(|column| number(&of(row, column)));
    assert_eq!(list, price * quantity);
    assert_eq!(contracted, list);
    assert!((list - billed).abs() < number("0.00001"), "{list} {billed}");
}

#[test]
fn a_month_paid_in_part_has_the_quantity_that_its_cost_is_the_price_of() {
    let part = Charge {
        amount: Amount::ratio(number("360"), 31),
        ..line(Item::Recording, "12", "30")
    };
    check_product(part, "0.387096774");
}

#[test]
fn bandwidth_that_is_rounded_for_show_has_the_quantity_that_is_priced() {
    let peak = Charge {
        amount: Amount::ratio(number("58"), 3),
        ..line(Item::StandardPeak, "33.333333333", "0.58")
    };
    check_product(peak, "33.333333333");
    // The mean of some days of a month.
    let mean = Charge {
        amount: Amount::ratio(number("58"), 31),
        ..line(Item::StandardMonthlyAverage, "100", "0.58")
    };
    check_product(mean, "3.225806452");
}

#[test]
fn factors_of_bytes_do_not_make_costs_that_a_column_cannot_hold() {
    // 101 GB and 707 B, times 1.1237 and 1.2343: 17 places, 19 with the price.
    let quantity = "140.08527489059691737";
    check_product(
        line(Item::StandardTraffic, quantity, "0.26"),
        "140.085274891",
    );
    let exact = "140.085274891";
    check_product(line(Item::StandardTraffic, exact, "0.26"), exact);
}

#[test]
fn every_item_has_a_service_a_unit_and_a_sku_of_its_own() {
    let mut parents: BTreeMap<String, [String; 2]> = BTreeMap::new();
    let mut skus = BTreeSet::new();
    for item in Item::ALL {
        let variant = Charge {
            variant: "a".to_owned(),
            ..line(item, "1", "1")
        };
        for row in rows_of(vec![variant, line(item, "1", "1")]) {
            if of(&row, "ChargeCategory") == "Adjustment" {
                continue;
            }
            let sku = (of(&row, "SkuId"), of(&row, "SkuPriceId"));
            assert!(sku.1.contains(&sku.0), "{sku:?}");
            assert!(skus.insert(sku), "{item:?}");
            let parent = ["ServiceCategory", "ServiceSubcategory"].map(|column| of(&row, column));
            let known = parents.entry(of(&row, "ServiceName")).or_insert(parent);
            assert_eq!(of(&row, "ServiceCategory"), known[0], "{item:?}");
            assert_eq!(of(&row, "ServiceSubcategory"), known[1], "{item:?}");
            for unit in ["PricingUnit", "ConsumedUnit"].map(|column| of(&row, column)) {
                assert!(unit.is_ascii() && unit != "Mbps", "{item:?}: {unit}");
            }
        }
    }
    assert_eq!(skus.len(), 2 * Item::ALL.len());
}

#[test]
fn an_account_that_nobody_named_has_an_invoice_too() {
    let unnamed = Charge {
        account: String::new(),
        ..line(Item::StandardTraffic, "20", "0.26")
    };
    let expected = [
        ("BillingAccountId", "(none)"),
        ("InvoiceId", "(none)/2026-10"),
    ];
    check(&rows_of(vec![unnamed])[0], &expected);
}

#[test]
fn the_newer_version_names_lines_of_invoices_and_who_hosts() {
    let lines = vec![
        line(Item::MobileLicence, "1", "10"),
        line(Item::StandardTraffic, "1.0001", "0.26"),
    ];
    let rows = exported(FocusVersion::V1_4, lines);
    assert_eq!(rows.len(), 3, "two lines and an adjustment");
    let mut names = BTreeSet::new();
    for row in &rows {
        let sku = of(row, "SkuId");
        let host = match &sku[..] {
            "mobile-licence" => "Not Applicable",
            _ => "A CDN",
        };
        check(
            row,
            &[
                ("ProviderName", ""),
                ("PublisherName", ""),
                ("ServiceProviderName", "A CDN"),
                ("HostProviderName", host),
                ("InvoiceDetailId", &of(row, "x_ChargeId")),
            ],
        );
        assert!(names.insert(of(row, "InvoiceDetailId")), "{sku}");
    }
}

#[test]
fn numbers_of_csv_have_a_point_and_times_a_z() {
    for (value, expected) in [
        (FocusValue::Number(number("4")), "4.0"),
        (FocusValue::Number(number("-0.010")), "-0.01"),
        (FocusValue::Number(Decimal::ZERO), "0.0"),
        (FocusValue::Null, ""),
        (
            FocusValue::Time(Timestamp::from_unix_secs(1_598_889_600).expect("a time")),
            "2020-08-31T16:00:00Z",
        ),
    ] {
        assert_eq!(text(&value), expected);
    }
}
