//! Numbers that readers multiply, and lines that are split by domain.

use super::*;
use crate::billing::Cost;
use crate::registry::Class;

#[test]
fn c10_a_price_times_a_quantity_has_no_more_digits_than_readers_multiply() {
    let digits = |column: &str| {
        let kind = COLUMNS.iter().find(|(name, _)| *name == column);
        kind.expect("a column").1.decimal().expect("a number")
    };
    for price in ["ListUnitPrice", "ContractedUnitPrice"] {
        let ((a, a_places), (b, b_places)) = (digits("PricingQuantity"), digits(price));
        // Spark counts one digit more than the two have.
        assert!(a + b < 38, "{price}");
        assert_eq!(a_places + b_places, digits("ListCost").1);
    }
    let row = |number: &str| {
        let mut row = rows_of(vec![line(Item::StandardTraffic, "1", "1")]).remove(0);
        row.set("PricingQuantity", super::number(number));
        let at = COLUMNS
            .iter()
            .position(|(name, _)| *name == "PricingQuantity");
        column(&[row], at.expect("a column"), Kind::Priced)
    };
    assert!(
        row("9999999999.999999999").is_ok(),
        "10¹⁰ GB is more than there is"
    );
    assert!(row("10000000000").is_err(), "what does not fit is refused");
    assert!(row("0.0000000001").is_err(), "and never cut");
}

#[test]
fn c11_a_line_of_an_account_is_a_row_for_each_domain() {
    let cost = |domain: &str, region, bytes: i128, quantity: &str, amount: &str| Cost {
        domain: domain.to_owned(),
        class: Class::Standard,
        region,
        bytes,
        quantity: number(quantity),
        package_gigabytes: Decimal::ZERO,
        amount: number(amount),
    };
    let traffic = Charge {
        zone: Some(Region::Mainland),
        bytes: 10_000_000_000,
        shares: vec![
            cost("a.example.cn", Region::Mainland, 3_000_000_000, "3", "0.78"),
            cost("a.example.cn", Region::Unknown, 1_000_000_000, "1", "0.26"),
            cost("b.example.cn", Region::Mainland, 6_000_000_000, "6", "1.56"),
        ],
        ..line(Item::StandardTraffic, "10", "0.26")
    };
    let rows = rows_of(vec![traffic]);
    assert_eq!(rows.len(), 2, "regions of a domain are one row");
    for (row, domain, quantity, cost) in [
        (&rows[0], "a.example.cn", "4.0", "1.04"),
        (&rows[1], "b.example.cn", "6.0", "1.56"),
    ] {
        check(
            row,
            &[
                ("ResourceId", domain),
                ("ResourceType", "Domain"),
                ("BilledCost", cost),
                ("ListCost", cost),
                ("PricingQuantity", quantity),
                ("RegionId", "mainland"),
            ],
        );
    }
}

#[test]
fn c11_a_share_of_no_domain_is_of_the_domain_of_its_line() {
    let share = |domain: &str, bytes: i128, amount: &str| Cost {
        domain: domain.to_owned(),
        class: Class::MiniProgram,
        region: Region::Mainland,
        bytes,
        quantity: Decimal::from_i128_with_scale(bytes, 9),
        package_gigabytes: Decimal::ZERO,
        amount: number(amount),
    };
    let correction = Charge {
        domain: "m.example.cn".to_owned(),
        app_id: "wx1".to_owned(),
        bytes: 3_000_000_000,
        corrects: Some(Month::new(2026, 9).expect("a month")),
        shares: vec![
            share("", 1_000_000_000, "4"),
            share("m.example.cn", 2_000_000_000, "8"),
        ],
        ..line(Item::MiniProgramTraffic, "3", "4")
    };
    for row in rows_of(vec![correction]) {
        let expected = [("ResourceId", "m.example.cn"), ("ResourceType", "Domain")];
        check(&row, &expected);
    }
}
