//! Fast path and grammar agree on arbitrary bytes, on mutated lines, and across lines.

use cdn_meter::record::{Fate, Layout};
use proptest::prelude::*;

use crate::check::check_block;

/// Lines that each format accepts, and some that it nearly does: seeds for mutation.
const SEEDS: &[(&str, &[&str])] = &[
    (
        "tencent-cdn",
        &[
            r#"20240303081502 203.0.113.9 v.example.cn /a/1.ts?k=9 188416 22 2 206 NULL 41 "Player/1.0 (Linux; x)" "bytes=0-188000" GET HTTP/1.1 hit 51022"#,
            "20240303081502 203.0.113.9 v.example.cn /a/1.ts - -1 -1 404 - 41",
            "20240229235959 2001:db8::1 V.example.cn /x 18446744073709551615 22 - 0",
            "20240303081559 203.0.113.9 v.example.cn /a b 5 22 2 206 NULL",
            "\0\0\x0020161231235960 203.0.113.9 v.example.cn /a 5 22 2 206 NULL",
            "\u{feff}20161231235961 203.0.113.9 v.example.cn /a 5 22 2 206 NULL",
        ],
    ),
    (
        "tencent-live",
        &[
            r#"20240303081502 203.0.113.9 play.example.cn http://play.example.cn/live/r7.flv 1048576 1 19 1 200 - 61 "Player/1.0" - GET r7 hit 198.51.100.4 CN 1 51022"#,
            "20240303081502 203.0.113.9 play.example.cn rtmp://x/y 0 1 32 1 6 -",
            "20240303081502 203.0.113.9 play.example.cn /y 77 174 - - 0",
        ],
    ),
    (
        "cloudfront",
        &[
            "2024-03-03\t00:15:02\tFRA56-P1\t188416\t203.0.113.9\tGET\td111.cloudfront.net\t/a/1.ts\t200\t-\tPlayer/1.0\t-\t-\tHit\tid1==\tv.example.com\thttps\t512",
            "2024-03-03\t00:15:03\tFRA56-P1\t-\t203.0.113.9\tGET\td111.cloudfront.net\t/a/1.ts\t000\t-\tPlayer/1.0\t-\t-\tError\tid1==\tV.example.com\t",
            "#Fields: time date sc-bytes sc-status cs(Host) x-edge-location",
            "#Fields: date time tz x-event sc-bytes sc-status x-host-header",
            "00:15:03\t2024-03-03\t17\t206\tv.example.com",
            "#Version: 1.0",
            "\u{feff}#Fields: date time sc-bytes sc-status x-host-header",
            "\0\0\u{feff}#Fields: time date sc-bytes sc-status x-host-header",
            "2016-12-31\t23:59:60\t188416\t200\tv.example.com",
        ],
    ),
    (
        "cloudflare",
        &[
            r#"{"ClientRequestHost":"v.example.com","EdgeStartTimestamp":"2024-03-03T00:15:02Z","EdgeResponseBytes":188416,"EdgeResponseStatus":206,"ClientCountry":"cn","ClientRequestSource":"eyeball"}"#,
            r#"{"ClientRequestHost":"v.example.com","EdgeStartTimestamp":1709424902,"EdgeResponseBytes":-1,"EdgeResponseStatus":0,"x":{"a":["}"]},"WorkerSubrequest":false}"#,
            r#"{"ClientRequestHost":"v.example.com","EdgeStartTimestamp":1709424902000000000,"EdgeResponseBytes":1,"ClientRequestSource":"edgeWorkerFetch"}"#,
            r#"{"ClientRequestHost":"v.example.com","EdgeStartTimestamp":"2024-03-03T00:15:60Z","EdgeResponseBytes":7,"ParentRayID":"00"}"#,
            r#"{"ClientRequestHost":"v.example.com","EdgeStartTimestamp":1709424902,"ParentRayID":"3a6050bcbe121a87"}"#,
            r#"{ "ClientRequestHost" : "v\"x" , "EdgeStartTimestamp":"2024-03-03T08:15:02.25+08:00","EdgeResponseBytes":null}"#,
        ],
    ),
    (
        "nginx",
        &[
            r#"v.example.com:443 203.0.113.9 - - [03/Mar/2024:08:15:02 +0800] "GET /a HTTP/1.1" 200 188416 "-" "Player/1.0""#,
            r#"v.example.com:443 203.0.113.9 - a b [03/Mar/2024:08:15:02 -0330] "GET /\"x\" HTTP/1.1" 206 - "-" "-""#,
            "2024/03/03 08:15:02 [error] 7#7: *1 open() failed",
            "\0\u{feff}v.example.com:443 203.0.113.9 - - [31/Dec/2016:23:59:60 +0000] \"GET /a HTTP/1.1\" 200 1 \"-\" \"-\"",
        ],
    ),
];

fn layout(name: &str) -> Layout {
    Layout::by_name(name, Some("vhost_combined")).expect("a format of ours")
}

#[derive(Clone, Debug)]
enum Edit {
    Set(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Cut(usize),
    Double(usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let byte = prop_oneof![
        any::<u8>(),
        proptest::sample::select(&b" \t\"\\-:/[]{},.01569#\r\n+TZ%\0\xef\xbb\xbf"[..]),
    ];
    let at = 0..400usize;
    prop_oneof![
        (at.clone(), byte.clone()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (at.clone(), byte).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        at.clone().prop_map(Edit::Remove),
        at.clone().prop_map(Edit::Cut),
        (at, 1..30usize).prop_map(|(at, len)| Edit::Double(at, len)),
    ]
}

fn apply(line: &mut Vec<u8>, edit: &Edit) {
    let place = |at: usize| at % line.len().max(1);
    match *edit {
        _ if line.is_empty() => {}
        Edit::Set(at, byte) => {
            let at = place(at);
            line[at] = byte;
        }
        Edit::Insert(at, byte) => line.insert(place(at), byte),
        Edit::Remove(at) => {
            line.remove(place(at));
        }
        Edit::Cut(at) => line.truncate(place(at)),
        Edit::Double(at, len) => {
            let at = place(at);
            let copy = line[at..(at + len).min(line.len())].to_vec();
            line.splice(at..at, copy);
        }
    }
}

fn mutated_block() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let line = |seeds: &'static [&'static str]| {
        (
            proptest::sample::select(seeds),
            proptest::collection::vec(edit(), 0..4),
        )
            .prop_map(|(seed, edits)| {
                let mut line = seed.as_bytes().to_vec();
                edits.iter().for_each(|edit| apply(&mut line, edit));
                line
            })
    };
    proptest::sample::select(SEEDS).prop_flat_map(move |(name, seeds)| {
        proptest::collection::vec(line(seeds), 1..6)
            .prop_map(move |lines| (name, lines.join(&b'\n')))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn fast_path_and_grammar_agree_on_mutated_lines((name, block) in mutated_block()) {
        check_block(&layout(name), &block);
    }

    #[test]
    fn fast_path_and_grammar_agree_on_arbitrary_bytes(
        (name, _) in proptest::sample::select(SEEDS.to_vec()),
        block in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        check_block(&layout(name), &block);
    }
}

#[test]
fn the_seeds_are_metered_so_that_mutation_starts_from_good_lines() {
    for (name, seeds) in SEEDS {
        let metered = seeds
            .iter()
            .filter(|seed| matches!(layout(name).specify(seed.as_bytes()), Fate::Metered(_)));
        assert!(2 <= metered.count(), "{name}");
    }
}
