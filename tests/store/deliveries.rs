//! Every way in which a file can come again.

use std::fs::{self, File};
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::{Site, bytes, lines};

/// The changes that an ingest reports, as `name count` in order.
fn changes(site: &Site) -> String {
    let said = site.ingest();
    let changes = said.json["files"]["changes"].as_object().expect("changes");
    let entry = |(name, count): (&String, &serde_json::Value)| format!("{name} {count}");
    let refused = said.json["files"]["refused"].as_array().expect("a list");
    let refused = refused
        .iter()
        .map(|file| format!("refused {}", file["code"]));
    let all = changes.iter().map(entry).chain(refused);
    all.collect::<Vec<_>>().join(", ").replace('"', "")
}

fn gzip(site: &Site, name: &str, text: &str) {
    let file = File::create(site.log(name)).expect("made");
    let mut encoder = GzEncoder::new(file, Compression::default());
    encoder.write_all(text.as_bytes()).expect("packed");
    encoder.finish().expect("packed");
}

#[test]
fn the_same_files_again_change_nothing() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.write("b.log", lines(50, 50));
    assert_eq!(changes(&site), "new 2");
    assert_eq!(site.total(), (bytes(0, 100), 100));
    assert_eq!(changes(&site), "unchanged 2");
    assert_eq!(site.total(), (bytes(0, 100), 100));
}

#[test]
fn a_second_run_over_the_same_folder_counts_nothing_twice() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    let run = || {
        let mut command = site.command("run");
        command.arg("--json").arg("--out").arg(site.path("out"));
        command.arg(site.path("logs"));
        Site::run(&mut command).json
    };
    let first = run();
    assert_eq!(first["lines"]["read"], 50);
    site.write("b.log", lines(50, 10));
    let second = run();
    assert_eq!(second["lines"]["read"], 10, "only what is new is metered");
    assert_eq!(second["usage"]["bytes"], bytes(0, 60));
    assert_eq!(second["usage"]["requests"], 60);
}

#[test]
fn a_file_that_grew_adds_its_new_lines_only() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    assert_eq!(changes(&site), "new 1");
    site.write("a.log", lines(0, 80));
    let said = site.ingest();
    assert_eq!(said.json["files"]["changes"]["grown"], 1);
    assert_eq!(
        said.json["lines"]["read"], 30,
        "only what is new is metered"
    );
    assert_eq!(site.total(), (bytes(0, 80), 80));
}

#[test]
fn a_file_that_was_read_in_the_middle_of_a_line_is_counted_anew_when_it_grew() {
    let site = Site::new();
    let text = lines(0, 300);
    site.write("a.log", &text[..text.len() / 2]);
    assert_eq!(changes(&site), "new 1");
    site.write("a.log", text);
    assert_eq!(changes(&site), "grown 1");
    assert_eq!(site.total(), (bytes(0, 300), 300));
}

#[test]
fn other_content_of_the_same_time_under_the_same_name_replaces_it() {
    let site = Site::new();
    site.write("a.log", lines(0, 700));
    assert_eq!(changes(&site), "new 1");
    site.write("a.log", lines(0, 710).replace(" /a/", " /b/"));
    assert_eq!(changes(&site), "replaced 1");
    assert_eq!(site.total(), (bytes(0, 710), 710));
    site.write("a.log", lines(0, 700));
    assert_eq!(changes(&site), "replaced 1");
    assert_eq!(site.total(), (bytes(0, 700), 700));
}

#[test]
fn copies_count_once_however_they_are_named_and_packed() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.write("copy-of-a.log", lines(0, 50));
    gzip(&site, "a.log.gz", &lines(0, 50));
    assert_eq!(changes(&site), "duplicate 2, new 1");
    assert_eq!(site.total(), (bytes(0, 50), 50));
}

