//! The examples of the price documents of services.

use super::*;
use crate::billing::tests::{GB, day, month, number};
use crate::billing::{DEFAULT, SHIPPED};
use crate::units::Region;

fn record(service: Service, variant: &str, on: &str, quantity: u64) -> Metered {
    Metered {
        account: "a".to_owned(),
        service,
        variant: variant.to_owned(),
        zone: Region::Mainland,
        day: day(on),
        quantity,
    }
}

/// What a catalogue charges for records of a month, rounded as on the detail.
fn cost(catalogue: &str, of: &str, records: &[Metered]) -> Decimal {
    let catalogue = Catalogue::load(catalogue).expect("a catalogue");
    let paid = Paid::default();
    let charges = charges(records, month(of), &catalogue, &paid).expect("priced");
    let amounts: Vec<Amount> = charges.iter().map(|charge| charge.amount).collect();
    let total = Amount::total(&amounts).expect("exact");
    total.round(8).expect("small")
}

#[track_caller]
fn check(service: Service, variant: &str, quantity: u64, amount: &str) {
    for (catalogue, _) in SHIPPED {
        let records = [record(service, variant, "2022-06-15", quantity)];
        assert_eq!(cost(catalogue, "2022-06", &records), number(amount));
    }
}

#[test]
fn transcoding_is_classed_by_its_longer_and_its_shorter_side() {
    for (width, height, class) in [
        (640, 480, "h264-480p"),
        (480, 640, "h264-480p"),
        (641, 480, "h264-720p"),
        (1280, 480, "h264-720p"),
        (1280, 721, "h264-1080p"),
        (1936, 1088, "h264-1080p"),
        (1088, 1936, "h264-1080p"),
        (2560, 1440, "h264-2k"),
        (2561, 1, "h264-4k"),
        (1441, 1441, "h264-4k"),
    ] {
        assert_eq!(transcoding_variant(Codec::H264, width, height), class);
    }
    let top = transcoding_variant(Codec::TopSpeedH265, 3840, 2160);
    assert_eq!(top, "top-speed-h265-4k");
}

#[test]
fn transcoding_pays_by_begun_minutes_of_each_output() {
    check(Service::Transcoding, "h264-480p", 60 * 60, "0.96");
    check(Service::Transcoding, AUDIO, 300 * 60, "1.68");
    check(Service::Transcoding, "h264-480p", 1, "0.016");
    check(Service::Transcoding, "h264-480p", 60, "0.016");
    check(Service::Transcoding, "h264-480p", 61, "0.032");
    let short = record(Service::Transcoding, "h264-480p", "2022-06-15", 10);
    assert_eq!(
        cost(DEFAULT, "2022-06", &[short.clone(), short]),
        number("0.032"),
        "two outputs are two begun minutes"
    );
}

#[test]
fn every_class_of_transcoding_has_its_price() {
    let prices = [
        (Codec::H264, ["0.016", "0.0325", "0.063", "0.136", "0.278"]),
        (
            Codec::H265,
            ["0.080", "0.156", "0.3112", "0.6703", "1.3406"],
        ),
        (
            Codec::TopSpeedH264,
            ["0.066", "0.1256", "0.2511", "0.5022", "1.0044"],
        ),
        (
            Codec::TopSpeedH265,
            ["0.198", "0.3768", "0.7533", "1.5066", "3.0132"],
        ),
    ];
    let sizes = [
        (640, 480),
        (1280, 720),
        (1920, 1080),
        (2560, 1440),
        (3840, 2160),
    ];
    for (codec, prices) in prices {
        for ((width, height), price) in sizes.into_iter().zip(prices) {
            let variant = transcoding_variant(codec, width, height);
            check(Service::Transcoding, &variant, 60, price);
        }
    }
}

#[test]
fn c9_history_has_the_price_of_audio_before_february_2021() {
    for (catalogue, on, amount) in [
        ("tencent-history", "2021-01-31", "0.48"),
        ("tencent-history", "2021-02-01", "1.68"),
        (DEFAULT, "2021-01-31", "1.68"),
    ] {
        let records = [record(Service::Transcoding, AUDIO, on, 300 * 60)];
        assert_eq!(cost(catalogue, &on[..7], &records), number(amount), "{on}");
    }
}

/// 12 channels on one day and fewer on five others.
fn recorded(of: &str) -> Vec<Metered> {
    (1..=6)
        .map(|on| {
            let peak = if on == 3 { 12 } else { on };
            record(Service::Recording, "", &format!("{of}-{on:02}"), peak)
        })
        .collect()
}

