//! Many instances of one cluster terminated at once.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_campaign::scenario::{Scenario, ServicePlan, What};
use fleetkeeper_campaign::stage::{HOOK, Played, play};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};

use crate::scenes::{at, calm, task};

/// Hosts terminated at once, of one and a half times as many and ten more, each with some four
/// tasks.
fn mass(hosts: u32, concurrency: Option<u32>) -> Scenario {
    let mut scenario = calm();
    let cluster = &mut scenario.clusters[0];
    cluster.groups[0].hosts = hosts + hosts / 2 + 10;
    cluster.groups[0].heartbeat_seconds = 900;
    cluster.services = vec![ServicePlan { tasks: hosts * 4, ..cluster.services[0].clone() }];
    cluster.services[0].task = task();
    scenario.drainer.timeout_seconds = 900;
    scenario.drainer.reserved_concurrency = concurrency;
    scenario.happenings.push(at(10, What::Terminate { host: 0, hosts, replaced: false }));
    scenario.quiet_after_seconds = 1200;
    scenario.quiet_seconds = 1200;
    scenario
}

struct Figures {
    drained: usize,
    reads: usize,
    /// The most reads within a minute.
    peak: usize,
    /// The longest from a host's last task's end to the end of its action.
    latest: TimeDelta,
    invocations: usize,
    calls: BTreeMap<&'static str, u32>,
}

fn figures(played: &Played) -> Figures {
    let entries = played.world.history().entries();
    let mut emptied: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    let mut hosts: BTreeMap<Ec2InstanceId, String> = BTreeMap::new();
    let mut on: BTreeMap<String, String> = BTreeMap::new();
    let (mut reads, mut drained, mut latest) = (Vec::new(), 0, TimeDelta::zero());
    let mut invocations = 0;
    for entry in entries {
        match &entry.what {
            Occurrence::ContainerInstanceChanged(to) => {
                hosts.insert(to.ec2_instance_id.clone(), to.arn.0.clone());
            }
            Occurrence::TaskPlaced { task, container_instance, .. } => {
                on.insert(task.0.clone(), container_instance.0.clone());
            }
            Occurrence::TaskStatus { task, status, .. } if status.as_str() == "STOPPED" => {
                emptied.insert(on[&task.0].clone(), entry.at);
            }
            Occurrence::ApiCalled { operation, .. } => {
                let read = matches!(
                    operation,
                    Operation::ListContainerInstances
                        | Operation::DescribeContainerInstances
                        | Operation::ListTasks
                        | Operation::DescribeTasks
                );
                if read {
                    reads.push(entry.at);
                }
            }
            Occurrence::InvocationStarted { .. } => invocations += 1,
            Occurrence::ActionEnded { hook, instance, end, .. } if hook == HOOK => {
                assert!(matches!(end, ActionEnd::Completed(_)), "{instance}: {end:?}");
                drained += 1;
                let empty = emptied.get(&hosts[instance]).copied().unwrap_or(played.began);
                latest = latest.max(entry.at - empty);
            }
            _ => {}
        }
    }
    let window = TimeDelta::seconds(60);
    let most =
        reads.iter().map(|at| reads.iter().filter(|it| (*at..*at + window).contains(*it)).count()).max();
    let calls = played.world.history().api_calls();
    Figures {
        drained,
        reads: reads.len(),
        peak: most.unwrap_or(0),
        latest,
        invocations,
        calls: calls.into_iter().map(|(operation, count)| (operation.name(), count)).collect(),
    }
}

/// Another hook holds the first hosts back long after this one is done with them: their messages
/// coordinate nothing.
#[test]
fn instances_that_begin_to_wait_while_others_wait_at_another_hook_are_not_lost() {
    for hosts in [3, 5] {
        let mut scenario = mass(hosts, None);
        scenario.clusters[0].groups[0].other_hook_seconds = Some(600);
        for (seconds, host) in [(200, 0), (220, 1), (400, 2)] {
            let late = What::Terminate { host, hosts: 1, replaced: false };
            scenario.happenings.push(at(seconds, late));
        }
        let figures = figures(&play(&scenario).unwrap());
        println!("{figures}");
        assert_eq!(figures.drained, usize::try_from(hosts).unwrap() + 3);
        assert!(figures.latest <= TimeDelta::seconds(60), "{figures}");
    }
}

/// The coordinator's message is republished, past all the messages that were delegated to it.
#[test]
fn drains_that_outlast_their_invocations_are_not_lost() {
    for concurrency in [None, Some(1), Some(5)] {
        let mut scenario = mass(200, concurrency);
        scenario.drainer.timeout_seconds = 60;
        scenario.clusters[0].services[0].task.deregistration_seconds = 300;
        let figures = figures(&play(&scenario).unwrap());
        println!("functions at once {concurrency:?}: {figures}");
        assert_eq!(figures.drained, 200);
        assert!(figures.peak <= 50 + 10 * 60, "{figures}");
        assert!(figures.latest <= TimeDelta::seconds(60), "{figures}");
    }
}

/// With more tasks than fit into the pace of reads, each drain has its turn. The pace decides how
/// late it ends.
#[test]
fn drains_of_more_tasks_than_can_be_read_at_once_are_not_lost() {
    for (concurrency, heartbeat_seconds) in [(None, 900), (Some(1), 900), (Some(1), 30)] {
        let mut scenario = mass(200, concurrency);
        let cluster = &mut scenario.clusters[0];
        cluster.groups[0].heartbeat_seconds = heartbeat_seconds;
        cluster.services[0].tasks = 200 * 40;
        (cluster.services[0].task.cpu, cluster.services[0].task.memory) = (32, 64);
        let figures = figures(&play(&scenario).unwrap());
        println!("functions at once {concurrency:?}, a hook of {heartbeat_seconds} s: {figures}");
        assert_eq!(figures.drained, 200);
        assert!(figures.peak <= 50 + 10 * 60, "{figures}");
        assert!(figures.latest <= TimeDelta::seconds(240), "{figures}");
    }
}

/// Prints what drains cost, by their number, with and without a bound to the functions that run at
/// once.
#[test]
fn mass_drains_stay_within_half_the_bucket_and_none_ends_a_minute_late() {
    for concurrency in [None, Some(1)] {
        for hosts in [1, 3, 10, 100, 500] {
            let figures = figures(&play(&mass(hosts, concurrency)).unwrap());
            println!("{hosts} at once, functions at once {concurrency:?}: {figures}");
            assert_eq!(figures.drained, usize::try_from(hosts).unwrap());
            // ECS gives 100 at once and 20 a second.
            assert!(figures.peak <= 50 + 10 * 60, "{figures}");
            assert!(figures.latest <= TimeDelta::seconds(60), "{figures}");
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { drained, reads, peak, latest, invocations, calls } = self;
        let a_drain = reads * 10 / (*drained).max(1);
        let latest = latest.num_seconds();
        write!(f, "{drained} drained, {reads} reads ({}.{} a drain, ", a_drain / 10, a_drain % 10)?;
        write!(f, "at most {peak} in a minute), ")?;
        write!(f, "hook completed {latest} s after the last task at most, {invocations} invocations")?;
        for (operation, count) in calls {
            write!(f, "\n    {count:5} {operation}")?;
        }
        Ok(())
    }
}
