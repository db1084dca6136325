//! `make bench`, its second half: both functions as processes, beside handlers in Python that do
//! the same work, in one run. The packages that would be deployed reach a simulated AWS over TLS;
//! memory, time and calls are taken from outside.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`package`] | the subjects: the packages, the alternative, and the smallest function |
//! | [`environment`] | an execution environment of Lambda: a process, and its runtime API |
//! | [`runtime_api`] | Lambda's runtime API, for one process |
//! | [`aws`] | AWS as a function reaches it, each call answered after the same time |
//! | [`server`], [`tls`] | how both are served |
//! | [`cluster`] | the clusters, and the calls of a snapshot of one |
//! | [`snapshots`] | the calculator, snapshot by snapshot |
//! | [`drains`] | the drainer, with instances that terminate at one time |
//! | [`comparison`] | pair by pair |
//! | [`computation`] | the figures of the first half |
//! | [`alone`] | the measurements of the calculator alone |
//!
//! It fails where an invocation of ours does. It also fails where one made other calls than it
//! should, killed a task, or took more memory than the template gives it. No time is judged: that
//! depends on the computer.

// This binary is for a person at a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod alone;
mod aws;
mod cluster;
mod comparison;
mod computation;
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
        Some("groups") => groups(),
        Some("publish") => page::publish(FIGURES),
        Some(other) => {
            let accepted =
                "nothing, to measure all, groups, to measure the calculator with its group alone, or publish";
            Err(format!("{other} is not accepted: {accepted}").into())
        }
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the benchmark broke off: {error}");
            ExitCode::FAILURE
        }
    }
}

fn groups() -> Result<(), Error> {
    alone::print_grouped(&package::Packages::unpack()?, &tls::Tls::new()?)
}

fn run() -> Result<(), Error> {
    let packages = package::Packages::unpack()?;
    let tls = tls::Tls::new()?;
    let figures = comparison::compare(&packages, &tls)?;
    let path = in_repository(FIGURES);
    fs::create_dir_all(in_repository("target/bench"))?;
    fs::write(&path, serde_json::to_string_pretty(&figures)? + "\n")?;
    println!("\n{}\n{} has them\n", table::tables(&figures), path.display());
    alone::print(&packages, &tls)
}