#[test]
fn recording_pays_the_peak_of_the_month_for_the_days_used() {
    let history = "tencent-history";
    assert_eq!(cost(DEFAULT, "2022-06", &recorded("2022-06")), number("72"));
    assert_eq!(cost(history, "2022-06", &recorded("2022-06")), number("72"));
    assert_eq!(cost(history, "2020-11", &recorded("2020-11")), number("72"));
    assert_eq!(
        cost(history, "2020-09", &recorded("2020-09")),
        number("360"),
        "days made no difference before 2020-11-04"
    );
    let october = cost(history, "2020-10", &recorded("2020-10"));
    assert_eq!(october, number("360"));
    let july = cost(DEFAULT, "2022-07", &recorded("2022-07"));
    assert_eq!(july, number("69.67741935"), "2160 / 31, rounded once");
}

#[test]
fn pictures_are_free_up_to_1000_and_pay_by_begun_1000() {
    for (pictures, amount) in [
        (1000, "0"),
        (1001, "0.1"),
        (2000, "0.1"),
        (2001, "0.2"),
        (168_000, "16.7"),
    ] {
        check(Service::Screenshot, "", pictures, amount);
    }
    check(Service::PornDetection, "", 168_000, "217.1");
    let halves = ["2022-06-01", "2022-06-30"].map(|on| record(Service::Screenshot, "", on, 1000));
    assert_eq!(
        cost(DEFAULT, "2022-06", &halves),
        number("0.1"),
        "the month counts, not the day"
    );
}

#[test]
fn mobile_licences_and_im_plans_pay_when_they_are_bought() {
    check(Service::MobileLicence, "enterprise", 1, "500000");
    check(Service::ImPlan, "pro", 1, "999");
    check(Service::ImPlan, "flagship", 2, "5998");
}

#[test]
fn c8_plans_and_the_licence_of_the_live_sdk_have_dated_prices() {
    for (catalogue, _) in SHIPPED {
        for (service, variant, on, amount) in [
            (Service::ImPlan, "pro", "2023-12-31", "999"),
            (Service::ImPlan, "pro", "2024-01-01", "1499"),
            (Service::ImPlan, "trial", "2023-12-31", "0"),
            (Service::ImPlan, "trial", "2026-10-15", "0"),
            (Service::MobileLicence, "basic", "2024-06-06", "4299"),
        ] {
            let records = [record(service, variant, on, 1)];
            assert_eq!(cost(catalogue, &on[..7], &records), number(amount), "{on}");
        }
    }
    let history = Catalogue::load("tencent-history").expect("a catalogue");
    let early = [record(Service::MobileLicence, "basic", "2024-06-05", 1)];
    let error = charges(&early, month("2024-06"), &history, &Paid::default());
    let error = error
        .expect_err("what it cost before is not known")
        .to_string();
    assert!(error.contains("mobile-licence basic"), "{error}");
}

#[test]
fn c8_files_are_classed_by_their_shorter_side() {
    for (width, height, class) in [
        (2560, 1440, "h264-2k"),
        (1280, 640, "h264-720p"),
        (640, 1280, "h264-720p"),
        (9999, 480, "h264-480p"),
        (1920, 1081, "h264-2k"),
        (1441, 1441, "h264-4k"),
    ] {
        assert_eq!(vod_variant(Codec::H264, width, height), class);
    }
}

#[test]
fn c8_the_examples_of_media_processing() {
    for (catalogue, _) in SHIPPED {
        let output =
            |service, variant, minutes: u64| record(service, variant, "2022-06-15", minutes * 60);
        let transcoded = ["h264-2k", "h264-720p", AUDIO];
        let transcoded = transcoded.map(|of| output(Service::VodTranscoding, of, 100));
        assert_eq!(cost(catalogue, "2022-06", &transcoded), number("17.41"));
        let adaptive = ["h264-1080p", "h264-720p", "h264-480p"];
        let adaptive = adaptive.map(|of| output(Service::VodTranscoding, of, 100));
        assert_eq!(cost(catalogue, "2022-06", &adaptive), number("11.15"));
        let edited = [output(Service::VodEditing, "h264-720p", 25)];
        assert_eq!(cost(catalogue, "2022-06", &edited), number("0.8125"));
    }
    check(Service::VodTranscoding, "remux", 61, "0.014");
    check(Service::VodTranscoding, "top-speed-h265-4k", 60, "4.2");
    check(Service::VodEditing, "h265-480p", 1, "0.08");
}

