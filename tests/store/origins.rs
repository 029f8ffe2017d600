//! What stands in OUT of others, of earlier commands and of earlier versions: left alone, or removed and named.

use std::fs;

use crate::program::{Site, lines};
use crate::publishing::{later, run, seen};

/// One log, published with its charges.
fn site_published() -> Site {
    let site = Site::new();
    site.write("a.log", lines(0, 20));
    assert_eq!(run(&site, "run", "out", &[]).code, 0);
    site
}

#[test]
fn d7_a_journal_that_is_damaged_is_named_and_nothing_is_touched() {
    let site = site_published();
    let text = "cdn-meter publishing/2\t.building-x\nend\n";
    fs::write(site.path("out/_PUBLISHING"), text).expect("written");
    let before = seen(&site.path("out"));
    let said = run(&site, "summary", "out", &[]);
    assert_eq!(said.code, 3, "{}", said.stderr);
    assert!(said.stderr.contains("_PUBLISHING"), "{}", said.stderr);
    assert_eq!(seen(&site.path("out")), before);
}

#[test]
fn d7_what_others_keep_under_the_name_of_a_dataset_stays() {
    let site = site_published();
    let foreign = site.path("out/costs/region=eu/part-0.parquet");
    fs::remove_dir_all(site.path("out/costs")).expect("removed");
    fs::create_dir_all(foreign.parent().expect("a folder")).expect("made");
    fs::write(site.path("out/costs/_SUCCESS"), "").expect("written");
    fs::write(&foreign, "PAR1").expect("written");
    site.write("b.log", lines(100, 20));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(run(&site, "summary", "out", &[]).code, 1);
    assert!(foreign.exists());
}

#[test]
fn b3_notes_of_one_month_do_not_speak_for_a_dataset_of_several() {
    let site = Site::new();
    site.write("a.log", lines(0, 20) + &later(50, 20));
    assert_eq!(run(&site, "run", "out", &[]).code, 0);
    // As an earlier version left it.
    fs::remove_file(site.path("out/.made-of")).expect("removed");
    site.write("late.log", lines(500, 20));
    assert_eq!(site.ingest().code, 0);
    let november = run(&site, "summary", "out", &["--month", "2026-11"]);
    assert_eq!(november.code, 0, "{}", november.stderr);
    let said = run(&site, "bill", "out", &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(!site.path("out/summary").exists(), "{}", said.stderr);
}

#[test]
fn d24_a_month_that_is_closed_is_published_for_everybody() {
    use std::os::unix::fs::PermissionsExt;
    let site = site_published();
    let closed = site.with_registry("close", &["--month", "2026-10"]);
    assert_eq!(closed.code, 0, "{}", closed.stderr);
    let mode = |place: &str| {
        let file = site
            .path(place)
            .join("billing_month=2026-10-01/part-00000.parquet");
        fs::metadata(file).expect("there").permissions().mode()
    };
    let before = mode("out/summary");
    assert_eq!(run(&site, "summary", "out", &[]).code, 0);
    assert_eq!(mode("out/summary"), before);
}
