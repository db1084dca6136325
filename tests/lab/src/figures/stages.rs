//! Where the wait of a task went: on the way from a wanted task to a host that runs it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_sim::world::history::{Entry, Occurrence};
use serde::Serialize;

/// The parts of a wait, in seconds. They add up to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Stages {
    /// Until a snapshot showed that hosts were missing.
    pub noticed: u32,
    /// From then until the task's host was launched: the alarm, and the policy.
    pub decided: u32,
    /// From then until it joined the cluster.
    pub launched: u32,
    /// From then until the task ran. All of the wait where the host was there before.
    pub placed: u32,
}

impl Stages {
    /// The wait.
    #[must_use]
    pub fn wait(&self) -> u32 {
        self.noticed + self.decided + self.launched + self.placed
    }
}

/// When hosts were launched, when they joined, and when snapshots found some missing.
#[derive(Debug, Clone, Default)]
pub(super) struct Launches {
    launched: BTreeMap<Ec2InstanceId, DateTime<Utc>>,
    joined: BTreeMap<ContainerInstanceArn, (Ec2InstanceId, DateTime<Utc>)>,
    missing: Vec<DateTime<Utc>>,
}

impl Launches {
    /// Goes on with what happened.
    pub(super) fn add(&mut self, entry: &Entry) {
        match &entry.what {
            Occurrence::InstanceLaunching { instance, .. } => {
                self.launched.insert(instance.clone(), entry.at);
            }
            Occurrence::ContainerInstanceRegistered { container_instance, ec2_instance_id, .. } => {
                self.joined.insert(container_instance.clone(), (ec2_instance_id.clone(), entry.at));
            }
            Occurrence::MetricDataPut { values, .. }
                if values.iter().any(|put| put.name == "MissingHosts" && put.value > 0.0) =>
            {
                self.missing.push(entry.at);
            }
            _ => {}
        }
    }

    /// The wait of a task that now runs on a host.
    pub(super) fn stages(
        &self,
        host: &ContainerInstanceArn,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Stages {
        let known = self.joined.get(host);
        let joined = known.map_or(since, |(_, at)| *at).clamp(since, now);
        let launched = known.and_then(|(instance, _)| self.launched.get(instance)).copied();
        let launched = launched.unwrap_or(since).clamp(since, joined);
        let first = self.missing.partition_point(|at| *at < since);
        let noticed = self.missing.get(first).copied().unwrap_or(launched).min(launched);
        let seconds = |from: DateTime<Utc>, to: DateTime<Utc>| {
            u32::try_from((to - from).num_milliseconds().max(0) / 1000).unwrap_or(u32::MAX)
        };
        let whole = seconds(since, now);
        let (noticed, decided, launched) =
            (seconds(since, noticed), seconds(noticed, launched), seconds(launched, joined));
        let placed = whole.saturating_sub(noticed + decided + launched);
        Stages { noticed, decided, launched, placed }
    }
}

/// The mean parts of the longest waits, a hundredth of all.
#[must_use]
pub fn of_the_longest(all: &[Stages]) -> Option<Stages> {
    let mut sorted: Vec<&Stages> = all.iter().collect();
    sorted.sort_by_key(|stages| std::cmp::Reverse(stages.wait()));
    sorted.truncate(all.len().div_ceil(100));
    let count = u32::try_from(sorted.len()).ok().filter(|count| *count > 0)?;
    let mean = |of: fn(&Stages) -> u32| sorted.iter().map(|stages| of(stages)).sum::<u32>() / count;
    Some(Stages {
        noticed: mean(|it| it.noticed),
        decided: mean(|it| it.decided),
        launched: mean(|it| it.launched),
        placed: mean(|it| it.placed),
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use fleetkeeper_sim::world::history::PutValue;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn launches() -> (Launches, ContainerInstanceArn) {
        let instance: Ec2InstanceId = "i-00000001".parse().unwrap();
        let host = ContainerInstanceArn("host".to_owned());
        let put = |value| Occurrence::MetricDataPut {
            namespace: "ns".to_owned(),
            values: vec![PutValue { name: "MissingHosts", group: None, value }],
        };
        let group = "hosts".to_owned();
        let mut launches = Launches::default();
        for (second, what) in [
            (0, put(0.0)),
            (30, put(1.0)),
            (50, Occurrence::InstanceLaunching { group, instance: instance.clone() }),
            (
                150,
                Occurrence::ContainerInstanceRegistered {
                    cluster: "lab".to_owned(),
                    container_instance: host.clone(),
                    ec2_instance_id: instance,
                },
            ),
        ] {
            launches.add(&Entry { at: at(second), by: None, what });
        }
        (launches, host)
    }

    #[test]
    fn the_parts_of_a_wait_add_up_to_it() {
        let (launches, host) = launches();
        let stages = launches.stages(&host, at(10), at(156));
        assert_eq!(stages, Stages { noticed: 20, decided: 20, launched: 100, placed: 6 });
        assert_eq!(stages.wait(), 146);
    }

    #[test]
    fn a_host_that_was_coming_or_there_takes_no_decision() {
        let (launches, host) = launches();
        let coming = launches.stages(&host, at(60), at(156));
        assert_eq!(coming, Stages { noticed: 0, decided: 0, launched: 90, placed: 6 });
        let there = launches.stages(&host, at(200), at(500));
        assert_eq!(there, Stages { placed: 300, ..Stages::default() });
    }

    #[test]
    fn the_longest_waits_are_a_hundredth_of_all() {
        let of = |placed| Stages { placed, ..Stages::default() };
        let all: Vec<Stages> = (1..=200).map(of).collect();
        assert_eq!(of_the_longest(&all), Some(of(199)));
        assert_eq!(of_the_longest(&[]), None);
    }
}
