//! `make demo`: a small cluster lives through a scale-out, the replacement of a host and a
//! scale-in. Then a second group joins. Both functions are deployed from the template and run as in
//! Lambda.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`cluster`] | the cluster, and what things in it are called |
//! | [`acts`] | what happens, act by act, and what must have come of it |
//! | [`show`] | what is on the screen: progress, checks, the end |
//! | [`timeline`] | what happened, from the world's history and the functions' logs |

// This binary is for a person at a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod acts;
mod cluster;
mod show;
mod timeline;

use std::process::ExitCode;

use fleetkeeper_tests::Error;
use show::Show;

fn main() -> ExitCode {
    match play() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\nthe demo broke off: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play() -> Result<bool, Error> {
    let mut show = Show::open()?;
    acts::scale_out(&mut show)?;
    acts::rolling_replacement(&mut show)?;
    acts::scale_in(&mut show)?;
    acts::other_architecture(&mut show)?;
    acts::curtain(&mut show)?;
    Ok(show.close())
}
