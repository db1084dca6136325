//! Direct scaling's actions on groups, in single situations.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::decision::HeldReason;
use super::fixture::{Cluster, needs};
use super::{
    Direct, DirectSettings, Fleet, GroupScalingDecision, HeldBack, MaxDraining, Memory, ScalingMemory,
};
use crate::container_instance::ContainerInstanceStatus;
use crate::lifecycle::InstanceRefreshStatus;
use crate::service::Deployment;
use crate::task::TaskDefinitionArn;

/// A cluster with what direct scaling knows of it.
struct Scene {
    cluster: Cluster,
    memory: ScalingMemory,
    refreshes: BTreeMap<String, Option<InstanceRefreshStatus>>,
    settings: DirectSettings,
}

impl Scene {
    /// A group `web` of this many hosts of 1,000 CPU units and MiB, in zone a, without a scale-out
    /// for long. A service `api` has these many tasks of 300 on each.
    fn of(tasks: &[u32]) -> Self {
        let mut cluster = Cluster::new().group("web", tasks.len(), 1_000, 1_000).service(
            "api",
            tasks.iter().sum(),
            needs(300, 300),
        );
        for (host, tasks) in tasks.iter().enumerate() {
            cluster.run("api", host, *tasks);
        }
        let settings =
            DirectSettings { scale_in_after: TimeDelta::minutes(5), max_draining: MaxDraining::Hosts(1) };
        let refreshes = [("web".to_owned(), None)].into();
        let mut scene = Self { cluster, memory: ScalingMemory::default(), refreshes, settings };
        scene.observe_at(-30);
        scene
    }

    fn at_once(mut self, hosts: u32) -> Self {
        self.settings.max_draining = MaxDraining::Hosts(hosts);
        self
    }

    fn zones(mut self, zones: &[&str]) -> Self {
        for (instance, zone) in self.cluster.group_mut("web").instances.iter_mut().zip(zones) {
            instance.availability_zone = (*zone).to_owned();
        }
        self
    }

    fn start() -> DateTime<Utc> {
        Cluster::new().snapshot.began
    }

    fn observe_at(&mut self, minute: i64) {
        self.cluster.snapshot.began = Self::start() + TimeDelta::minutes(minute);
        self.memory.observe(&self.cluster.snapshot);
    }

    /// Decides, and keeps what was decided.
    fn decide_at(&mut self, minute: i64) -> GroupScalingDecision {
        self.observe_at(minute);
        let Cluster { snapshot, memory, headroom, .. } = &self.cluster;
        let fleet = Fleet::new(snapshot, memory, *headroom);
        let direct = Direct { settings: self.settings, memory: &self.memory, refreshes: &self.refreshes };
        let decided = fleet.scale(&fleet.decide(), &direct);
        let now = self.cluster.snapshot.began;
        for group in &decided.groups {
            let removable = group.remove.iter().chain(&group.removable);
            let ids: Vec<_> = removable.map(|removal| removal.instance.clone()).collect();
            self.memory.observe_removable(&group.group, &ids, now);
        }
        decided.groups[0].clone()
    }

    /// The decision once each removable host has been so for five minutes.
    fn decide(&mut self) -> GroupScalingDecision {
        for minute in 0..5 {
            let early = self.decide_at(minute);
            assert!(early.remove.is_empty(), "minute {minute}: {early:?}");
        }
        self.decide_at(5)
    }

    fn removed(&mut self) -> Vec<usize> {
        removed(&self.decide())
    }
}

fn removed(decided: &GroupScalingDecision) -> Vec<usize> {
    let ids = decided.remove.iter().map(|removal| removal.instance.as_str().trim_start_matches("i-"));
    ids.map(|digits| usize::from_str_radix(digits, 16).unwrap()).collect()
}

fn reasons(decided: &GroupScalingDecision) -> Vec<(Option<String>, HeldReason)> {
    decided.held_by.iter().map(|held| (held.instance.clone(), held.reason.clone())).collect()
}

