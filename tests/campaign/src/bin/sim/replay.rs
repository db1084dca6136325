//! One history, line by line, and the verdict.

use std::io::{Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use fleetkeeper_campaign::campaign::{timeline, verdict};
use fleetkeeper_campaign::rules::RULES;
use fleetkeeper_campaign::scenario::Scenario;
use fleetkeeper_campaign::strategy::scenario_of;

use crate::failure::json;

pub(crate) fn seed(seed: u64) -> ExitCode {
    show(&scenario_of(seed))
}

pub(crate) fn file(path: &Path) -> ExitCode {
    let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let scenario = read.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    match scenario {
        Ok(scenario) => show(&scenario),
        Err(error) => {
            eprintln!("sim: {} is not accepted: {error}; a scenario as JSON is", path.display());
            ExitCode::from(2)
        }
    }
}

fn show(scenario: &Scenario) -> ExitCode {
    let timeline = timeline(scenario).unwrap_or_else(|_| String::new());
    // A reader who has seen enough closes the pipe.
    let _ = writeln!(stdout(), "{}\n\n{timeline}", json(scenario));
    match verdict(scenario, &RULES) {
        None => {
            let _ = writeln!(stdout(), "every rule held");
            ExitCode::SUCCESS
        }
        Some(failed) => {
            let _ = writeln!(stdout(), "broken: {failed}");
            ExitCode::FAILURE
        }
    }
}