#[test]
fn a_file_that_was_renamed_or_packed_keeps_its_count() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    assert_eq!(changes(&site), "new 1");
    fs::rename(site.log("a.log"), site.log("a.log.1")).expect("renamed");
    assert_eq!(changes(&site), "renamed 1");
    fs::remove_file(site.log("a.log.1")).expect("removed");
    gzip(&site, "a.log.2.gz", &lines(0, 50));
    assert_eq!(changes(&site), "renamed 1");
    assert_eq!(site.total(), (bytes(0, 50), 50));
}

#[test]
fn rotation_between_two_ingests_loses_and_doubles_nothing() {
    let site = Site::new();
    site.write("access.log", lines(0, 400));
    assert_eq!(changes(&site), "new 1");
    // It grew, was rotated, and its successor has begun.
    site.write("access.log", lines(0, 700));
    fs::rename(site.log("access.log"), site.log("access.log.1")).expect("renamed");
    site.write("access.log", lines(700, 200));
    site.ingest();
    assert_eq!(site.total(), (bytes(0, 900), 900));
    // Twice more, one of them packed.
    gzip(&site, "access.log.2.gz", &lines(0, 700));
    fs::rename(site.log("access.log"), site.log("access.log.1")).expect("renamed");
    site.write("access.log", lines(900, 5));
    site.ingest();
    assert_eq!(site.total(), (bytes(0, 905), 905));
}

#[test]
fn a_file_that_shrank_keeps_its_count_until_somebody_decides() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    assert_eq!(changes(&site), "new 1");
    site.write("a.log", lines(0, 30));
    assert_eq!(changes(&site), "refused shrunk");
    assert_eq!(site.total(), (bytes(0, 50), 50));
    // A part of it under another name is no new log either.
    site.write("a.log", lines(0, 50));
    site.write("part.log", lines(0, 30));
    assert_eq!(changes(&site), "unchanged 1, refused within");
    assert_eq!(site.total(), (bytes(0, 50), 50));
}

#[test]
fn a_start_of_a_log_is_named_after_what_holds_the_log_now() {
    let site = Site::new();
    for count in [30, 50] {
        site.write("a.log", lines(0, count));
        site.ingest();
    }
    site.write("part.log", lines(0, 20));
    let said = site.ingest();
    let file = &said.json["files"]["refused"][0];
    assert_eq!(file["code"], "within");
    let reason = file["reason"].as_str().expect("a reason");
    assert!(reason.contains("is the start of /"), "{reason}");
    assert!(
        reason.contains("/logs/a.log, which was counted"),
        "{reason}"
    );
}

#[test]
fn an_old_version_of_a_file_that_grew_does_not_take_lines_away() {
    let site = Site::new();
    for count in [30, 50] {
        site.write("a.log", lines(0, count));
        site.ingest();
    }
    // A mirror that lags behind delivers it as it was.
    site.write("a.log", lines(0, 30));
    assert_eq!(changes(&site), "refused shrunk");
    assert_eq!(site.total(), (bytes(0, 50), 50));
}

#[test]
fn a_file_that_became_empty_is_the_next_log() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.write("b.log", "");
    assert_eq!(changes(&site), "new 2");
    site.write("a.log", "");
    assert_eq!(changes(&site), "duplicate 1, unchanged 1");
    assert_eq!(site.total(), (bytes(0, 50), 50));
    // What it held has moved to another name.
    site.write("a.log.1", lines(0, 50));
    site.ingest();
    site.ingest();
    assert_eq!(changes(&site), "unchanged 3");
    assert_eq!(site.total(), (bytes(0, 50), 50));
}

#[test]
fn a_first_line_that_was_cut_counts_once_when_the_file_grew_under_another_name() {
    let site = Site::new();
    let text = lines(0, 300);
    let cut = text.find(" hit").expect("a last field");
    site.write("a.log", &text[..cut]);
    assert_eq!(changes(&site), "new 1");
    fs::remove_file(site.log("a.log")).expect("removed");
    site.write("b.log", text);
    assert_eq!(changes(&site), "grown 1");
    assert_eq!(site.total(), (bytes(0, 300), 300));
}