#[test]
fn waiting_tasks_raise_the_group_at_once() {
    let mut scene = Scene::of(&[3, 3]);
    scene.cluster.service_mut("api").desired = 10;
    scene.cluster.service_mut("api").deployments[0].desired = 10;
    let decided = scene.decide_at(0);
    let raise = decided.raise.unwrap();
    assert_eq!((raise.from, raise.to), (2, 4));
    assert_eq!((decided.remove, decided.held_back), (Vec::new(), Some(HeldBack::HostsMissing)));
}

#[test]
fn a_host_is_removed_once_it_has_been_removable_for_five_minutes() {
    let mut scene = Scene::of(&[2, 1, 0]);
    let early = scene.decide_at(0);
    let until = Scene::start() + TimeDelta::minutes(5);
    assert_eq!(early.held_back, Some(HeldBack::NotLongEnough { until }));
    assert_eq!(early.removable.len(), 2);
    assert_eq!(scene.removed(), [2]);
}

#[test]
fn a_host_that_was_not_removable_in_between_starts_anew() {
    let mut scene = Scene::of(&[1, 0]);
    for minute in 0..4 {
        assert!(scene.decide_at(minute).remove.is_empty());
    }
    scene.cluster.group_mut("web").instances[1].protected = true;
    scene.cluster.group_mut("web").minimum = 2;
    assert!(scene.decide_at(4).remove.is_empty());
    scene.cluster.group_mut("web").minimum = 0;
    scene.cluster.group_mut("web").instances[1].protected = false;
    for minute in 5..10 {
        assert!(scene.decide_at(minute).remove.is_empty(), "minute {minute}");
    }
    assert_eq!(removed(&scene.decide_at(10)), [1]);
}

#[test]
fn the_cheapest_host_is_removed_first() {
    // Empty, then fewest tasks.
    assert_eq!(Scene::of(&[2, 1, 0, 1]).at_once(2).removed(), [2, 1]);
    // Among as many tasks the smallest.
    let mut scene = Scene::of(&[1, 0, 1]);
    scene.cluster = scene.cluster.service("small", 1, needs(100, 100));
    scene.cluster.run("small", 1, 1);
    assert_eq!(scene.removed(), [1]);
    // Then the oldest launch template, then the oldest host.
    let mut scene = Scene::of(&[0, 0, 0]);
    for (instance, version) in scene.cluster.group_mut("web").instances.iter_mut().zip([3, 2, 2]) {
        instance.launch_template_version = Some(version);
    }
    assert_eq!(scene.at_once(3).removed(), [1, 2, 0]);
}

#[test]
fn held_hosts_are_passed_over_and_named() {
    let mut scene = Scene::of(&[1, 1, 1, 1, 1, 1]).at_once(2);
    let arn = |host: usize, scene: &Scene| scene.cluster.snapshot.container_instances[host].arn.clone();
    let definition = TaskDefinitionArn("api:1".to_owned());
    scene.cluster.put(None, &definition, 0);
    let protected = arn(1, &scene);
    scene.cluster.snapshot.tasks.get_mut(&protected).unwrap()[0].protected = true;
    scene.cluster.host_mut(2).attributes.0.insert("fleetkeeper.keep".to_owned(), None);
    scene.cluster.group_mut("web").instances[3].protected = true;
    scene.cluster.host_mut(4).agent_connected = false;
    let decided = scene.decide();
    assert_eq!(removed(&decided), [5]);
    let held: Vec<_> = reasons(&decided).into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(
        held,
        [
            HeldReason::StandaloneTasks,
            HeldReason::ProtectedTask,
            HeldReason::Kept,
            HeldReason::ProtectedFromScaleIn,
            HeldReason::AgentDisconnected,
        ]
    );
}