#[test]
fn c8_files_are_stored_by_class_and_played_abroad_by_zone() {
    let infrequent = Metered {
        zone: Region::Overseas,
        ..record(Service::VodStorage, "infrequent", "2022-06-15", 50 * GB)
    };
    let standard = record(Service::VodStorage, "", "2022-06-15", 100 * GB);
    let played = Metered {
        zone: Region::Eu,
        ..record(Service::VodTraffic, "", "2022-06-15", 600 * GB)
    };
    for (catalogue, _) in SHIPPED {
        let stored = [standard.clone(), infrequent.clone()];
        assert_eq!(cost(catalogue, "2022-06", &stored), number("0.66"));
        let played = [played.clone()];
        assert_eq!(cost(catalogue, "2022-06", &played), number("234"));
    }
}

#[test]
fn stored_files_pay_by_the_peak_of_a_day_at_home_and_abroad() {
    let mainland = record(Service::VodStorage, "", "2022-06-15", 100 * GB);
    let less = Metered {
        quantity: 40 * GB,
        ..mainland.clone()
    };
    let abroad = Metered {
        zone: Region::Overseas,
        quantity: 50 * GB,
        ..mainland.clone()
    };
    for (catalogue, _) in SHIPPED {
        let records = [less.clone(), mainland.clone(), abroad.clone()];
        assert_eq!(cost(catalogue, "2022-06", &records), number("0.77"));
    }
}

#[test]
fn video_on_demand_includes_upper_bounds() {
    check(Service::VodTraffic, "", 550 * GB, "126.5");
    check(Service::VodTraffic, "", 500 * GB, "120");
    check(Service::VodTraffic, "", 2000 * GB, "460");
    check(Service::VodTraffic, "", 100_001 * GB, "15000.15");
}

#[test]
fn messaging_beyond_the_plan_pays_by_begun_units_of_the_most() {
    check(Service::ImOverUse, "users", 1, "1000");
    check(Service::ImOverUse, "users", 10_000, "1000");
    check(Service::ImOverUse, "users", 10_001, "2000");
    check(Service::ImOverUse, "groups", 100_000, "1000");
    check(Service::ImOverUse, "groups", 100_001, "2000");
    let days = [("2022-06-01", 9000), ("2022-06-02", 12_000)]
        .map(|(on, users)| record(Service::ImOverUse, "users", on, users));
    assert_eq!(cost(DEFAULT, "2022-06", &days), number("2000"));
}

#[test]
fn other_months_and_nothing_are_no_lines_and_no_price_is_told() {
    let catalogue = Catalogue::load(DEFAULT).expect("a catalogue");
    let records = [
        record(Service::Screenshot, "", "2022-07-01", 5000),
        record(Service::Screenshot, "", "2022-06-01", 0),
    ];
    let paid = Paid::default();
    let none = charges(&records, month("2022-06"), &catalogue, &paid).expect("priced");
    assert!(none.is_empty());
    let unknown = [record(Service::Transcoding, "av1-720p", "2022-06-01", 60)];
    let error = charges(&unknown, month("2022-06"), &catalogue, &paid).expect_err("no price");
    assert!(
        error.to_string().contains("transcoding av1-720p"),
        "{error}"
    );
}

#[test]
fn lines_have_names_of_their_own() {
    let catalogue = Catalogue::load(DEFAULT).expect("a catalogue");
    let records = [
        record(Service::ImOverUse, "users", "2022-06-01", 1),
        record(Service::ImOverUse, "groups", "2022-06-01", 1),
        record(Service::VodStorage, "", "2022-06-01", GB),
        record(Service::VodStorage, "", "2022-06-02", GB),
    ];
    let paid = Paid::default();
    let charges = charges(&records, month("2022-06"), &catalogue, &paid).expect("priced");
    let ids: Vec<String> = charges.iter().map(Charge::id).collect();
    assert_eq!(
        ids,
        [
            "a/vod-storage/mainland/2022-06-01@0.0048",
            "a/vod-storage/mainland/2022-06-02@0.0048",
            "a/im-over-use/groups/2022-06-01..2022-06-30@1000",
            "a/im-over-use/users/2022-06-01..2022-06-30@1000",
        ]
    );
}
