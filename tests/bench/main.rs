//! `make bench`, its second half: both functions as processes, beside handlers in Python that do
//! the same work, in one run. The packages that would be deployed reach a simulated AWS over TLS;
//! memory, time and calls are taken from outside.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`package`] | the subjects: the packages and the alternative |
//! | [`environment`] | an execution environment of Lambda: a process, and its runtime API |
//! | [`runtime_api`] | Lambda's runtime API, for one process |
//! | [`aws`] | AWS as a function reaches it, each call answered after the same time |
//! | [`server`], [`tls`] | how both are served |
//! | [`cluster`] | the clusters, and the calls of a snapshot of one |
//! | [`snapshots`] | the calculator, snapshot by snapshot |
//! | [`drains`] | the drainer, with instances that terminate at one time |
//! | [`comparison`] | pair by pair |
//!
//! It fails where an invocation of ours does. It also fails where one made other calls than it
//! should, killed a task, or took more memory than the template gives it. No time is judged: that
//! depends on the computer.

// This binary is for a person at a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod aws;
mod cluster;
mod comparison;
mod drains;
mod environment;
mod package;
mod runtime_api;
mod server;
mod snapshots;
mod tls;

use std::fs;
use std::process::ExitCode;

use fleetkeeper_tests::Error;
use fleetkeeper_tests::performance::{page, table};
use fleetkeeper_tests::repository::in_repository;

/// Where a run leaves its figures.
const FIGURES: &str = "target/bench/performance.json";

fn main() -> ExitCode {
    let ran = match std::env::args().nth(1).as_deref() {
        None => run(),
        Some("publish") => page::publish(FIGURES),
        Some(other) => Err(format!("{other} is not accepted: nothing, to measure, or publish").into()),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the benchmark broke off: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let figures = comparison::compare(&package::Packages::unpack()?, &tls::Tls::new()?)?;
    let path = in_repository(FIGURES);
    fs::create_dir_all(in_repository("target/bench"))?;
    fs::write(&path, serde_json::to_string_pretty(&figures)? + "\n")?;
    println!("\n{}\n{} has them\n", table::tables(&figures), path.display());
    Ok(())
}