#[test]
fn a_service_that_is_being_deployed_keeps_its_hosts() {
    let mut scene = Scene::of(&[1, 1]);
    let service = scene.cluster.service_mut("api");
    let deployment = Deployment { desired: 0, running: 0, ..service.deployments[0].clone() };
    service.deployments.insert(0, deployment);
    let decided = scene.decide_at(0);
    let being_deployed = HeldReason::ServiceBeingDeployed { service: "api".to_owned() };
    assert!(reasons(&decided).iter().all(|(_, reason)| *reason == being_deployed), "{decided:?}");
    assert_eq!(decided.held_back, Some(HeldBack::NothingRemovable));
    // A host without a task of it goes.
    let mut scene = Scene::of(&[1, 0]);
    let service = scene.cluster.service_mut("api");
    service.deployments.push(service.deployments[0].clone());
    service.deployments[1].running = 0;
    service.deployments[1].desired = 0;
    assert_eq!(scene.removed(), [1]);
}

#[test]
fn hosts_are_removed_from_the_zone_with_most_hosts_counted_anew_each_time() {
    let mut scene = Scene::of(&[0, 0, 0, 0, 0]).zones(&["a", "b", "b", "b", "a"]).at_once(4);
    assert_eq!(scene.removed(), [1, 0, 2, 3]);
    // The host of the smaller zone is cheaper, and stays.
    let mut scene = Scene::of(&[0, 1, 1]).zones(&["a", "b", "b"]);
    let planned = |decided: &GroupScalingDecision| {
        let ids = decided.removable.iter().map(|removal| removal.instance.as_str());
        ids.map(|id| id.chars().last().unwrap()).collect::<String>()
    };
    // Once one is gone from the larger zone, the other zone may lose one, too.
    assert_eq!(planned(&scene.decide_at(0)), "10");
    assert_eq!(scene.removed(), [1]);
}

#[test]
fn the_last_host_of_a_zone_stays_for_a_service_that_spreads_over_zones() {
    let zone = "attribute:ecs.availability-zone".to_owned();
    let mut scene = Scene::of(&[1, 1]).zones(&["a", "b"]);
    scene.cluster.service_mut("api").spreads_over = vec![zone.clone()];
    let decided = scene.decide_at(0);
    assert_eq!(decided.held_back, Some(HeldBack::NothingRemovable));
    let last = HeldReason::LastInZone { service: "api".to_owned() };
    assert!(reasons(&decided).iter().any(|(_, reason)| *reason == last), "{decided:?}");
    // With two hosts in the zone one of them goes.
    let mut scene = Scene::of(&[1, 1, 1]).zones(&["a", "b", "b"]).at_once(3);
    scene.cluster.service_mut("api").spreads_over = vec![zone.clone()];
    assert_eq!(scene.removed(), [1]);
    // None goes while the agent of the other one is away.
    let mut scene = Scene::of(&[1, 1, 1]).zones(&["a", "b", "b"]).at_once(3);
    scene.cluster.service_mut("api").spreads_over = vec![zone];
    scene.cluster.host_mut(2).agent_connected = false;
    assert_eq!(scene.removed(), [0_usize; 0]);
}

#[test]
fn a_group_keeps_its_minimum_by_the_units_of_its_hosts() {
    let mut scene = Scene::of(&[0, 0, 0]).at_once(3);
    scene.cluster.group_mut("web").minimum = 2;
    assert_eq!(scene.removed(), [0]);
    let mut scene = Scene::of(&[0, 0, 0]).at_once(3);
    let group = scene.cluster.group_mut("web");
    group.instances.iter_mut().for_each(|instance| instance.weight = 4);
    (group.minimum, group.desired) = (5, 12);
    scene.memory = ScalingMemory::default();
    scene.observe_at(-30);
    assert_eq!(scene.removed(), [0]);
}

