//! `make demo`: a small cluster lives through a scale-out, the replacement of a host and a
//! scale-in. Then a second group joins. At last the calculator scales a group itself. Both
//! functions are deployed from the template and run as in Lambda.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`cluster`] | the cluster, and the names in it |
//! | [`acts`] | the acts, and the result that each must have |
//! | [`show`] | the screen: progress, checks, the end |
//! | [`timeline`] | the timeline, from the world's history and the functions' logs |

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
    let of_both = ["ecs:UpdateContainerInstancesState", "sns:Publish", "cloudwatch:PutMetricData"];
    acts::curtain(&mut show, &of_both)?;
    show.deploy_anew()?;
    acts::direct_scaling(&mut show)?;
    acts::curtain(&mut show, &["autoscaling:SetDesiredCapacity", "cloudwatch:PutMetricData"])?;
    Ok(show.close())
}
