//! The README does what it says.

use std::process::Command;

use crate::program::{Place, root};

/// The shell blocks of a Markdown text.
fn shell_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "```sh" {
            let block: Vec<_> = lines
                .by_ref()
                .take_while(|line| line.trim() != "```")
                .collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

/// Commands that are run elsewhere or need more than Rust, and why.
const NOT_HERE: [(&str, &str); 4] = [
    ("cargo test", "it is what runs this test"),
    (
        "cargo bench",
        "it takes minutes; .ci/run runs the benches as tests",
    ),
    ("benches/peers/run.sh", "it needs other people's programs"),
    (
        "python3",
        "the interop suite runs it where Python is at hand",
    ),
];

#[test]
fn every_shell_block_runs() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("read");
    let place = Place::new();
    // Some commands leave a store where they are run; what they read of the repository is linked.
    std::os::unix::fs::symlink(root().join("samples"), place.path().join("samples"))
        .expect("linked");
    let mut ran = 0;
    for block in shell_blocks(&readme) {
        for line in block
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        {
            if NOT_HERE.iter().any(|(word, _)| line.contains(word)) {
                continue;
            }
            // The built program stands in for `cargo run`: same code, no second build.
            let program = env!("CARGO_BIN_EXE_cdn-meter");
            let line = line.replace("cargo run --release --", program);
            let line = match line.strip_prefix("cdn-meter ") {
                Some(rest) => format!("{program} {rest}"),
                None => line,
            };
            let line = line.replace(" out", &format!(" {}", place.out().display()));
            let output = Command::new("sh")
                .args(["-ec", &line])
                .current_dir(place.path())
                .output();
            let output = output.expect("a shell");
            assert!(
                output.status.success(),
                "{line}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
            ran += 1;
        }
    }
    assert!(3 <= ran, "the README has commands: {ran}");
}

#[test]
fn the_output_in_the_readme_is_real() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("read");
    let place = Place::new();
    let logs = root().join("samples/logs").display().to_string();
    let registry = root().join("samples/registry.toml").display().to_string();
    let said = place.run(&[&logs, "--registry", &registry]);
    let shown: Vec<_> = readme
        .lines()
        .filter(|line| line.starts_with("2026-"))
        .collect();
    assert!(3 <= shown.len());
    // Times differ from run to run; the table and the reconciliation do not.
    let fixed = ["lines  ", "bytes  ", "files  "];
    let lines = readme
        .lines()
        .filter(|line| fixed.iter().any(|start| line.starts_with(start)));
    for line in shown.into_iter().chain(lines) {
        assert!(
            said.stdout.lines().any(|other| other == line),
            "`{line}` is not printed"
        );
    }
}
