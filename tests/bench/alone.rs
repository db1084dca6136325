//! What is measured of the calculator alone: all that it does by default, which Python does not,
//! and many snapshots in a row.

use fleetkeeper_tests::Error;

use crate::cluster::Cluster;
use crate::package::{Packages, Subject};
use crate::snapshots::{Process, Scene};
use crate::tls::Tls;

/// The most memory of a process at the most hosts.
const GROUPED_MIB_MAX: u64 = 96;

const HOSTS: [u32; 4] = [10, 100, 1_000, 5_000];

/// Warm invocations of each: the first one still has its memory to find.
const WARM: u32 = 2;

/// A process lives for hours, and takes a snapshot every minute. This many snapshots show whether
/// each leaves something behind.
const COURSE: (u32, u32) = (100, 299);

pub(crate) fn print(packages: &Packages, tls: &Tls) -> Result<(), Error> {
    println!("The calculator as it comes: the worst case is found in the services' task definitions");
    for awsvpc in [false, true] {
        let (mode, reads) = if awsvpc { ("awsvpc", ", which are read") } else { ("bridge", "") };
        println!("\nnetwork mode {mode}, tasks a host: {}{reads}", Cluster::tasks_a_host(awsvpc));
        print_head();
        for hosts in HOSTS {
            let scene = Scene::set(Cluster { hosts, awsvpc, given: false, grouped: false }, tls, true)?;
            let of_error = |error: Error| -> Error { format!("{hosts} hosts: {error}").into() };
            print_row(hosts, &scene.measure(packages, Subject::Fleetkeeper, WARM).map_err(of_error)?);
        }
    }
    print_grouped(packages, tls)?;
    let (hosts, warm) = COURSE;
    let scene = Scene::set(Cluster { hosts, awsvpc: false, given: false, grouped: false }, tls, true)?;
    print_course(hosts, &scene.measure(packages, Subject::Fleetkeeper, warm)?);
    println!(
        "
warm: the second warm snapshot. peak: VmHWM, the most since the start.
Reads are paced on purpose, 50 at once and then one each 100 ms: above 2,500 hosts, 1,250 where tasks are read, that is
how long a snapshot takes; and between the two lists of tasks there are 5 s. A CPU is one of this machine: Lambda gives a
function of 256 MiB about a seventh of one.
"
    );
    Ok(())
}

/// With what the group is missing and can lose, for which the tasks of all hosts are read here.
pub(crate) fn print_grouped(packages: &Packages, tls: &Tls) -> Result<(), Error> {
    println!("\nwith its Auto Scaling group, and all hosts' tasks");
    print_head();
    for hosts in HOSTS {
        let scene = Scene::set(Cluster { hosts, awsvpc: false, given: false, grouped: true }, tls, true)?;
        let measured = scene.measure(packages, Subject::Fleetkeeper, WARM);
        let measured = measured.map_err(|error| -> Error { format!("{hosts} hosts: {error}").into() })?;
        print_row(hosts, &measured);
        let peak = measured.warm.last().unwrap_or(&measured.cold).peak_kib;
        if mib(peak) > GROUPED_MIB_MAX {
            return Err(format!("{hosts} hosts took {} MiB, more than {GROUPED_MIB_MAX}", mib(peak)).into());
        }
    }
    Ok(())
}

fn print_head() {
    println!("            API calls    ms of a snapshot    ms on a CPU        peak MiB");
    println!("  hosts    cold  warm    cold    warm    cold   warm   start  cold  warm");
}

fn print_row(hosts: u32, measured: &Process) {
    let Process { peak_kib, cold, warm, .. } = measured;
    let warm = warm.last().unwrap_or(cold);
    println!(
        "{hosts:>7}   {:>5} {:>5} {:>7} {:>7} {:>7} {:>6} {:>7} {:>5} {:>5}",
        cold.calls.values().sum::<u32>(),
        warm.calls.values().sum::<u32>(),
        cold.took.as_millis(),
        warm.took.as_millis(),
        cold.on_cpu.as_millis(),
        warm.on_cpu.as_millis(),
        mib(*peak_kib),
        mib(cold.peak_kib),
        mib(warm.peak_kib),
    );
}

/// How the peak goes on, snapshot after snapshot.
fn print_course(hosts: u32, measured: &Process) {
    let snapshots: Vec<_> = std::iter::once(&measured.cold).chain(&measured.warm).collect();
    let peaks = [1, 10, 30, 100, 200, 300].into_iter().filter_map(|number: usize| {
        let snapshot = snapshots.get(number - 1)?;
        Some(format!("{} KiB after {number}", snapshot.peak_kib))
    });
    println!(
        "\none process, {hosts} hosts, snapshot after snapshot\npeak: {}",
        peaks.collect::<Vec<_>>().join(", ")
    );
}

fn mib(kib: u64) -> u64 {
    kib.div_ceil(1024)
}
