//! Usage and registries that are made up, and the bills that they give.

use cdn_meter::billing::packages::Shortfall;
use cdn_meter::billing::{
    Bill, BillTerms, BillingError, Catalogue, CatalogueError, Charge, Cost, Extras, Makers,
    SettledOwners, StandardMode, bill,
};
use cdn_meter::meter::{Cell, Domains, Tally, UsageRow, UsageTable};
use cdn_meter::registry::Registry;
use cdn_meter::summary::Book;
use cdn_meter::units::{Region, Timestamp, Zone};
use rust_decimal::Decimal;

/// Bytes of 5 minutes at 1 Mbps.
pub const MBPS: u64 = 37_500_000;

/// Prices that only contracts have.
pub const CONTRACT: &str = r#"
name = "contract"
currency = "CNY"
[sources]
contract = "A contract"
[[rules]]
mini-program = "own-price"
unknown-region = "mainland"
overseas-region = "AP1"
[[price]]
item = "mini-program-traffic"
model = "flat"
tiers = [{ from = "0", price = "4" }]
rules = []
source = "contract"
[[price]]
item = "standard-monthly-average"
model = "flat"
tiers = [{ from = "0", price = "31" }]
rules = []
source = "contract"
[[price]]
item = "standard-monthly-95"
model = "flat"
tiers = [{ from = "0", price = "31" }]
rules = []
source = "contract"
"#;

pub fn number(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect("a number")
}

/// Bytes of a domain at an instant.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    pub domain: String,
    /// As a civil time of the billing clock, or with its own zone.
    pub at: String,
    pub bytes: u64,
    #[serde(default = "mainland")]
    pub region: String,
}

fn mainland() -> String {
    "mainland".to_owned()
}

/// What a bill is asked for.
pub struct Asked<'a> {
    pub registry: &'a str,
    pub catalogue: &'a Catalogue,
    pub mode: StandardMode,
    pub overhead: &'a str,
    /// What was bought, and what other meters counted.
    pub extras: Extras,
}

/// A catalogue that ships.
pub fn catalogue(name: &str) -> Result<Catalogue, CatalogueError> {
    Catalogue::load(name)
}

/// The bills of all months of what was sent.
pub fn bills(sent: &[Sent], asked: &Asked<'_>) -> Result<Vec<Bill>, BillingError> {
    let (registry, book) = book(sent, asked);
    let terms = terms(asked);
    book.months()
        .map(|usage| {
            let clock = usage.billing_month();
            let packages = asked.extras.packages(usage.zone);
            let besides = asked
                .extras
                .besides(clock, |_| asked.catalogue, packages, Vec::new())?;
            bill(clock, usage.accounts(&registry), besides, &terms)
        })
        .collect()
}

/// The bill of one month that was closed by the registry `was`, as it is priced to correct it; with shares that are
/// checked to add up.
pub fn closed_bill(sent: &[Sent], asked: &Asked<'_>, was: &str) -> Result<Bill, BillingError> {
    let before = Asked {
        registry: was,
        extras: Extras::default(),
        ..*asked
    };
    let (was, frozen) = book(sent, &before);
    let (registry, book) = book(sent, asked);
    let (frozen, usage) = (frozen.months().next(), book.months().next());
    let (frozen, usage) = (frozen.expect("a month"), usage.expect("a month"));
    let summary = frozen.summary(&was).expect("sums fit");
    let terms = terms(asked);
    let owners = SettledOwners::new(usage.month, &summary, None, &registry, &terms)?;
    let clock = usage.billing_month();
    let packages = asked.extras.packages(usage.zone);
    let catalogue = |_| asked.catalogue;
    let besides = asked
        .extras
        .besides(clock, catalogue, packages, Vec::new())?;
    let bill = bill(clock, usage.accounts(&owners), besides, &terms)?;
    let owners = &owners;
    let makers = Some(Makers { usage, owners });
    cdn_meter::billing::costs(&bill, makers, &terms, |charge, shares| {
        let amount: Decimal = shares.iter().map(|share| share.amount).sum();
        assert_eq!(amount, charge.detail, "{}", charge.id());
        assert!(shares.iter().all(|share| !share.domain.is_empty()));
        Ok::<_, BillingError>(())
    })?;
    Ok(bill)
}

/// The lines that traffic made, with their shares.
pub fn costs(sent: &[Sent], asked: &Asked<'_>) -> Vec<(Charge, Vec<Cost>)> {
    let (registry, book) = book(sent, asked);
    let mut lines = Vec::new();
    let bills = bills(sent, asked).expect("billed");
    for (bill, usage) in bills.iter().zip(book.months()) {
        let owners = &registry;
        let makers = Some(Makers { usage, owners });
        let each = |charge: &Charge, costs| {
            lines.push((charge.clone(), costs));
            Ok::<_, BillingError>(())
        };
        cdn_meter::billing::costs(bill, makers, &terms(asked), each).expect("split");
    }
    lines
}

fn book(sent: &[Sent], asked: &Asked<'_>) -> (Registry, Book) {
    let zone = Zone::CHINA;
    let registry = Registry::from_toml(asked.registry, "case", zone).expect("a registry");
    let domains = Domains::new();
    let mut rows: Vec<UsageRow> = sent.iter().map(|sent| row(sent, &domains)).collect();
    let mut table = UsageTable::new(rows.len().max(1));
    table.append(&mut rows).expect("they fit");
    let book = Book::new(table, domains.names(), &registry, zone).expect("sums fit");
    (registry, book)
}

fn terms<'a>(asked: &Asked<'a>) -> BillTerms<'a> {
    BillTerms {
        catalogue: asked.catalogue,
        mode: asked.mode,
        overhead: asked.overhead.parse().expect("a factor"),
        sampling: "1".parse().expect("a factor"),
        shortfall: Shortfall::default(),
    }
}

fn row(sent: &Sent, domains: &Domains) -> UsageRow {
    let time = Timestamp::parse(&sent.at, Zone::CHINA).expect("a time");
    let region = Region::by_name(&sent.region).expect("a region");
    UsageRow {
        domain: domains.intern(&sent.domain).expect("few domains"),
        tally: Tally {
            bytes: sent.bytes,
            error_bytes: 0,
            cell: Cell::new(region, time.slot()),
            requests: 1,
            error_requests: 0,
            doubtful_requests: 0,
        },
    }
}