#[test]
fn hosts_that_drain_count_against_how_many_may_at_once() {
    let draining = |scene: &mut Scene, host: usize| {
        scene.cluster.host_mut(host).status = ContainerInstanceStatus::Draining;
    };
    let mut scene = Scene::of(&[0, 0, 0, 0]).at_once(2);
    draining(&mut scene, 3);
    assert_eq!(scene.removed(), [0]);
    let mut scene = Scene::of(&[0, 0, 0, 0]).at_once(1);
    draining(&mut scene, 3);
    let decided = scene.decide();
    assert_eq!(decided.held_back, Some(HeldBack::EnoughDraining { draining: 1, most: 1 }));
    // One that terminates without a container instance counts, one that is retained does not.
    for (state, is_removed) in [("Terminating:Proceed", false), ("Terminating:Retained", true)] {
        let mut scene = Scene::of(&[0, 0, 0]).at_once(1);
        scene.cluster.group_mut("web").instances[2].lifecycle_state = state.to_owned();
        scene.cluster.group_mut("web").desired = 2;
        scene.cluster.snapshot.container_instances.pop();
        assert_eq!(!scene.decide().remove.is_empty(), is_removed, "{state}");
    }
}

#[test]
fn a_share_of_the_hosts_may_drain_at_once() {
    let mut scene = Scene::of(&[0; 25]);
    scene.settings.max_draining = "10%".parse().unwrap();
    assert_eq!(scene.removed(), [0, 1]);
}

#[test]
fn a_termination_that_was_asked_for_counts_before_it_is_read() {
    let mut scene = Scene::of(&[0, 0, 0]).at_once(1);
    let decided = scene.decide();
    let asked = decided.remove[0].instance.clone();
    let now = scene.cluster.snapshot.began;
    scene.cluster.memory.asked_to_terminate(&asked, now);
    let next = scene.decide_at(6);
    assert_eq!(next.held_back, Some(HeldBack::EnoughDraining { draining: 1, most: 1 }));
    assert!(next.removable.iter().all(|removal| removal.instance != asked));
    // It was in vain: once reads must show it, the host is one like the others again.
    assert_eq!(scene.decide_at(7).remove.len(), 1);
}

#[test]
fn what_is_asked_to_terminate_leaves_no_room_to_the_next() {
    // Two hosts with room for two tasks, and one to move: only one of them can go.
    let mut scene = Scene::of(&[3, 1, 1]).at_once(3);
    assert_eq!(scene.removed().len(), 1);
    let memory = &mut scene.cluster.memory;
    *memory = Memory::default();
    memory.asked_to_terminate(&"i-00000000000000001".parse().unwrap(), Scene::start());
    let decided = scene.decide_at(0);
    assert_eq!(decided.removable, []);
}

#[test]
fn a_group_is_left_alone_with_the_reason() {
    type Change = fn(&mut Scene);
    let suspend = |scene: &mut Scene, process: &str| {
        scene.cluster.group_mut("web").suspended.insert(process.to_owned());
    };
    let refresh = |status: &str| Some(InstanceRefreshStatus(status.to_owned()));
    let mut scenes = Vec::new();
    for process in ["Launch", "Terminate", "AlarmNotification"] {
        let mut scene = Scene::of(&[3, 0]);
        suspend(&mut scene, process);
        scenes.push((scene, HeldBack::ProcessSuspended { process: process.to_owned() }));
    }
    for status in ["Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress"] {
        let mut scene = Scene::of(&[3, 0]);
        scene.refreshes.insert("web".to_owned(), refresh(status));
        scenes.push((scene, HeldBack::InstanceRefresh { status: status.to_owned() }));
    }
    let by: Change = |scene| scene.refreshes.clear();
    let mut unread = Scene::of(&[3, 0]);
    by(&mut unread);
    scenes.push((unread, HeldBack::RefreshesNotRead));
    let mut by_ecs = Scene::of(&[3, 0]);
    by_ecs.cluster.snapshot.scaled_by_ecs.insert("web".to_owned(), "spot".to_owned());
    scenes.push((by_ecs, HeldBack::ScaledByEcs { capacity_provider: "spot".to_owned() }));
    for (mut scene, why) in scenes {
        assert!(why.is_hands_off());
        assert_eq!(scene.decide_at(0).held_back, Some(why.clone()));
        // Nor is the group raised.
        scene.cluster.service_mut("api").desired = 20;
        scene.cluster.service_mut("api").deployments[0].desired = 20;
        let decided = scene.decide_at(1);
        assert_eq!((decided.raise, decided.held_back), (None, Some(why)));
    }
    let mut scene = Scene::of(&[3, 0]);
    suspend(&mut scene, "AZRebalance");
    scene.refreshes.insert("web".to_owned(), refresh("Successful"));
    assert_eq!(scene.removed(), [1]);
}

