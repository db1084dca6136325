//! What is on the screen.

use crate::cluster::Cluster;
use crate::function::MEMORY_SIZE;
use crate::measure::Measured;

pub(crate) fn print_title() {
    println!("\nThe capacity-calculator's package as a process, on {}", std::env::consts::ARCH);
}

pub(crate) fn print_head(awsvpc: bool) {
    let (mode, reads) = if awsvpc { ("awsvpc", ", which are read") } else { ("bridge", "") };
    println!("\nnetwork mode {mode}, tasks a host: {}{reads}", Cluster::tasks_a_host(awsvpc));
    println!("            ECS calls    ms to    ms of a look    ms on a CPU        peak MiB");
    println!("  hosts    cold  warm    start    cold    warm    cold   warm   start  cold  warm");
}

pub(crate) fn print_row(hosts: u32, measured: &Measured) {
    let Measured { started_in, peak_kib, cold, warm } = measured;
    let warm = warm.last().unwrap_or(cold);
    println!(
        "{hosts:>7}   {:>5} {:>5} {:>8} {:>7} {:>7} {:>7} {:>6} {:>7} {:>5} {:>5}",
        cold.ecs_calls,
        warm.ecs_calls,
        started_in.as_millis(),
        cold.took.as_millis(),
        warm.took.as_millis(),
        cold.on_cpu.as_millis(),
        warm.on_cpu.as_millis(),
        mib(*peak_kib),
        mib(cold.peak_kib),
        mib(warm.peak_kib),
    );
}

/// How the peak goes on, look after look.
pub(crate) fn print_course(hosts: u32, measured: &Measured) {
    let looks: Vec<_> = std::iter::once(&measured.cold).chain(&measured.warm).collect();
    let peaks = [1, 10, 30, 100, 200, 300].into_iter().filter_map(|number: usize| {
        let look = looks.get(number - 1)?;
        Some(format!("{} KiB after {number}", look.peak_kib))
    });
    println!("\none process, {hosts} hosts, look after look\npeak: {}", peaks.collect::<Vec<_>>().join(", "));
}

pub(crate) fn print_notes() {
    println!(
        "
start: from the process's start to its first request for an event. warm: the second warm look.
peak:  VmHWM, the most since the start: before the first event, after the cold look, after two warm ones.
       The template gives {MEMORY_SIZE} MiB.
Reads are paced on purpose, 50 at once and then one each 100 ms: above 2,500 hosts, 1,250 where tasks are read, that is
how long a look takes. Between two looks there is a pause, in which the pace recovers. The simulated ECS runs on this
machine, too, and a look waits for its answers. A CPU is one of this machine: Lambda gives a function of {MEMORY_SIZE} MiB
about a seventh of one."
    );
}

fn mib(kib: u64) -> u64 {
    kib.div_ceil(1024)
}
