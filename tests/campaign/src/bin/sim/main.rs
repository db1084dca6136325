//! `make sim`: plays a campaign, or one history again, and says what came of it.
//!
//! | module | purpose |
//! | --- | --- |
//! | `options` | the command line |
//! | `progress` | how far it is |
//! | `summary` | the sums of a campaign |
//! | `failure` | a seed that failed: reported, shrunk, written down |
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

use options::Command;
use progress::Progress;

fn main() -> ExitCode {
    match Command::read(lexopt::Parser::from_env()) {
        Ok(Command::Help) => {
            println!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Ok(Command::Campaign { from, seeds, jobs }) => play(&Campaign { from, seeds, jobs, rules: &RULES }),
        Ok(Command::Seed(seed)) => replay::seed(seed),
        Ok(Command::Replay(path)) => replay::file(&path),
        Err(refused) => {
            eprintln!("sim: {refused}");
            ExitCode::from(2)
        }
    }
}

fn play(campaign: &Campaign<'_>) -> ExitCode {
    let began = Instant::now();
    let progress = Progress::new(campaign.seeds, began);
    let tally = campaign.run(|tally| progress.report(tally));
    progress.done();
    summary::print(&tally, began.elapsed());
    failure::report(&tally.failures);
    let unseen = summary::unseen(&tally);
    for state in &unseen {
        println!("never seen in {} histories: {state}", tally.histories);
    }
    if tally.failures.is_empty() && unseen.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
