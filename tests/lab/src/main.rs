//! `make lab`: plays traces under several policies, and shows what came of it.
//!
//! | module | purpose |
//! | --- | --- |
//! | `docs` | the tables of a documentation page |
//! | `options` | the command line |
//! | `progress` | how far it is, and how long it still takes |

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

mod docs;
mod options;
mod progress;

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use fleetkeeper_lab::experiment::{Experiment, TraceOutcome};
use fleetkeeper_lab::report::document::Document;
use fleetkeeper_lab::report::{page, table};
use fleetkeeper_lab::trace::{Trace, csv, shipped};

use options::{Command, Options};
use progress::Bar;

fn main() -> ExitCode {
    let options = match Command::read(lexopt::Parser::from_env()) {
        Ok(Command::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Command::Play(options)) => options,
        Err(refused) => {
            eprintln!("lab: {refused}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {}", fleetkeeper_core::error_chain::ErrorChain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(page) = &options.docs {
        return docs::write(page, options);
    }
    let experiment = experiment(options)?;
    let bar = Bar::new();
    let outcomes = experiment.run(&|progress| bar.report(progress))?;
    bar.done();
    for outcome in &outcomes {
        println!("{}\n", table::terminal(outcome));
        if options.timeline {
            println!("{}\n", table::longest_waits(outcome));
        }
    }
    println!("{}", table::LEGEND);
    write(options, &experiment, &outcomes)
}

fn experiment(options: &Options) -> Result<Experiment, Box<dyn Error>> {
    let adapt = |trace: Trace| {
        let trace = match options.hours {
            Some(hours) => trace.cut_to(hours.saturating_mul(3600)),
            None => trace,
        };
        trace.on_each(&options.hosts)
    };
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let drawn = |seed: u64| shipped::all(seed).into_iter().filter(|trace| wanted(&trace.name));
    let traces = match &options.traces {
        Some(path) => {
            let read = csv::read(path)?.into_iter().filter(|trace| wanted(&trace.name));
            let read = read.map(|trace| trace.running_batch_as(options.batch_as));
            vec![read.flat_map(adapt).collect()]
        }
        None => options.seeds.iter().map(|seed| drawn(*seed).flat_map(adapt).collect()).collect(),
    };
    if traces.iter().all(Vec::is_empty) {
        let only = options.only.join(",");
        return Err(format!("--only={only:?} is not accepted: no trace has such a name").into());
    }
    Ok(Experiment {
        traces,
        policies: options.policies.clone(),
        seeds: options.seeds.clone(),
        scheduler: options.scheduler(),
        jobs: options.jobs,
    })
}

fn write(
    options: &Options,
    experiment: &Experiment,
    outcomes: &[TraceOutcome],
) -> Result<(), Box<dyn Error>> {
    let document = Document {
        seeds: &experiment.seeds,
        placement: options.placement.name,
        back_off: options.backs_off,
        balance_zones_s: options.balances_zones_after,
        traces: outcomes,
    };
    fs::create_dir_all(&options.out)?;
    let json = options.out.join("lab.json");
    fs::write(&json, serde_json::to_string_pretty(&document)?)?;
    let html = options.out.join("lab.html");
    fs::write(&html, page::html(&document)?)?;
    for outcome in outcomes {
        let name = format!("{}.svg", outcome.trace);
        fs::write(options.out.join(name), fleetkeeper_lab::report::chart::standalone(outcome)?)?;
        if options.timeline {
            fs::write(options.out.join(format!("{}.csv", outcome.trace)), table::minutes(outcome))?;
        }
        fs::write(options.out.join(format!("{}.md", outcome.trace)), table::markdown(outcome) + "\n")?;
    }
    println!("\n{} and {}", html.display(), json.display());
    Ok(())
}