#[test]
fn no_host_is_removed_within_ten_minutes_of_a_scale_out() {
    let mut scene = Scene::of(&[1, 0, 0]);
    scene.cluster.group_mut("web").desired = 4;
    scene.observe_at(-1);
    scene.cluster.group_mut("web").desired = 3;
    let until = Scene::start() + TimeDelta::minutes(9);
    for minute in 0..9 {
        assert_eq!(scene.decide_at(minute).held_back, Some(HeldBack::ScaledOut { until }));
    }
    assert_eq!(removed(&scene.decide_at(9)), [1]);
}

#[test]
fn a_plan_is_made_in_time_for_the_end_of_the_wait_and_not_before() {
    let mut scene = Scene::of(&[1, 0]);
    scene.memory = ScalingMemory::default();
    let planned = (0..10).map(|minute| scene.decide_at(minute).removable.len());
    assert_eq!(planned.collect::<Vec<_>>(), [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn a_cold_start_waits_as_after_a_scale_out() {
    let mut scene = Scene::of(&[1, 0]);
    scene.memory = ScalingMemory::default();
    let until = Scene::start() + TimeDelta::minutes(10);
    for minute in 0..10 {
        assert_eq!(scene.decide_at(minute).held_back, Some(HeldBack::ScaledOut { until }));
    }
    assert_eq!(removed(&scene.decide_at(10)), [1]);
}

#[test]
fn no_host_is_removed_while_a_task_waits_or_the_group_changes() {
    let mut scene = Scene::of(&[1, 0, 0]);
    scene.cluster.service_mut("api").desired += 1;
    scene.cluster.service_mut("api").deployments[0].desired += 1;
    let waits = HeldBack::TasksWait { service: "api".to_owned() };
    assert_eq!(scene.decide().held_back, Some(waits));

    let mut scene = Scene::of(&[1, 0, 0]);
    scene.cluster.group_mut("web").desired = 2;
    assert_eq!(scene.decide().held_back, Some(HeldBack::GroupShrinks));

    let mut scene = Scene::of(&[1, 0, 0]);
    scene.cluster.group_mut("web").desired = 4;
    scene.observe_at(-20);
    assert_eq!(scene.decide().held_back, Some(HeldBack::HostsComing));
}

#[test]
fn what_a_removal_relies_on_is_the_host_itself_and_the_rooms_that_are_counted() {
    let mut scene = Scene::of(&[3, 1, 2]).at_once(1);
    for minute in 0..5 {
        scene.decide_at(minute);
    }
    scene.observe_at(5);
    scene.cluster.host_mut(1).version = 8;
    let Cluster { snapshot, memory, headroom, .. } = &scene.cluster;
    let fleet = Fleet::new(snapshot, memory, *headroom);
    let direct = Direct { settings: scene.settings, memory: &scene.memory, refreshes: &scene.refreshes };
    let decided = fleet.scale(&fleet.decide(), &direct);
    assert_eq!(removed(&decided.groups[0]), [1]);
    let relies_on: Vec<_> =
        decided.relies_on.iter().map(|(arn, version)| (arn.0.as_str(), *version)).collect();
    assert_eq!(relies_on, [("arn:001", 8), ("arn:002", 1)]);
}
