//! The page of log lines and errors has what the code logs, literally.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use fleetkeeper_tests::repository::in_repository;
use regex_lite::Regex;

use crate::layers::sources;

const PAGE: &str = "docs/troubleshooting.md";

fn code() -> String {
    let crates = ["crates/aws/src", "crates/lifecycle-drainer/src", "crates/capacity-calculator/src"];
    crates.into_iter().flat_map(sources).map(|(_, text)| text).collect::<Vec<_>>().join("\n")
}

/// The rows of tables that begin with these column names.
fn rows(of: &str) -> Vec<Vec<String>> {
    let page = fs::read_to_string(in_repository(PAGE)).unwrap();
    let head = format!("\n| {of} |");
    let tables = page.split(&head).skip(1);
    let rows = tables.flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')));
    rows.map(|row| row.trim_matches(['|', ' ']).split(" | ").map(str::to_owned).collect()).collect()
}

#[test]
fn the_page_has_the_event_codes_and_messages_of_the_code() {
    let code = code();
    let event = Regex::new(r#"(?:event = |=> )"([a-z]+_[a-z_]+)""#).unwrap();
    let logged: BTreeSet<_> = event.captures_iter(&code).map(|found| found[1].to_owned()).collect();
    let mut documented: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows("`event` | level | `message`") {
        documented.entry(row[0].trim_matches('`').to_owned()).or_default().push(row[2].clone());
    }
    assert_eq!(documented.keys().cloned().collect::<BTreeSet<_>>(), logged);
    for (event, messages) in documented {
        for message in messages {
            let literal = format!("\"{}\"", message.trim_matches('`'));
            assert!(code.contains(&literal), "{event} has no message {literal}");
        }
    }
}

#[test]
fn every_log_line_has_an_event_code() {
    let macros = Regex::new(r"\b(?:info|warn|error|debug)!\(").unwrap();
    let code = code();
    let mut lines = 0;
    for found in macros.find_iter(&code) {
        let call = &code[found.end()..];
        let mut depth = 1;
        let end = call.find(|letter| {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            depth == 0
        });
        let call = &call[..end.unwrap()];
        assert!(call.contains("event"), "no event code: {call}");
        lines += 1;
    }
    assert!(lines > 30, "{lines}");
}

#[test]
fn the_page_has_every_kind_of_error_and_no_other() {
    let kind = Regex::new(r#"=> "([A-Z][A-Za-z]+)","#).unwrap();
    let of = |path: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(in_repository(path)).unwrap();
        kind.captures_iter(&text).map(|found| found[1].to_owned()).collect()
    };
    let words = Regex::new("`([A-Za-z]+)`").unwrap();
    let shown = |table: &str| -> BTreeSet<String> {
        let first = rows(table).into_iter().map(|row| row[0].clone()).collect::<Vec<_>>().join(" ");
        words.captures_iter(&first).map(|found| found[1].to_owned()).collect()
    };
    assert_eq!(shown("`kind` | what to do"), of("crates/capacity-calculator/src/error.rs"));
    assert_eq!(shown("`errorType` | the error begins with"), of("crates/lifecycle-drainer/src/error.rs"));
}
