//! What stands in OUT of others, of earlier commands and of earlier versions: left alone, or removed and named.

use std::fs;
use std::process::Command;

use crate::program::{Site, copy_folder, lines};
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
    fs::remove_file(site.path("out/.made-of")).expect("removed");
    let october = |dataset: &str| site.path(&format!("{dataset}/billing_month=2026-10-01"));
    let datasets = ["summary", "usage_5min", "charges", "costs"];
    for of in datasets {
        fs::create_dir(site.path(of)).expect("made");
        fs::rename(october(&format!("out/{of}")), october(of)).expect("moved");
    }
    site.write("late.log", lines(500, 20));
    assert_eq!(site.ingest().code, 0);
    let november = run(&site, "summary", "out", &["--month", "2026-11"]);
    assert_eq!(november.code, 0, "{}", november.stderr);
    for of in datasets
        .iter()
        .filter(|of| site.path(&format!("out/{of}")).exists())
    {
        fs::rename(october(of), october(&format!("out/{of}"))).expect("put back");
    }
    let said = run(&site, "bill", "out", &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(!site.path("out/summary").exists(), "{}", said.stderr);
}

#[test]
fn b2_a_month_is_not_put_beside_those_of_which_nothing_tells() {
    let site = Site::new();
    site.write("a.log", lines(0, 20) + &later(50, 20));
    assert_eq!(run(&site, "run", "out", &[]).code, 0);
    let made_of = site.path("out/.made-of");
    for text in [None, Some("summary\t2026-10\tregistry=1\n")] {
        match text {
            None => fs::remove_file(&made_of).expect("removed"),
            Some(older) => fs::write(&made_of, older).expect("written"),
        }
        let before = seen(&site.path("out"));
        for name in ["summary", "bill"] {
            let said = run(&site, name, "out", &["--month", "2026-11"]);
            assert_eq!(said.code, 2, "{}", said.stderr);
            for text in ["billing_month=2026-10-01", "leave out --month"] {
                assert!(said.stderr.contains(text), "{text}: {}", said.stderr);
            }
            assert_eq!(seen(&site.path("out")), before);
        }
    }
    for more in [&[][..], &["--month", "2026-11"]] {
        let said = run(&site, "summary", "out", more);
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
}

/// The folder of a build of the version before, which a killed command left, with nothing in it.
fn killed_build(site: &Site) -> std::path::PathBuf {
    let build = site.path("out/.building-0123456789abcdef");
    for folder in ["new", "old"] {
        fs::create_dir_all(build.join(folder)).expect("made");
    }
    fs::write(build.join("lock"), "").expect("written");
    build
}

#[test]
fn d7_what_the_version_before_left_when_all_was_published_goes() {
    let site = site_published();
    let before = seen(&site.path("out"));
    let build = killed_build(&site);
    copy_folder(&site.path("out/summary"), &build.join("old/summary"));
    let mark = site.path("out/summary/.new-of.building-0123456789abcdef");
    fs::write(&mark, "").expect("written");
    let said = run(&site, "summary", "out", &["--month", "2020-01"]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(!build.exists() && !mark.exists(), "{}", said.stderr);
    assert_eq!(seen(&site.path("out")), before);
}

#[test]
fn d7_a_journal_of_the_version_before_is_taken_back() {
    let site = site_published();
    let out = site.path("out");
    let before = seen(&out);
    let made_of = fs::read(out.join(".made-of")).expect("read");
    let build = killed_build(&site);
    // Charges were taken out, the summary was moved aside and a new one moved in, files were added and replaced.
    for name in ["charges", "summary"] {
        fs::rename(out.join(name), build.join("old").join(name)).expect("moved");
    }
    fs::create_dir(out.join("summary")).expect("made");
    for name in ["_SUCCESS", ".new-of.building-0123456789abcdef"] {
        fs::write(out.join("summary").join(name), "").expect("written");
    }
    fs::rename(out.join(".made-of"), build.join("old/.made-of")).expect("moved");
    fs::write(out.join(".made-of"), "new\n").expect("written");
    fs::write(out.join("quarantine.ndjson"), "").expect("written");
    let steps =
        "take\tcharges\nput\tsummary\nadd-file\tquarantine.ndjson\nreplace-file\t.made-of\n";
    let head = "cdn-meter publishing/1\t.building-0123456789abcdef\n";
    fs::write(out.join("_PUBLISHING"), format!("{head}{steps}end\n")).expect("written");
    let said = run(&site, "summary", "out", &["--month", "2020-01"]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(
        said.stderr.contains("are as they were before it"),
        "{}",
        said.stderr
    );
    assert_eq!(seen(&out), before);
    assert_eq!(fs::read(out.join(".made-of")).expect("read"), made_of);
    assert!(!build.exists());
    // One without its end was not begun; one that is damaged is not believed.
    for (text, code) in [(steps.to_owned(), 1), (format!("{steps}put\nend\n"), 3)] {
        fs::write(out.join("_PUBLISHING"), format!("{head}{text}")).expect("written");
        let said = run(&site, "summary", "out", &["--month", "2020-01"]);
        assert_eq!(said.code, code, "{}", said.stderr);
    }
}

#[test]
fn d7_a_pipe_at_the_place_of_a_file_of_out_is_named_and_not_waited_for() {
    let site = site_published();
    for (name, code) in [("quarantine.ndjson", 0), ("_PUBLISHING", 3)] {
        let path = site.path("out").join(name);
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo is there").success());
        let said = run(&site, "summary", "out", &[]);
        assert_eq!(said.code, code, "{name}: {}", said.stderr);
        assert!(code == 0 || said.stderr.contains(name), "{}", said.stderr);
    }
}

#[test]
fn d7_a_folder_that_is_not_there_yet_does_not_hide_that_out_is_in_a_store() {
    let site = site_published();
    std::os::unix::fs::symlink(site.path("store"), site.path("link")).expect("linked");
    for out in ["new/../store/out", "new/far/../../link/out"] {
        let said = run(&site, "summary", out, &[]);
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(said.stderr.contains("is in the store"), "{}", said.stderr);
        assert!(!site.path("new").exists());
    }
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
