//! Reports a seed that failed, with the command that replays it, and writes its shrunk scenario to
//! a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{fs, io};

use fleetkeeper_campaign::campaign::{Failed, timeline};
use fleetkeeper_campaign::rules::RULES;
use fleetkeeper_campaign::scenario::Scenario;
use fleetkeeper_campaign::shrink::shrink;
use fleetkeeper_campaign::strategy::scenario_tree;

use crate::progress::Progress;

/// Reports all of them, and then shrinks the first of each rule, which may take minutes.
pub(crate) fn report(failures: &[(u64, Failed)]) {
    let commit = if failures.is_empty() { String::new() } else { commit() };
    for (seed, failed) in failures {
        println!("\nseed {seed}, commit {commit}\n  {failed}\n  again: make sim SEED={seed}");
    }
    let mut shrunk = BTreeSet::new();
    for (seed, failed) in failures.iter().filter(|(_, failed)| shrunk.insert(failed.rule)) {
        report_smallest(*seed, failed);
    }
}

fn report_smallest(seed: u64, failed: &Failed) {
    let progress = Progress::new(0, Instant::now());
    let smallest = shrink(scenario_tree(seed), failed.clone(), &RULES, |plays| progress.shrinking(plays));
    progress.done();
    println!("\nseed {seed} shrunk, {} played: {}", smallest.plays, smallest.failed);
    match write(seed, &smallest.scenario) {
        Ok(file) => println!("  again: make sim REPLAY={}", file.display()),
        Err(error) => println!("  it could not be written down: {error}"),
    }
}

/// The scenario, and beside it its timeline.
fn write(seed: u64, scenario: &Scenario) -> io::Result<PathBuf> {
    let folder = Path::new("target/sim");
    fs::create_dir_all(folder)?;
    let file = folder.join(format!("{seed}.json"));
    fs::write(&file, json(scenario))?;
    let timeline = timeline(scenario).unwrap_or_else(|failed| failed.to_string());
    fs::write(file.with_extension("txt"), timeline)?;
    Ok(file)
}

/// A scenario as it is written down.
pub(crate) fn json(scenario: &Scenario) -> String {
    serde_json::to_string_pretty(scenario).unwrap_or_else(|error| error.to_string())
}

/// A seed is one of its strategies: the commit identifies them.
fn commit() -> String {
    let git = Command::new("git").args(["describe", "--always", "--dirty", "--exclude=*"]).output();
    let said = git.ok().filter(|git| git.status.success()).and_then(|git| String::from_utf8(git.stdout).ok());
    said.map_or_else(|| "unknown".to_owned(), |said| said.trim().to_owned())
}
