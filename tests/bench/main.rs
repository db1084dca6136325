//! `make bench`, its second half: what the capacity-calculator takes as a process, by the number of hosts. The package
//! that would be deployed reads a simulated ECS over HTTP; memory, time and calls are taken from outside.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`cluster`] | the clusters, and which calls a look at one takes |
//! | [`function`] | the package as a process: its start, its memory, its CPU time |
//! | [`runtime_api`] | Lambda's runtime API, for one process |
//! | [`cloud_watch`] | CloudWatch, as far as it takes metrics |
//! | [`server`] | how both of them are served |
//! | [`measure`] | one process, look by look: a cold invocation, and warm ones |
//! | [`table`] | what is on the screen |
//!
//! It fails where an invocation does, where it made other calls than it should, and where it took more memory than the
//! template gives it. No time is judged: that depends on the machine.

// This binary is for a person at a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod cloud_watch;
mod cluster;
mod function;
mod measure;
mod runtime_api;
mod server;
mod table;

use std::process::ExitCode;

use cluster::Cluster;
use fleetkeeper_tests::Error;
use function::Package;
use measure::Measured;

const HOSTS: [u32; 4] = [10, 100, 1_000, 5_000];

/// Warm invocations of each: the first one still has its memory to find.
const WARM: u32 = 2;

/// A process lives for hours, and looks every minute: so many looks show whether each leaves something behind.
const COURSE: (Cluster, u32) = (Cluster { hosts: 100, awsvpc: false }, 299);

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("nothing is measured: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Error> {
    let package = Package::unpack("capacity-calculator")?;
    let mut all_well = true;
    table::print_title();
    for awsvpc in [false, true] {
        table::print_head(awsvpc);
        for hosts in HOSTS {
            let measured = measure::measure(&package, Cluster { hosts, awsvpc }, WARM);
            all_well &= shown(&measured, hosts, |measured| table::print_row(hosts, measured));
        }
    }
    let (cluster, warm) = COURSE;
    let measured = measure::measure(&package, cluster, warm);
    all_well &= shown(&measured, cluster.hosts, |measured| table::print_course(cluster.hosts, measured));
    table::print_notes();
    Ok(all_well)
}

fn shown(measured: &Result<Measured, Error>, hosts: u32, show: impl Fn(&Measured)) -> bool {
    match measured {
        Ok(measured) => show(measured),
        Err(error) => eprintln!("{hosts:>7}  {error}"),
    }
    measured.is_ok()
}
