//! Months as a library: billed, frozen and corrected without a terminal, with the figures of the program.

mod support;

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use cdn_meter::billing::packages::Shortfall;
use cdn_meter::billing::{Catalogue, DEFAULT, Extras, StandardMode};
use cdn_meter::ingest::ingest;
use cdn_meter::months::{
    Bills, FreezeError, Freezing, Given, How, Notice, Place, Prices, Purchases, Watch,
};
use cdn_meter::registry::Registry;
use cdn_meter::report::{BillReport, Build, Dataset, Terms};
use cdn_meter::source::{Seed, discover};
use cdn_meter::store::{Access, Occasion, Store};
use cdn_meter::units::{Factor, Month, Zone};
use support::options;

/// The log that comes late.
const LATE: &str = "tencent-cdn-mainland.log";
/// 2026-12-01 by UTC.
const NOW_UNIX_SECS: i64 = 1_796_083_200;

fn month(text: &str) -> Month {
    text.parse().expect("a month")
}

fn samples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/samples"))
}

fn open(root: &Path) -> Store {
    let occasion = Occasion {
        at: "2026-12-01T00:00:00Z".to_owned(),
        command: "a service".to_owned(),
    };
    Store::open_to_write(root, Seed(7), occasion, Access::default()).expect("opened")
}

fn read(store: &Store, paths: &[&Path]) {
    let found = discover(paths).expect("the inputs are there");
    ingest(found.sources, &options(2), &(), store).expect("ingested");
}

fn prices() -> Prices {
    Prices {
        catalogue: Catalogue::load(DEFAULT).expect("it ships"),
        mode: StandardMode::Flow,
        overhead: Factor::ONE,
        sampling: Factor::ONE,
        shortfall: Shortfall::RealGigabytes,
    }
}

/// Nothing was bought.
fn purchases() -> Purchases {
    let extras = Extras::new(None, Vec::new(), Zone::CHINA).expect("nothing");
    Purchases::new(extras, Zone::CHINA)
}

/// What was told, by its kind.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Watch for Told {
    fn tell(&self, notice: &Notice<'_>) {
        let text = match notice {
            Notice::StillOpen(month) => format!("{month} is open"),
            Notice::RejectedIn(_) => "rejected lines".to_owned(),
            notice => format!("{notice:?}"),
        };
        self.0.lock().expect("not poisoned").push(text);
    }
}

/// Bills a month and publishes it in `out`.
fn bill(given: &Given<'_>, only: Month, out: &Path) -> BillReport {
    let build = Build::begin(out, |_| ()).expect("begun");
    let mut place = Place::new(build, &());
    let terms = Terms {
        registry: given.registry,
        overhead: Factor::ONE,
        sampling: Factor::ONE,
    };
    let taken = place.take_store(given.store, &terms, Some(only));
    taken.expect("taken");
    let bills = Bills::begin(&place.build, prices(), purchases(), How::default());
    let mut bills = bills.expect("begun");
    bills.correct(given, &()).expect("corrected");
    place.is_read_at_once = bills.add_store(given, Some(only)).expect("billed");
    let billed_by = bills.billed_by();
    let (datasets, mut shown, _) = bills.finish();
    let is_still = place.publish(datasets, &terms, Some(billed_by));
    assert!(is_still.expect("published"));
    assert_eq!(shown.reports.len(), 1);
    shown.reports.remove(0)
}

fn pays(bill: &BillReport) -> Vec<(&str, &str)> {
    let accounts = bill.accounts.iter();
    accounts
        .map(|of| (&of.account[..], &of.payable[..]))
        .collect()
}

#[test]
fn a_month_is_billed_frozen_and_corrected_without_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let [logs, out, root] = ["logs", "out", "store"].map(|name| folder.path().join(name));
    fs::create_dir(&logs).expect("made");
    for entry in fs::read_dir(samples().join("logs")).expect("listed") {
        let entry = entry.expect("listed");
        if entry.file_name() != LATE {
            fs::copy(entry.path(), logs.join(entry.file_name())).expect("copied");
        }
    }
    let registry = Registry::load(&samples().join("registry.toml"), Zone::CHINA);
    let registry = registry.expect("sound");
    let store = open(&root);
    read(&store, &[&logs]);
    let given = Given {
        store: &store,
        registry: &registry,
        now_unix_secs: NOW_UNIX_SECS,
        rows_max: 1 << 20,
    };

    // What `cdn-meter bill` says of these files.
    let october = bill(&given, month("2026-10"), &out);
    assert_eq!(october.payable, "4.28");
    let expected = [
        ("acct-img", "0.01"),
        ("acct-live", "1.25"),
        ("acct-shop", "0.03"),
        ("acct-web", "2.99"),
    ];
    assert_eq!(pays(&october), expected);

    let told = Told::default();
    let freezing = Freezing::begin(given, month("2026-10"), false).expect("begun");
    let frozen = freezing.bill(&prices(), purchases(), false, &told);
    assert_eq!(frozen.expect("billed").report.payable, "4.28");
    let factors = (Factor::ONE, Factor::ONE);
    let usage = freezing.freeze_usage(factors, Some(&prices()));
    let usage = usage.expect("frozen");
    assert!(usage.has_unknown);
    let close = freezing.finish(usage.terms).expect("closed");
    assert_eq!(close.at, "2026-12-01T00:00:00Z");
    let told = told.0.into_inner().expect("not poisoned");
    assert_eq!(told, ["2026-09 is open"]);

    // What comes late is corrected on the next bill; the closed one stays what it was.
    read(&store, &[&samples().join("logs").join(LATE)]);
    let november = bill(&given, month("2026-11"), &out);
    assert_eq!(november.payable, "60.80");
    let expected = [
        ("acct-img", "0.00"),
        ("acct-live", "60.65"),
        ("acct-shop", "0.15"),
        ("acct-web", "0.00"),
    ];
    assert_eq!(pays(&november), expected);
    let october = bill(&given, month("2026-10"), &out);
    assert_eq!(october.payable, "4.28");
    let charges = out.join(Dataset::Charges.name());
    assert!(charges.join("billing_month=2026-10-01").is_dir());
}

#[test]
fn a_month_that_may_grow_is_not_frozen_and_no_message_names_a_flag() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let registry = Registry::empty(Zone::CHINA);
    let given = Given {
        store: &store,
        registry: &registry,
        now_unix_secs: NOW_UNIX_SECS,
        rows_max: 1 << 20,
    };
    let refused = Freezing::begin(given, month("2026-12"), false).map(drop);
    let refused = refused.expect_err("it has not ended");
    assert!(matches!(refused, FreezeError::Growing { .. }), "{refused}");
    assert!(!refused.to_string().contains("--"), "{refused}");
    Freezing::begin(given, month("2026-12"), true).expect("asked for");
}
