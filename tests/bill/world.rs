//! Usage and registries that are made up, and the bills that they give.

use cdn_meter::billing::packages::Shortfall;
use cdn_meter::billing::{
    Bill, BillTerms, BillingError, Catalogue, CatalogueError, Charge, Cost, Extras, Makers,
    StandardMode, bill,
};
use cdn_meter::meter::{Cell, Domains, Tally, UsageRow, UsageTable};
use cdn_meter::registry::Registry;
use cdn_meter::summary::Book;
use cdn_meter::units::{Region, Timestamp, Zone};

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
            let clock = (usage.month, usage.zone);
            let packages = asked.extras.packages(usage.zone);
            let besides = asked
                .extras
                .besides(clock, |_| asked.catalogue, packages, Vec::new())?;
            bill(clock, usage.accounts(&registry), besides, &terms)
        })
        .collect()
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
