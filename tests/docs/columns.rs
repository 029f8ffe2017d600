//! The tables of columns are those of the files: names, order, types, nullability, and what footers say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use arrow::array::Array;
use arrow::datatypes::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::markdown::{Part, codes, section, table};
use super::{Place, document};

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    kind: String,
    is_nullable: bool,
}

/// What the files of a dataset are.
#[derive(Debug, Default)]
struct Files {
    columns: Vec<Column>,
    keys: BTreeSet<String>,
    /// Columns of which a value is null, and those of which one is not.
    nulls: BTreeSet<String>,
    values: BTreeSet<String>,
}

fn kind(of: &DataType) -> String {
    match of {
        DataType::Int64 => "int64".to_owned(),
        DataType::Utf8 => "text".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if **zone == *"UTC" => {
            "timestamp".to_owned()
        }
        DataType::Decimal128(digits, places) => format!("decimal({digits}, {places})"),
        other => format!("{other:?}"),
    }
}

/// The files of a dataset in a folder, which have one schema.
fn files(place: &Place, out: &str, dataset: &str) -> Files {
    let pattern = format!("{}/{out}/{dataset}/*/*.parquet", place.path().display());
    let mut all = Files::default();
    for path in glob::glob(&pattern).expect("a glob") {
        let file = File::open(path.expect("listed")).expect("opened");
        let file = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        let fields = file.schema().fields().iter().map(|field| Column {
            name: field.name().clone(),
            kind: kind(field.data_type()),
            is_nullable: field.is_nullable(),
        });
        let columns: Vec<Column> = fields.collect();
        assert!(
            all.columns.is_empty() || all.columns == columns,
            "{dataset}"
        );
        all.columns = columns;
        let metadata = file.metadata().file_metadata().key_value_metadata();
        let keys = metadata
            .into_iter()
            .flatten()
            .map(|entry| entry.key.clone());
        all.keys.extend(keys);
        for batch in file.build().expect("a reader") {
            let batch = batch.expect("readable");
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                if 0 < column.null_count() {
                    all.nulls.insert(field.name().clone());
                }
                if column.null_count() < column.len() {
                    all.values.insert(field.name().clone());
                }
            }
        }
    }
    assert!(!all.columns.is_empty(), "{dataset} is published");
    all
}

/// A folder in which every dataset was published, FOCUS 1.2 in `out` and 1.4 in `out-1.4`.
fn published() -> Place {
    let place = Place::new();
    let events = "--events samples/events.toml --services samples/services.csv";
    let registry = "--registry samples/registry.toml";
    for line in [
        "cdn-meter ingest samples/logs".to_owned(),
        format!("cdn-meter close --early --month 2026-10 {registry}"),
        "cdn-meter forget samples/logs/tencent-live.gz --reason test".to_owned(),
        format!("cdn-meter summary {registry}"),
        format!("cdn-meter bill {registry} {events} --focus"),
        format!("cdn-meter bill {registry} {events} --focus --focus-version 1.4 --out out-1.4"),
    ] {
        place.printed(&line);
    }
    place
}

const DATASETS: [&str; 5] = ["summary", "usage_5min", "adjustments", "charges", "costs"];

/// What of the guide's table of a dataset is not so.
fn wrong(text: &str, dataset: &str, columns: &[Column]) -> Vec<String> {
    let parts = section(text, &format!("Columns of `{dataset}`"));
    let without_nulls = parts.iter().any(
        |part| matches!(part, Part::Paragraph(text) if text.starts_with("No column is null.")),
    );
    let told = table(&parts, "column");
    let told: Vec<Column> = told
        .iter()
        .map(|row| Column {
            name: codes(&row[0]).concat(),
            kind: row[1].clone(),
            is_nullable: !without_nulls,
        })
        .collect();
    differences(&told, columns)
}

fn differences(told: &[Column], columns: &[Column]) -> Vec<String> {
    let mut wrong = Vec::new();
    for at in 0..told.len().max(columns.len()) {
        if told.get(at) != columns.get(at) {
            wrong.push(format!("{:?} is {:?}", told.get(at), columns.get(at)));
        }
    }
    wrong
}

/// What of the guide's table of FOCUS is not so for a version, as far as these files show.
fn wrong_of_focus(text: &str, version: &str, files: &Files) -> Vec<String> {
    let rows = table(&section(text, "Columns of `focus`"), "column");
    let rows: Vec<&Vec<String>> = rows
        .iter()
        .filter(|row| row[2].split(", ").any(|of| of == version))
        .collect();
    let told: Vec<Column> = rows
        .iter()
        .map(|row| Column {
            name: codes(&row[0]).concat(),
            kind: row[1].clone(),
            is_nullable: true,
        })
        .collect();
    let mut wrong = differences(&told, &files.columns);
    for (column, row) in told.iter().zip(&rows) {
        let is_null = files.nulls.contains(&column.name);
        let has_values = files.values.contains(&column.name);
        if (row[4] == "never" && is_null) || (row[4] == "always" && has_values) {
            wrong.push(format!("{} is null {}", column.name, row[4]));
        }
    }
    wrong
}

#[test]
fn columns_are_those_of_the_files() {
    let text = document("src/guide/datasets.md").text;
    let place = published();
    for dataset in DATASETS {
        let files = files(&place, "out", dataset);
        assert_eq!(wrong(&text, dataset, &files.columns), [""; 0], "{dataset}");
        assert_eq!(files.nulls, BTreeSet::new(), "{dataset}");
    }
    let versions = [("1.2", "out"), ("1.4", "out-1.4")];
    for (version, out) in versions {
        let files = files(&place, out, "focus");
        assert_eq!(wrong_of_focus(&text, version, &files), [""; 0], "{version}");
    }
    planted(
        &text,
        &files(&place, "out", "costs"),
        &files(&place, "out", "focus"),
    );
}

/// Errors of every kind are found.
fn planted(text: &str, costs: &Files, focus: &Files) {
    let wrong_of = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let planted = text.replace(from, to);
        let wrong = wrong(&planted, "costs", &costs.columns).len();
        wrong + wrong_of_focus(&planted, "1.2", focus).len()
    };
    assert_eq!(wrong_of("| `package_gigabytes` |", "| `packages` |"), 1);
    assert_eq!(wrong_of("| `unit` | text | | as in `charges` |\n", ""), 4);
    assert_eq!(
        wrong_of(
            "| decimal(38, 8) | `currency` | its part",
            "| int64 | B | its part"
        ),
        1
    );
    assert_eq!(
        wrong_of("No column is null. A row is what one", "A row is what one"),
        17
    );
    assert_eq!(
        wrong_of(
            "| `Correction` | of other lines |",
            "| `Correction` | never |"
        ),
        1
    );
}

#[test]
fn footers_hold_what_is_told() {
    let text = document("src/guide/datasets.md").text;
    let place = published();
    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let all = [&DATASETS[..], &["focus"]].concat();
    for row in table(&section(&text, "Footers"), "key") {
        let of = codes(&row[1]);
        for dataset in &all {
            if row[1] == "all" || of.iter().any(|name| name == dataset) {
                told.entry(dataset).or_default().extend(codes(&row[0]));
            }
        }
    }
    for dataset in all {
        assert_eq!(
            told[dataset],
            files(&place, "out", dataset).keys,
            "{dataset}"
        );
    }
}
