//! The published figures are what the laboratory says now.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fleetkeeper_lab::report::pages;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/outcomes.md")
}

/// One row of a short trace, with all seeds: a change of the handlers, the alarms or the world that
/// changes an outcome changes it. `make lab-docs` writes all tables anew.
#[test]
fn a_row_of_the_page_is_what_the_laboratory_says() {
    let (trace, policy) = ("burst", "Fleetkeeper one");
    let published = fs::read_to_string(page()).unwrap();
    let all = pages::tables(&published);
    let of_trace = |words: &&Vec<String>| words.iter().any(|word| word == trace);
    let words = all.iter().find(of_trace).unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(words).args(["--policy", policy, "--out"]).arg(out.path());
    let output = lab.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let table = fs::read_to_string(out.path().join(format!("{trace}.md"))).unwrap();
    let row = table.lines().find(|line| line.starts_with(&format!("| {policy} |"))).unwrap();
    assert!(
        published.lines().any(|line| line == row),
        "docs/outcomes.md does not have this row. `make lab-docs` writes its tables anew:\n{row}"
    );
}

/// A table without its comment would never be written again.
#[test]
fn each_table_of_outcomes_has_a_comment() {
    let published = fs::read_to_string(page()).unwrap();
    let mut tables = 0;
    let blocks: Vec<&str> = published.split("\n\n").collect();
    for pair in blocks.windows(2) {
        if pair[1].starts_with("| policy | cost |") || pair[1].starts_with("| policy | noticed |") {
            assert!(pair[0].starts_with("<!-- lab "), "no comment above a table: {}", pair[0]);
            tables += 1;
        }
    }
    assert_eq!(pages::tables(&published).len(), tables);
}
