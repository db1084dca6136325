//! `make sim`: plays a campaign, or one history again, and says what came of it.
//!
//! | room | purpose |
//! | --- | --- |
//! | `options` | the command line |
//! | `progress` | how far it is |
//! | `summary` | what a campaign added up to |
//! | `failure` | a seed that failed: told, shrunk, written down |
//! | `replay` | one history, line by line |

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

mod failure;
mod options;
mod progress;
mod replay;
mod summary;

use std::process::ExitCode;
use std::time::Instant;

use fleetkeeper_campaign::campaign::Campaign;
use fleetkeeper_campaign::rules::RULES;

use options::{Command, Options};
use progress::Progress;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(refused) => {
            eprintln!("sim: {refused}");
            return ExitCode::from(2);
        }
    };
    match options.command {
        Command::Help => {
            println!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Command::Campaign { from, seeds } => {
            play(&Campaign { from, seeds, jobs: options.jobs, rules: &RULES })
        }
        Command::Seed(seed) => replay::seed(seed),
        Command::Replay(path) => replay::file(&path),
    }
}

fn play(campaign: &Campaign<'_>) -> ExitCode {
    let began = Instant::now();
    let progress = Progress::new(campaign.seeds, began);
    let tally = campaign.run(|tally| progress.look(tally));
    progress.done();
    summary::print(&tally, began.elapsed());
    failure::tell(&tally.failures);
    let unseen = summary::unseen(&tally);
    for state in &unseen {
        println!("never seen in {} histories: {state}", tally.histories);
    }
    if tally.failures.is_empty() && unseen.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
