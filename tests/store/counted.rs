//! Files that are counted already, and otherwise than what is given asks for: that is said.

use crate::program::{Site, lines};
use crate::recount::{common, history, ingest_for, recount};

/// What an ingest of the folder says with `more` arguments; nothing of it changes what counts.
fn said_by_ingest(site: &Site, more: &[&str]) -> String {
    let before = (site.total(), history(site));
    let mut command = site.command("ingest");
    let said = Site::run(command.arg("--json").arg(site.path("logs")).args(more));
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!((site.total(), history(site)), before);
    said.stderr
}

#[test]
fn a12_a_file_that_is_counted_for_another_domain_or_as_another_format_is_told() {
    let site = Site::new();
    site.write("a.log", common(0, 20));
    site.write("b.log", lines(50, 10));
    ingest_for(&site, "one.example.cn");
    for more in [&[][..], &["--rehash"], &["--format", "common", "--rehash"]] {
        let more = [&["--domain", "two.example.cn"], more].concat();
        let said = said_by_ingest(&site, &more);
        let words = "a.log has lines that count for one.example.cn and not for two.example.cn";
        assert!(
            said.contains(words) && said.contains("--recount"),
            "{more:?} {said}"
        );
        // Lines that name their domain do not ask for one.
        assert!(!said.contains("b.log has lines that count for"), "{said}");
    }
    let said = said_by_ingest(&site, &["--domain", "one.example.cn"]);
    assert!(!said.contains("lines that count"), "{said}");
    let said = said_by_ingest(&site, &["--format", "cloudfront"]);
    for words in [
        "a.log has lines that count as nginx and not as cloudfront",
        "b.log has lines that count as tencent-cdn and not as cloudfront",
    ] {
        assert!(said.contains(words), "{said}");
    }
    // A copy is counted as what it is a copy of, and what a file grew from as it was.
    site.write("copy.log", common(0, 20));
    let mut command = site.command("ingest");
    command.args(["--json", "--domain", "two.example.cn"]);
    let said = Site::run(command.arg(site.path("logs")));
    let words = "2 files, ";
    assert!(said.stderr.contains(words), "{}", said.stderr);
    assert!(
        said.stderr
            .contains("is the first, have lines that count for one"),
        "{}",
        said.stderr
    );
    std::fs::remove_file(site.log("copy.log")).expect("removed");
    site.write("a.log", common(0, 25));
    let said = ingest_for(&site, "two.example.cn");
    assert!(
        said.stderr
            .contains("a.log has lines that count for one.example.cn"),
        "{}",
        said.stderr
    );
    // As it says, counting it anew mends that.
    let said = recount(&site, &["a.log"], &["--domain", "two.example.cn"]);
    assert!(!said.stderr.contains("lines that count"), "{}", said.stderr);
    let said = said_by_ingest(&site, &["--domain", "two.example.cn"]);
    assert!(!said.contains("lines that count"), "{said}");
}

#[test]
fn a12_files_of_many_domains_are_told_in_one_line() {
    let site = Site::new();
    for domain in ["a", "b", "c"] {
        let name = format!("{domain}.log");
        let first = u64::from(domain.as_bytes()[0]) * 20;
        site.write(&name, common(first, 10));
        ingest_for(&site, &format!("{domain}.example.cn"));
    }
    let said = said_by_ingest(&site, &["--domain", "d.example.cn"]);
    let words = "a.log is the first, have lines that count for a.example.cn and others and not for";
    assert!(said.contains(words), "{said}");
    assert_eq!(said.matches("lines that count").count(), 1, "{said}");
}

#[test]
fn a12_lines_that_name_their_host_are_counted_for_no_other_domain() {
    let site = Site::new();
    let vhost: String = common(0, 20)
        .lines()
        .map(|line| format!("v.example.cn:443 {line} \"-\" \"x\"\n"))
        .collect();
    site.write("vhost.log", vhost);
    ingest_for(&site, "one.example.cn");
    let said = said_by_ingest(&site, &["--domain", "two.example.cn"]);
    assert!(!said.contains("lines that count"), "{said}");
}