#[test]
fn files_that_are_deleted_count_on() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.ingest();
    fs::remove_file(site.log("a.log")).expect("removed");
    site.write("b.log", lines(50, 50));
    assert_eq!(changes(&site), "new 1");
    assert_eq!(site.total(), (bytes(0, 100), 100));
}

#[test]
fn every_domain_is_explained_to_the_byte() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.ingest();
    site.write("a.log", lines(0, 80));
    site.write("b.log", lines(80, 10));
    site.ingest();
    let mut total = 0;
    for domain in ["v0.example.cn", "v1.example.cn", "v2.example.cn"] {
        let said = site.explain(domain);
        let parts = said.json["parts"].as_array().expect("parts");
        assert_eq!(parts.len(), 3, "two spans of a.log, one of b.log");
        let sum: u64 = parts
            .iter()
            .map(|part| part["bytes"].as_u64().expect("bytes"))
            .sum();
        assert_eq!(said.json["bytes"], sum);
        total += sum;
    }
    assert_eq!(site.total(), (total, 90));
}

#[test]
fn an_altered_segment_is_found() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.ingest();
    let mut segments = fs::read_dir(site.path("store/segments")).expect("listed");
    let segment = segments.next().expect("one").expect("listed").path();
    let mut content = fs::read(&segment).expect("read");
    let middle = content.len() / 3;
    content[middle] ^= 1;
    fs::write(&segment, content).expect("written");
    let said = site.verify();
    assert_eq!(said.code, 3);
    assert_eq!(
        said.json["findings"][0]["promise"], "SEG-1",
        "{}",
        said.json
    );
}

#[test]
fn one_writes_and_others_are_told() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.ingest();
    let lock = File::open(site.path("store/lock")).expect("a lock");
    lock.lock().expect("locked");
    let said = site.ingest();
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("another cdn-meter writes"),
        "{}",
        said.stderr
    );
    assert_eq!(site.total(), (bytes(0, 50), 50), "readers need not wait");
}

#[test]
fn a9_what_is_behind_a_long_hole_counts_once_under_any_name() {
    for hole in [70_000, 3 << 20] {
        let text = |count| "\0".repeat(hole) + &lines(0, count);
        let site = Site::new();
        site.write("a.log", text(50));
        assert_eq!(site.ingest().code, 0);
        site.write("b.log", text(100));
        assert_eq!(site.ingest().code, 0);
        assert_eq!(site.total(), (bytes(0, 100), 100), "{hole}");
        site.write("b.log", text(120));
        site.write("other.log", "\0".repeat(hole) + &lines(300, 20));
        assert_eq!(site.ingest().code, 0);
        assert_eq!(
            site.total(),
            (bytes(0, 120) + bytes(300, 20), 140),
            "{hole}"
        );
    }
}

#[test]
fn a9_the_start_of_what_is_behind_a_long_hole_is_refused_under_another_name() {
    for hole in [70_000, 3 << 20] {
        let text = |from, count| "\0".repeat(hole) + &lines(from, count);
        let site = Site::new();
        site.write("a.log", text(0, 100));
        assert_eq!(site.ingest().code, 0);
        site.write("b.log", text(0, 50));
        let said = site.ingest();
        assert_eq!(said.code, 1, "{}", said.stderr);
        assert!(said.stderr.contains("a.log"), "{}", said.stderr);
        assert_eq!(site.total(), (bytes(0, 100), 100), "{hole}");
        site.write("b.log", text(0, 110));
        site.write("other.log", text(300, 20));
        assert_eq!(site.ingest().code, 0);
        let total = (bytes(0, 110) + bytes(300, 20), 130);
        assert_eq!(site.total(), total, "{hole}");
        // A name whose own content became shorter is no other log.
        site.write("other.log", text(300, 10));
        assert_eq!(site.ingest().code, 1);
        assert_eq!(site.total(), total, "{hole}");
        // Other lines behind as long a hole replace what the name held.
        site.write("other.log", text(400, 10));
        assert_eq!(site.ingest_deliveries().code, 0);
        let total = (bytes(0, 110) + bytes(400, 10), 120);
        assert_eq!(site.total(), total, "{hole}");
    }
}
