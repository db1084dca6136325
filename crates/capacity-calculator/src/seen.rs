//! Which events the last snapshot covers already, and which come too soon after it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn};
use fleetkeeper_core::ports::READS_LAG_MAX;

use crate::trigger::Trigger;

/// Events buy at most one snapshot in this time: a cluster in constant change would otherwise cost
/// one for each of its events. The schedule picks up what is held, except that a placement failure
/// waits: a host is missing now.
pub(crate) const HOLD: TimeDelta = TimeDelta::seconds(10);

/// With direct scaling a placement failure is acted on at once: it waits until this long after the
/// last snapshot began. A storm of them buys a snapshot every 2 s, until one began after reads have
/// settled that covers the rest. However large the cluster, the reads keep their pace.
pub(crate) const URGENT_HOLD: TimeDelta = TimeDelta::seconds(2);

/// The last published snapshots, by cluster, kept while the function is warm. The keys are names,
/// as in metrics: an event gives an ARN where a variable may give a name.
#[derive(Debug, Default)]
pub(crate) struct Seen(RefCell<BTreeMap<String, Snapshot>>);

#[derive(Debug)]
struct Snapshot {
    began: DateTime<Utc>,
    versions: BTreeMap<ContainerInstanceArn, u64>,
}

impl Seen {
    /// Keeps what was published of a snapshot that began then.
    pub(crate) fn keep(&self, cluster: &Cluster, began: DateTime<Utc>, instances: &[ContainerInstance]) {
        let versions = instances.iter().map(|instance| (instance.arn.clone(), instance.version)).collect();
        self.0.borrow_mut().insert(cluster.name().to_owned(), Snapshot { began, versions });
    }

    /// When the last snapshot began, where an event comes within `hold` of that. A schedule is
    /// never held.
    pub(crate) fn holds(
        &self,
        cluster: &Cluster,
        trigger: &Trigger,
        hold: TimeDelta,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let seen = self.0.borrow();
        let began = seen.get(cluster.name())?.began;
        (trigger.is_change() && now >= began && now < began + hold).then_some(began)
    }

