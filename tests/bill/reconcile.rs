//! Our bytes beside the provider's own figures.

use std::fs;

use crate::closed::closed_site;
use crate::program::{Said, Site};

/// Samples of an hour, at each hour of a day of which `flux` tells the MB.
fn response(site: &Site, name: &str, hours: std::ops::Range<u32>, flux: impl Fn(u32) -> String) {
    let sample = |hour: u32| {
        format!(
            r#"{{"Time": "2026-10-03 {hour:02}:00:00", "Bandwidth": 1.5, "Flux": {}, "PeakTime": ""}}"#,
            flux(hour)
        )
    };
    let samples: Vec<String> = hours.map(sample).collect();
    let text = format!(
        r#"{{"Response": {{"SumFlux": 0, "DataInfoList": [{}], "RequestId": "r"}}}}"#,
        samples.join(",")
    );
    fs::write(site.path(name), text).expect("written");
}

fn reconcile(site: &Site, more: &[&str]) -> Said {
    let mut command = site.command("reconcile");
    command.args(["--json", "--granularity", "60"]).args(more);
    Site::run(&mut command)
}

/// Bytes that the site logs in an hour of 2026-10-03: its lines are `n + 1` units long.
fn logged(hour: u32) -> u64 {
    let numbers = (0..30).filter(|n| n % 24 == u64::from(hour));
    numbers.map(|n| 1_000_000_007 * (n + 1)).sum()
}

#[test]
fn the_factor_between_logs_and_bill_is_measured() {
    let site = closed_site();
    // 1.1 times what is logged, in MB to the byte.
    let more = |hour| {
        let bytes = logged(hour) * 11 / 10;
        format!("{}.{:06}", bytes / 1_000_000, bytes % 1_000_000)
    };
    response(&site, "a.json", 0..12, more);
    response(&site, "b.json", 12..24, more);
    let (a, b) = (site.path("a.json"), site.path("b.json"));
    let files = [a.display().to_string(), b.display().to_string()];
    let files = files.each_ref().map(String::as_str);
    let said = reconcile(&site, &files);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let day = &said.json[0];
    assert_eq!(
        (&day["day"], &day["logged_bytes"]),
        (&"2026-10-03".into(), &"465000003255".into())
    );
    assert_eq!(
        (&day["factor"], &day["verdict"]),
        (&"1.0999".into(), &"as expected".into())
    );
    let half = reconcile(&site, &files[..1]);
    let hours: u64 = (0..12).map(logged).sum();
    assert_eq!(
        half.json[0]["logged_bytes"],
        hours.to_string(),
        "of the sampled hours only"
    );
    let only = reconcile(
        &site,
        &[&files[..], &["--domain", "v0.example.cn"]].concat(),
    );
    assert_eq!(
        (only.code, &only.json[0]["logged_bytes"]),
        (1, &"145000001015".into())
    );
    assert!(
        only.json[0]["verdict"]
            .as_str()
            .expect("a text")
            .contains("are logs missing?")
    );
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let site = closed_site();
    response(&site, "a.json", 0..2, |_| "1".to_owned());
    let path = site.path("a.json").display().to_string();
    for (more, text, words) in [
        (&["--granularity", "1440"][..], None, "not of 1440 minutes"),
        (&[&path[..]][..], None, "has two samples"),
        (&["--granularity", "7"][..], None, "5, 60 and 1440 minutes"),
        (
            &[][..],
            Some("{}"),
            "no response of DescribeBillBandwidthAndFluxList",
        ),
        (&[][..], Some(r#"{"DataInfoList": []}"#), "hold no samples"),
        (
            &[][..],
            Some(r#"{"DataInfoList": [{"Time": "today", "Flux": 1}]}"#),
            "`today` is no time",
        ),
        (
            &[][..],
            Some(r#"{"DataInfoList": [{"Time": "2026-10-03 00:00:00", "Flux": -1}]}"#),
            "`-1` is no number of MB",
        ),
    ] {
        if let Some(text) = text {
            fs::write(site.path("a.json"), text).expect("written");
        }
        let mut command = site.command("reconcile");
        if !more.contains(&"--granularity") {
            command.args(["--granularity", "60"]);
        }
        let said = Site::run(command.arg(&path).args(more));
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
}
