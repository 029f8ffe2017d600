//! Every figure of the samples is explained, to the byte and to the request.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::program::{Said, Site};
use crate::support::read_summary;

fn explain(site: &Site, domain: &str, more: &[&str]) -> Said {
    let said = Site::run(site.command("explain").args([domain, "--json"]).args(more));
    assert_eq!(said.code, 0, "{}", said.stderr);
    said
}

fn counts(json: &Value) -> [i64; 2] {
    ["bytes", "requests"].map(|name| json[name].as_i64().expect("a count"))
}

fn add(sum: [i64; 2], more: [i64; 2]) -> [i64; 2] {
    [sum[0] + more[0], sum[1] + more[1]]
}

#[test]
fn what_explains_the_figures_of_the_samples_adds_up_to_the_summary() {
    let site = Site::new();
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/logs");
    let said = Site::run(site.command("ingest").arg(logs));
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(site.summary().code, 0);
    let mut figures: BTreeMap<(String, String), [i64; 2]> = BTreeMap::new();
    for row in read_summary(&site.path("out")) {
        let figure = figures.entry((row.domain, row.month)).or_default();
        *figure = add(*figure, [row.bytes, row.requests]);
    }
    assert!(20 < figures.len(), "{figures:?}");
    let mut whole: BTreeMap<&str, [i64; 2]> = BTreeMap::new();
    for ((domain, month), figure) in &figures {
        let said = explain(&site, domain, &["--month", month]);
        assert_eq!(counts(&said.json), *figure, "{domain} in {month}");
        let parts = said.json["parts"].as_array().expect("parts");
        let sum = parts.iter().map(counts).fold([0, 0], add);
        assert_eq!(sum, *figure, "the parts of {domain} in {month}");
        assert!(parts.iter().all(|part| part["names"][0].is_string()));
        let of_all_months = whole.entry(domain).or_default();
        *of_all_months = add(*of_all_months, *figure);
    }
    for (domain, figure) in whole {
        assert_eq!(
            counts(&explain(&site, domain, &[]).json),
            figure,
            "{domain}"
        );
    }
}