    /// When the snapshot began that has all that the event reports, where there is one: that of its
    /// container instance, at its version or later; or what happened well before it, where the
    /// event is of no instance. A schedule is never covered, as alarms need data.
    pub(crate) fn covers(&self, cluster: &Cluster, trigger: &Trigger) -> Option<DateTime<Utc>> {
        let seen = self.0.borrow();
        let snapshot = seen.get(cluster.name())?;
        let covered = match (&trigger.container_instance, trigger.version) {
            (Some(arn), Some(version)) => snapshot.versions.get(arn).is_some_and(|seen| *seen >= version),
            _ => trigger.failed_placement.is_some_and(|at| at + READS_LAG_MAX <= snapshot.began),
        };
        covered.then_some(snapshot.began)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const INSTANCE: &str = "arn:aws:ecs:us-east-1:111122223333:container-instance/demo/1";
    const CLUSTER: &str = "arn:aws:ecs:us-east-1:111122223333:cluster/demo";

    fn began() -> DateTime<Utc> {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    /// The state after a snapshot with one instance, at version 7.
    fn covers(cluster: &str, event: Value) -> bool {
        let seen = Seen::default();
        let described: ContainerInstance = instance(7);
        seen.keep(&CLUSTER.parse().unwrap(), began(), &[described]);
        seen.covers(&cluster.parse().unwrap(), &Trigger::read(event).unwrap()).is_some()
    }

    fn instance(version: u64) -> ContainerInstance {
        ContainerInstance {
            registered_at: None,
            arn: ContainerInstanceArn(INSTANCE.to_owned()),
            ec2_instance_id: "i-00000001".to_owned(),
            status: "ACTIVE".into(),
            agent_connected: true,
            running_tasks: 0,
            pending_tasks: 0,
            registered: fleetkeeper_core::container_instance::Resources::default(),
            remaining: fleetkeeper_core::container_instance::Resources::default(),
            attributes: fleetkeeper_core::container_instance::Attributes::default(),
            capacity_provider: None,
            network_interfaces: None,
            version,
        }
    }

    fn change(arn: &str, version: u64) -> Value {
        json!({"detail": {"clusterArn": CLUSTER, "containerInstanceArn": arn, "version": version}})
    }

    /// Returns whether an event is held this many seconds after the last snapshot of the cluster
    /// began.
    fn holds(event: Value, seconds: i64) -> bool {
        is_held(event, HOLD, seconds)
    }

    fn is_held(event: Value, hold: TimeDelta, seconds: i64) -> bool {
        let (seen, cluster) = (Seen::default(), CLUSTER.parse().unwrap());
        seen.keep(&cluster, began(), &[instance(7)]);
        let trigger = Trigger::read(event).unwrap();
        seen.holds(&cluster, &trigger, hold, began() + TimeDelta::seconds(seconds)).is_some()
    }

    #[test]
    fn events_are_held_for_10_s_and_schedules_never() {
        let failed =
            json!({"detail": {"clusterArn": CLUSTER, "eventName": "SERVICE_TASK_PLACEMENT_FAILURE"}});
        for event in [change(INSTANCE, 8), change("arn:new", 1), failed] {
            assert_eq!([0, 9, 10].map(|seconds| holds(event.clone(), seconds)), [true, true, false]);
            let urgent = [1, 2].map(|seconds| is_held(event.clone(), URGENT_HOLD, seconds));
            assert_eq!(urgent, [true, false]);
        }
        assert!(!holds(json!({"detail-type": "Scheduled Event"}), 0));
        assert!(!holds(json!({}), 0));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing() {
        assert!(!holds(change(INSTANCE, 8), -1));
    }

    #[test]
    fn a_cluster_without_a_snapshot_holds_nothing() {
        let trigger = Trigger::read(change(INSTANCE, 8)).unwrap();
        assert_eq!(Seen::default().holds(&CLUSTER.parse().unwrap(), &trigger, HOLD, began()), None);
    }

    #[test]
    fn an_instance_at_the_version_of_the_event_or_later_is_seen() {
        assert!(covers(CLUSTER, change(INSTANCE, 6)));
        assert!(covers(CLUSTER, change(INSTANCE, 7)));
        assert!(!covers(CLUSTER, change(INSTANCE, 8)));
    }

    #[test]
    fn an_instance_or_a_cluster_that_is_new_is_not() {
        assert!(!covers(CLUSTER, change("arn:new", 1)));
        assert!(!covers("arn:aws:ecs:us-east-1:111122223333:cluster/other", change(INSTANCE, 7)));
    }

    #[test]
    fn a_cluster_is_the_same_by_its_name_and_by_its_arn() {
        assert!(covers("demo", change(INSTANCE, 7)));
        assert!(!covers("other", change(INSTANCE, 7)));
    }

    #[test]
    fn an_event_without_a_version_and_a_schedule_never_are() {
        assert!(!covers(
            CLUSTER,
            json!({"detail": {"clusterArn": CLUSTER, "containerInstanceArn": INSTANCE}})
        ));
        assert!(!covers(CLUSTER, json!({"detail-type": "Scheduled Event", "time": "2026-11-23T11:00:00Z"})));
    }

    #[test]
    fn a_placement_that_failed_is_seen_where_the_snapshot_began_well_after_it() {
        let failed = |time: &str| {
            let detail = json!({"clusterArn": CLUSTER, "eventName": "SERVICE_TASK_PLACEMENT_FAILURE"});
            json!({"detail-type": "ECS Service Action", "time": time, "detail": detail})
        };
        assert!(covers(CLUSTER, failed("2026-11-23T11:59:55Z")));
        assert!(!covers(CLUSTER, failed("2026-11-23T11:59:56Z")));
        assert!(!covers(CLUSTER, failed("yesterday")));
    }
}
