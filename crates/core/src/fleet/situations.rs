//! Situations that people reported of clusters with several groups and kinds of tasks.

use super::fixture::{Cluster, needs, required, with_tcp};
use super::{HeldReason, Members, MissingReason};
use crate::container_instance::{ContainerInstance, Port};
use crate::service::Launch;
use crate::task::TaskDefinitionArn;
use crate::task_needs::TaskNeeds;

fn held(cluster: &Cluster, group: &str) -> Vec<HeldReason> {
    cluster.of_group(group).removable.held_by.into_iter().map(|held| held.reason).collect()
}

#[test]
fn a_daemon_that_leaves_too_little_room_makes_a_task_unplaceable_and_adds_no_host() {
    let cluster = Cluster::new().group("web", 2, 1024, 1900).daemon("agent", needs(512, 512)).service(
        "api",
        3,
        needs(768, 512),
    );
    let decision = cluster.decide();
    assert_eq!(cluster.figures("web").0, Some(0));
    assert_eq!(decision.unplaceable.len(), 1);
    assert_eq!(
        (decision.unplaceable[0].service.as_str(), decision.unplaceable[0].lacks.as_str()),
        ("api", "CPU")
    );
    assert_eq!(decision.waiting_tasks, 3);
}

#[test]
fn what_can_never_be_placed_holds_no_host() {
    let cluster = Cluster::new().group("web", 2, 1024, 1900).service("huge", 3, needs(5000, 512));
    assert_eq!(cluster.figures("web"), (Some(0), 2));
}

#[test]
fn a_new_host_has_its_daemons_on_it() {
    // Two tasks fit on an empty host, one beside the daemon.
    let mut cluster = Cluster::new().group("web", 1, 2048, 3884).daemon("agent", needs(128, 256)).service(
        "api",
        9,
        needs(512, 1900),
    );
    cluster.run("api", 0, 1);
    assert_eq!(cluster.figures("web"), (Some(8), 0));
}

#[test]
fn where_all_services_want_none_nothing_is_missing_and_all_are_removable() {
    let cluster = Cluster::new()
        .headroom("one")
        .group("web", 2, 2048, 3840)
        .daemon("sec", needs(1100, 200))
        .service("api", 0, needs(1024, 2048));
    assert_eq!(cluster.figures("web"), (Some(0), 2));
}

#[test]
fn a_gpu_host_beside_a_group_does_not_make_it_grow() {
    let gpu = TaskNeeds { gpus: 1, ..needs(1024, 2048) };
    let mut cluster = Cluster::new()
        .headroom("one")
        .group("web", 1, 4096, 8192)
        .service("train", 1, gpu)
        .service("web", 2, needs(1024, 2048));
    let host = cluster.add_host("no group", 4096, 8192);
    cluster.host_mut(host).registered.gpus = 1;
    cluster.host_mut(host).remaining.gpus = 1;
    cluster.run("train", host, 1);
    cluster.run("web", 0, 2);
    assert_eq!(cluster.figures("web"), (Some(0), 0));
    assert_eq!(cluster.decide().unplaceable, []);
}

#[test]
fn hosts_that_have_not_joined_are_coming_and_after_ten_minutes_stop_the_figure() {
    let mut cluster = Cluster::new().group("web", 1, 1000, 1000).service("api", 3, needs(1000, 1000));
    cluster.run("api", 0, 1);
    assert_eq!(cluster.figures("web").0, Some(2));
    let mut unjoined = cluster.group_mut("web").instances[0].clone();
    unjoined.ec2_instance_id = "i-0000000a".parse().unwrap();
    cluster.group_mut("web").instances.push(unjoined);
    cluster.group_mut("web").desired = 3;
    cluster.memory.observe(&cluster.snapshot);
    // One is launched, one is only asked for.
    assert_eq!(cluster.figures("web").0, Some(0));
    assert_eq!(cluster.of_group("web").hosts.unjoined_hosts, 1);

    cluster.snapshot.began += super::UNJOINED_MAX;
    cluster.memory.observe(&cluster.snapshot);
    let missing = cluster.of_group("web").missing;
    assert_eq!(missing.units, None);
    assert_eq!(missing.reason, MissingReason::HostsDoNotJoin { instance: "i-0000000a".to_owned() });
}

#[test]
fn agents_that_lost_their_connection_add_no_host_and_make_none_removable() {
    let mut cluster =
        Cluster::new().headroom("one").group("web", 3, 1000, 1000).service("api", 3, needs(500, 500));
    for host in 0..3 {
        cluster.run("api", host, 1);
        cluster.host_mut(host).agent_connected = false;
    }
    assert_eq!(cluster.figures("web"), (Some(0), 0));
    assert_eq!(cluster.of_group("web").hosts.disconnected_hosts, 3);
}

/// Two hosts, each with one task of service `api`; a third has room for one. `api` lacks this many
/// tasks by the first reading, and by the second.
fn read_twice(lacks: u32, then_lacks: u32) -> Cluster {
    let mut cluster = Cluster::new().group("web", 3, 1000, 1000).service("api", 2 + lacks, needs(1000, 1000));
    cluster.run("api", 0, 1);
    cluster.run("api", 1, 1);
    let mut again = cluster.service_mut("api").clone();
    again.running = again.desired - then_lacks;
    again.deployments[0].running = again.running;
    cluster.snapshot.services_read_again.insert("api".to_owned(), again);
    cluster
}

#[test]
fn hosts_are_missing_for_tasks_that_wait_by_both_readings_and_stay_for_those_of_either() {
    // The third host is room for one task. It stays for a task that either reading shows.
    for (lacks, then_lacks, missing) in [(1, 0, 0), (2, 1, 0), (2, 2, 1), (1, 2, 0)] {
        let cluster = read_twice(lacks, then_lacks);
        assert_eq!(cluster.figures("web"), (Some(missing), 0), "{lacks}, then {then_lacks}");
        assert_eq!(cluster.decide().waiting_tasks, u64::from(lacks.min(then_lacks)));
    }
    assert_eq!(read_twice(0, 0).figures("web"), (Some(0), 1));
}

#[test]
fn a_group_whose_new_hosts_are_too_small_does_not_grow_without_end() {
    let mut cluster = Cluster::new().group("web", 1, 4096, 16_000).service("big", 2, needs(3000, 12_000));
    cluster.run("big", 0, 1);
    let grown = |cluster: &mut Cluster| {
        let units = cluster.figures("web").0.unwrap();
        for _ in 0..units {
            cluster.add_host("web", 2048, 8000);
        }
        units
    };
    assert_eq!(grown(&mut cluster), 1);
    assert_eq!(grown(&mut cluster), 1);
    assert_eq!(grown(&mut cluster), 0);
    let reason = cluster.of_group("web").missing.reason;
    assert_eq!(reason, MissingReason::NewHostsTooSmall { service: "big".to_owned() });
}

#[test]
fn a_type_that_is_newer_than_the_table_settles() {
    let awsvpc = TaskNeeds { network_interface: true, ..needs(100, 100) };
    let mut cluster = Cluster::new().headroom("one").group("web", 0, 0, 0).service("api", 4, awsvpc);
    let mut rounds = 0;
    while rounds < 20 {
        let units = cluster.figures("web").0.unwrap();
        if units == 0 && cluster.decide().waiting_tasks == 0 {
            break;
        }
        rounds += 1;
        for _ in 0..units {
            let host = cluster.add_host("web", 2048, 4096);
            cluster
                .host_mut(host)
                .attributes
                .0
                .insert("ecs.instance-type".to_owned(), Some("m9x.large".to_owned()));
            // In truth two network interfaces.
            let waiting = u32::try_from(cluster.decide().waiting_tasks).unwrap();
            cluster.run("api", host, waiting.min(2));
        }
    }
    assert!(rounds <= 4, "{rounds}");
    assert!(cluster.snapshot.container_instances.len() <= 4);
}

#[test]
fn each_task_of_distinct_instance_keeps_a_host_and_one_that_waits_asks_for_one() {
    let three = |hosts: usize, running: usize| {
        let mut cluster = Cluster::new().headroom("one").group("web", hosts, 2048, 3840);
        cluster = cluster.service("api", 3, needs(256, 256)).distinct("api");
        (0..running).for_each(|host| cluster.run("api", host, 1));
        cluster.figures("web")
    };
    assert_eq!(three(3, 3), (Some(0), 0));
    assert_eq!(three(2, 2), (Some(1), 0));
    assert_eq!(three(4, 3), (Some(0), 1));
}

#[test]
fn a_group_that_a_service_is_pinned_to_keeps_its_hosts_though_another_is_idle() {
    let mut cluster = Cluster::new().group("a", 3, 2048, 4096).group("b", 8, 2048, 4096);
    cluster = cluster.service("pinned", 6, needs(1000, 1000)).member_of(
        "pinned",
        "attribute:pool == a",
        &[0, 1, 2],
    );
    (0..3).for_each(|host| cluster.run("pinned", host, 2));
    assert_eq!(cluster.figures("a"), (Some(0), 0));
    assert_eq!(cluster.figures("b"), (Some(0), 8));
    assert_eq!(held(&cluster, "a"), [HeldReason::Unplaced { service: "pinned".to_owned() }]);
}

#[test]
fn the_group_of_the_capacity_provider_grows_and_no_other() {
    let mut cluster = Cluster::new().group("one", 1, 1000, 1000).group("two", 1, 1000, 1000);
    cluster = cluster.service("api", 3, needs(1000, 1000)).provider("api", "cp-two", Some("two"));
    cluster.run("api", 1, 1);
    assert_eq!((cluster.figures("one").0, cluster.figures("two").0), (Some(0), Some(2)));
    // An instance names its provider, which need not be by its group.
    cluster.host_mut(0).capacity_provider = Some("cp-two".to_owned());
    assert_eq!((cluster.figures("one").0, cluster.figures("two").0), (Some(0), Some(1)));
}

#[test]
fn managed_instances_beside_a_group_are_no_business_of_it() {
    let mut cluster = Cluster::new().group("web", 1, 1000, 1000).service("api", 3, needs(1000, 1000));
    cluster = cluster
        .provider("api", "asg-cp", Some("web"))
        .service("batch", 4, needs(100, 100))
        .provider("batch", "mi", None);
    cluster.run("api", 0, 1);
    assert_eq!(cluster.figures("web"), (Some(2), 0));
    assert_eq!(cluster.decide().unplaceable, []);
}

#[test]
fn tasks_of_an_architecture_wait_for_hosts_of_it() {
    let mut cluster = Cluster::new().group("x86", 3, 2048, 4096).group("arm", 1, 2048, 4096).service(
        "api",
        4,
        needs(1024, 1024),
    );
    cluster.definition_mut("api").host.cpu_architecture = Some("ARM64".to_owned());
    cluster.definition_mut("api").host.operating_system = Some("LINUX".to_owned());
    cluster.host_mut(3).attributes.0.insert("ecs.cpu-architecture".to_owned(), Some("arm64".to_owned()));
    cluster.run("api", 3, 2);
    assert_eq!((cluster.figures("x86").0, cluster.figures("arm")), (Some(0), (Some(1), 0)));
}

#[test]
fn windows_tasks_go_to_windows_hosts_of_their_version() {
    let mut cluster = Cluster::new().group("linux", 1, 2048, 4096).group("windows", 1, 2048, 4096).service(
        "api",
        2,
        needs(2048, 1024),
    );
    cluster.definition_mut("api").host.operating_system = Some("WINDOWS_SERVER_2022_CORE".to_owned());
    let with = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    cluster
        .host_mut(1)
        .attributes
        .0
        .extend([with("ecs.os-type", "windows"), with("ecs.os-family", "WINDOWS_SERVER_2022_CORE")]);
    assert_eq!((cluster.figures("linux").0, cluster.figures("windows").0), (Some(0), Some(1)));
    cluster.host_mut(1).attributes.0.extend([with("ecs.os-family", "WINDOWS_SERVER_2019_CORE")]);
    assert_eq!(cluster.decide().unplaceable[0].lacks, "a host that meets its constraints");
}

#[test]
fn a_host_without_a_required_attribute_is_no_room() {
    let mut cluster = Cluster::new().group("web", 1, 2048, 4096).service("api", 1, needs(100, 100));
    cluster.definition_mut("api").host.attributes = required(&["ecs.capability.task-eni"]);
    assert_eq!(cluster.decide().unplaceable.len(), 1);
    cluster.host_mut(0).attributes.0.insert("ecs.capability.task-eni".to_owned(), None);
    assert_eq!(cluster.decide().unplaceable, []);
}

#[test]
fn two_groups_can_lose_their_removable_hosts_at_once() {
    let mut cluster =
        Cluster::new().group("a", 2, 1000, 1000).group("b", 1, 1000, 1000).service("api", 3, needs(500, 500));
    (0..3).for_each(|host| cluster.run("api", host, 1));
    // Three tasks, and room for six: one host is removable.
    assert_eq!((cluster.figures("a").1, cluster.figures("b").1), (0, 1));
}

#[test]
fn a_host_with_a_job_that_nobody_replaces_stays_and_with_it_its_group() {
    let mut cluster = Cluster::new().group("web", 4, 4096, 15_500).service("job", 0, needs(1024, 8000));
    for host in 0..3 {
        cluster.put(None, &TaskDefinitionArn("job:1".to_owned()), host);
    }
    assert_eq!(cluster.figures("web"), (Some(0), 0));
    assert_eq!(held(&cluster, "web"), vec![HeldReason::StandaloneTasks; 3]);
    // Auto Scaling does not pick what is protected from scale-in.
    for instance in &mut cluster.group_mut("web").instances[..3] {
        instance.protected = true;
    }
    assert_eq!(cluster.figures("web"), (Some(0), 1));
}

#[test]
fn forty_small_tasks_beside_a_large_one_ask_for_one_host() {
    let mut cluster = Cluster::new()
        .headroom("one")
        .group("web", 1, 4096, 15_800)
        .service("batch", 1, needs(1024, 8000))
        .service("web", 40, needs(64, 128));
    cluster.run("batch", 0, 1);
    assert_eq!(cluster.figures("web").0, Some(1));
}

#[test]
fn a_blue_green_deployment_asks_for_its_hosts_at_once() {
    let mut cluster = Cluster::new().group("web", 10, 1000, 1000).service("blue", 20, needs(500, 500));
    (0..10).for_each(|host| cluster.run("blue", host, 2));
    let mut green = cluster.service_mut("blue").deployments[0].clone();
    green.running = 0;
    for task_set in [false, true] {
        green.task_set = task_set;
        let mut both = cluster.clone();
        both.service_mut("blue").deployments.push(green.clone());
        both.service_mut("blue").deployments[0].task_set = task_set;
        assert_eq!(both.figures("web").0, Some(10), "task sets: {task_set}");
    }
}

#[test]
fn no_more_tasks_wait_than_the_maximum_percent_lets_ecs_start() {
    let mut cluster = Cluster::new().group("web", 1, 1000, 1000).service("api", 4, needs(250, 250));
    cluster.run("api", 0, 4);
    let mut new = cluster.service_mut("api").deployments[0].clone();
    new.running = 0;
    cluster.service_mut("api").deployments.insert(0, new);
    let waiting = |percent| {
        let mut cluster = cluster.clone();
        cluster.service_mut("api").maximum_percent = percent;
        cluster.decide().waiting_tasks
    };
    assert_eq!([100, 124, 125, 199, 200, 400].map(waiting), [0, 0, 1, 3, 4, 4]);
}

#[test]
fn a_task_with_ninety_six_static_ports_fits_on_no_host() {
    let hundred_less_the_agents = |ports: u16| {
        let mut cluster = Cluster::new().group("web", 1, 1000, 1000);
        cluster.host_mut(0).registered.tcp_ports_taken = [22, 2375, 2376, 51678, 51679].map(Port).into();
        cluster.service("api", 1, with_tcp(needs(1, 1), 1000..1000 + ports)).decide().unplaceable.len()
    };
    assert_eq!((hundred_less_the_agents(95), hundred_less_the_agents(96)), (0, 1));
}

#[test]
fn a_definition_that_cannot_be_described_silences_no_other_service() {
    let mut cluster = Cluster::new().group("web", 1, 1000, 1000).service("gone", 0, needs(1, 1)).service(
        "api",
        2,
        needs(1000, 1000),
    );
    cluster.run("api", 0, 1);
    cluster.snapshot.definitions.remove(&TaskDefinitionArn("gone:1".to_owned()));
    assert_eq!(cluster.figures("web").0, Some(1));
    assert_eq!(cluster.decide().not_understood[0].what, "gone:1");
}

#[test]
fn a_constraint_that_is_not_understood_keeps_the_hosts_of_its_tasks_and_no_other_group() {
    let mut cluster = Cluster::new()
        .group("a", 2, 1000, 1000)
        .group("b", 2, 1000, 1000)
        .service("odd", 1, needs(100, 100))
        .member_of("odd", "task:group == x", &[]);
    cluster
        .snapshot
        .expressions
        .insert("task:group == x".to_owned(), Members::NotUnderstood("why".to_owned()));
    cluster.run("odd", 0, 1);
    assert_eq!((cluster.figures("a").1, cluster.figures("b").1), (0, 2));
    assert_eq!(held(&cluster, "a"), [HeldReason::ConstraintNotUnderstood { service: "odd".to_owned() }]);
    let decision = cluster.decide();
    assert_eq!(
        (decision.not_understood[0].what.as_str(), decision.not_understood[0].why.as_str()),
        ("task:group == x", "why")
    );
}

#[test]
fn a_task_set_on_fargate_waits_for_no_host() {
    let mut cluster = Cluster::new().group("web", 1, 1000, 1000).service("api", 3, needs(1000, 1000));
    let deployment = &mut cluster.service_mut("api").deployments[0];
    (deployment.task_set, deployment.launch) = (true, Launch::Elsewhere);
    assert_eq!((cluster.figures("web").0, cluster.decide().waiting_tasks), (Some(0), 0));
}

#[test]
fn a_weighted_groups_figures_are_in_units() {
    let mut cluster = Cluster::new().group("web", 4, 1000, 1000).service("api", 6, needs(1000, 1000));
    for instance in &mut cluster.group_mut("web").instances {
        instance.weight = 4;
    }
    cluster.group_mut("web").desired = 16;
    (0..4).for_each(|host| cluster.run("api", host, 1));
    assert_eq!(cluster.figures("web").0, Some(8));
    let mut empty = cluster.clone();
    empty.snapshot.services.clear();
    let removable = empty.of_group("web").removable;
    // Tasks of a service that is not there any more are not understood.
    assert_eq!((removable.hosts, removable.units), (0, 0));
    let mut idle = cluster.clone();
    idle.service_mut("api").desired = 0;
    idle.service_mut("api").deployments[0].desired = 0;
    for host in 0..4 {
        let instance = idle.host_mut(host);
        (instance.running_tasks, instance.remaining) = (0, instance.registered.clone());
        let arn = instance.arn.clone();
        idle.snapshot.tasks.insert(arn, Vec::new());
    }
    let removable = idle.of_group("web").removable;
    assert_eq!((removable.hosts, removable.units), (4, 16));
    idle.group_mut("web").minimum = 9;
    let removable = idle.of_group("web").removable;
    assert_eq!((removable.hosts, removable.units), (1, 4));
}

#[test]
fn what_leaves_with_a_draining_host_waits() {
    let mut cluster = Cluster::new().group("web", 2, 5000, 5000).service("api", 11, needs(500, 500));
    cluster.run("api", 0, 10);
    cluster.run("api", 1, 1);
    let cluster = cluster.draining(0);
    assert_eq!((cluster.decide().waiting_tasks, cluster.figures("web")), (10, (Some(1), 0)));
    // A group's instance that is being terminated leaves too, though ECS does not know yet.
    let mut terminating = cluster.clone();
    terminating.host_mut(0).status = crate::container_instance::ContainerInstanceStatus::Active;
    terminating.group_mut("web").instances[0].lifecycle_state = "Terminating:Wait".to_owned();
    assert_eq!(terminating.decide().waiting_tasks, 10);
}

#[test]
fn from_no_host_one_is_launched_to_learn_and_then_what_was_learnt_is_kept() {
    let mut cluster = Cluster::new().group("web", 0, 0, 0).service("api", 6, needs(1000, 1000));
    let missing = cluster.of_group("web").missing;
    assert_eq!((missing.units, missing.reason), (Some(1), MissingReason::FromZero));
    cluster.group_mut("web").desired = 1;
    assert_eq!(cluster.figures("web").0, Some(0), "it is coming");

    let mut before = Cluster::new().group("web", 1, 2000, 2000);
    before.memory.observe(&before.snapshot);
    cluster.group_mut("web").desired = 0;
    cluster.memory = before.memory;
    assert_eq!(cluster.figures("web").0, Some(3));
}

#[test]
fn the_first_group_that_can_grow_is_asked_first() {
    let mut cluster = Cluster::new().group("first", 1, 1000, 1000).group("second", 1, 1000, 1000).service(
        "api",
        6,
        needs(1000, 1000),
    );
    cluster.run("api", 0, 1);
    cluster.run("api", 1, 1);
    cluster.group_mut("first").maximum = 3;
    assert_eq!((cluster.figures("first").0, cluster.figures("second").0), (Some(2), Some(2)));
    cluster.group_mut("second").maximum = 1;
    let decision = cluster.decide();
    assert_eq!(decision.groups[1].missing.reason, MissingReason::AtMaximum { service: "api".to_owned() });
}

#[test]
fn a_group_that_ecs_scales_has_no_figure() {
    let mut cluster = Cluster::new()
        .group("web", 2, 1000, 1000)
        .group("own", 1, 1000, 1000)
        .service("api", 4, needs(1000, 1000))
        .provider("api", "cp", Some("web"));
    cluster.snapshot.scaled_by_ecs.insert("web".to_owned(), "cp".to_owned());
    cluster.run("api", 0, 1);
    let decided = cluster.of_group("web");
    assert_eq!((decided.missing.units, decided.removable.hosts), (None, 0));
    assert_eq!(cluster.figures("own").0, Some(0));
    // ECS adds no host for a task that has no capacity provider.
    cluster.service_mut("api").deployments[0].launch = Launch::Ec2;
    cluster.run("api", 1, 1);
    cluster.run("api", 2, 1);
    assert_eq!(cluster.figures("own").0, Some(1));
}

#[test]
fn one_more_task_of_any_kind_has_room() {
    let full = |headroom: &str| {
        let mut cluster = Cluster::new()
            .headroom(headroom)
            .group("web", 1, 1000, 1000)
            .service("api", 2, needs(500, 500))
            .service("none", 0, needs(500, 500));
        cluster.run("api", 0, 2);
        cluster.figures("web")
    };
    assert_eq!(
        (full("none"), full("one"), full("50%"), full("100%")),
        ((Some(0), 0), (Some(1), 0), (Some(1), 0), (Some(1), 0))
    );
    let mut kept =
        Cluster::new().headroom("one").group("web", 2, 1000, 1000).service("api", 2, needs(500, 500));
    kept.run("api", 0, 2);
    assert_eq!(kept.figures("web"), (Some(0), 0));
    kept.headroom = super::Headroom::None;
    assert_eq!(kept.figures("web"), (Some(0), 1));
}

/// ECS balances a service over zones: it starts a task before it stops another one.
#[test]
fn a_task_beyond_what_its_service_wants_takes_the_headroom_and_adds_no_host() {
    for headroom in ["one", "50%"] {
        let mut cluster =
            Cluster::new().headroom(headroom).group("web", 3, 1000, 1000).service("api", 2, needs(900, 900));
        (0..3).for_each(|host| cluster.run("api", host, 1));
        assert_eq!(cluster.figures("web"), (Some(0), 0), "{headroom}");
        // Without the one whose host leaves there is none beyond.
        let cluster = cluster.draining(2);
        assert_eq!(cluster.figures("web").0, Some(1), "{headroom}");
    }
}

#[test]
fn a_share_is_kept_free_of_each_kind() {
    let mut cluster = Cluster::new()
        .headroom("30%")
        .group("web", 5, 1000, 1000)
        .service("api", 10, needs(250, 250))
        .distinct("api");
    cluster.service_mut("api").constraints.clear();
    (0..3).for_each(|host| cluster.run("api", host, 3));
    cluster.run("api", 3, 1);
    // Ten tasks and three more need four hosts. One can leave, and even the least favourable choice
    // leaves nine of sixteen places.
    assert_eq!(cluster.figures("web"), (Some(0), 1));
}

#[test]
fn protected_and_kept_hosts_stay() {
    let mut cluster = Cluster::new().group("web", 3, 1000, 1000).service("api", 2, needs(100, 100));
    cluster.run("api", 0, 2);
    assert_eq!(cluster.figures("web").1, 2);
    let mut protected = cluster.clone();
    protected.snapshot.tasks.values_mut().flatten().next().unwrap().protected = true;
    assert_eq!(held(&protected, "web"), [HeldReason::ProtectedTask]);
    cluster.host_mut(1).attributes.0.insert("fleetkeeper.keep".to_owned(), None);
    assert_eq!(held(&cluster, "web"), [HeldReason::Kept]);
}

#[test]
fn the_last_host_of_a_zone_stays_where_a_service_names_the_zones() {
    let mut cluster = Cluster::new().group("web", 3, 1000, 1000).service("api", 3, needs(100, 100));
    (0..3).for_each(|host| cluster.run("api", host, 1));
    for (instance, zone) in cluster.group_mut("web").instances.iter_mut().zip(["a", "a", "b"]) {
        instance.availability_zone = zone.to_owned();
    }
    assert_eq!(cluster.figures("web").1, 2);
    cluster.service_mut("api").spreads_over = vec!["attribute:ecs.availability-zone".to_owned()];
    assert_eq!(cluster.figures("web").1, 1, "from the zone with most hosts");
    let mut away = cluster.clone();
    away.host_mut(0).agent_connected = false;
    let last = [HeldReason::LastInZone { service: "api".to_owned() }];
    assert_eq!(held(&away, "web"), last, "the other one of its zone may never be back");
    cluster.group_mut("web").mixed = true;
    assert_eq!(held(&cluster, "web"), last);
}

#[test]
fn tasks_are_asked_for_only_where_they_decide() {
    let mut cluster = Cluster::new().group("web", 3, 1000, 1000).service("api", 6, needs(500, 500));
    (0..3).for_each(|host| cluster.run("api", host, 2));
    let unread = |cluster: &Cluster| {
        let mut cluster = cluster.clone();
        cluster.snapshot.tasks.clear();
        super::Fleet::new(&cluster.snapshot, &cluster.memory, cluster.headroom).tasks_needed().len()
    };
    assert_eq!(unread(&cluster), 0, "a full cluster");
    assert_eq!(unread(&cluster.clone().draining(0)), 1);
    cluster.add_host("web", 1000, 1000);
    assert_eq!(unread(&cluster), 3, "the hosts with tasks");
    cluster.snapshot.tasks.clear();
    assert_eq!(held(&cluster, "web"), vec![HeldReason::TasksNotRead; 3]);
}

#[test]
fn what_replaces_a_task_amid_a_deployment_may_be_of_either_definition() {
    let mut cluster = Cluster::new().group("web", 2, 1000, 1000).service("api", 1, needs(100, 100));
    cluster.run("api", 0, 1);
    assert_eq!(cluster.figures("web").1, 1);
    let mut large = cluster.snapshot.definitions.values().next().unwrap().clone();
    large.arn = TaskDefinitionArn("api:2".to_owned());
    large.needs = needs(600, 600);
    cluster.snapshot.definitions.insert(large.arn.clone(), large.clone());
    let mut new = cluster.service_mut("api").deployments[0].clone();
    (new.definition, new.desired, new.running) = (large.arn, 1, 0);
    cluster.service_mut("api").deployments.insert(0, new);
    // One of it waits, and another one may replace the task on the first host: one host has no room
    // for both.
    assert_eq!(cluster.figures("web").1, 0);
}

/// The worked examples of docs/capacity.md.
mod documented {
    use super::*;

    #[test]
    fn six_tasks_of_which_three_run_miss_two_hosts() {
        let mut cluster =
            Cluster::new().headroom("one").group("web", 2, 2048, 4096).service("api", 6, needs(1024, 1024));
        cluster.run("api", 0, 2);
        cluster.run("api", 1, 1);
        assert_eq!(cluster.figures("web"), (Some(2), 0));
        cluster.headroom = super::super::Headroom::None;
        assert_eq!(cluster.figures("web"), (Some(1), 0));
    }

    #[test]
    fn what_first_fit_would_place_and_ecs_need_not_is_not_removable() {
        let mut cluster = Cluster::new().group("web", 0, 0, 0);
        for memory in [2000, 1000, 3000] {
            cluster.add_host("web", 1000, memory);
        }
        cluster = cluster.service("large", 1, needs(0, 2000)).service("small", 1, needs(0, 1000));
        cluster.run("large", 2, 1);
        cluster.run("small", 2, 1);
        assert_eq!(held(&cluster, "web"), [HeldReason::Unplaced { service: "large".to_owned() }]);
        // The third host alone, whichever Auto Scaling would pick of the others.
        for instance in &mut cluster.group_mut("web").instances[..2] {
            instance.protected = true;
        }
        assert_eq!(cluster.figures("web").1, 0);
        // With as much again on the second host, nothing can block both.
        cluster.host_mut(1).registered.memory.0 = 4000;
        cluster.host_mut(1).remaining.memory.0 = 4000;
        assert_eq!(cluster.figures("web").1, 1);
    }

    #[test]
    fn ten_percent_of_twenty_five_tasks_are_three() {
        let mut cluster =
            Cluster::new().headroom("10%").group("web", 5, 5000, 5000).service("api", 25, needs(1000, 1000));
        (0..5).for_each(|host| cluster.run("api", host, 5));
        let missing = cluster.of_group("web").missing;
        assert_eq!(missing.reason, MissingReason::NoRoom { service: "api".to_owned(), waiting_tasks: 3 });
    }
}

#[test]
fn a_task_that_leaves_amid_a_deployment_keeps_its_room_though_no_host_fits_both_definitions() {
    let mut cluster = Cluster::new()
        .group("full", 1, 4, 4)
        .group("web", 1, 8, 4)
        .group("old", 1, 4, 4)
        .service("api", 1, needs(1, 3))
        .service("rest", 1, needs(1, 2));
    cluster.run("rest", 0, 1);
    cluster.run("api", 2, 1);
    // The new definition fits on no host: the old one may be what replaces the task.
    let mut new = cluster.snapshot.definitions.values().next().unwrap().clone();
    new.arn = TaskDefinitionArn("api:2".to_owned());
    new.needs.gpus = 1;
    cluster.snapshot.definitions.insert(new.arn.clone(), new.clone());
    let mut deployment = cluster.service_mut("api").deployments[0].clone();
    (deployment.definition, deployment.desired, deployment.running) = (new.arn, 0, 0);
    cluster.service_mut("api").deployments.insert(0, deployment);
    assert_eq!(cluster.draining(2).figures("web").1, 0);
}

#[test]
fn a_host_that_left_its_group_may_leave_its_tasks_waiting() {
    let mut cluster = Cluster::new().group("web", 3, 1000, 1000).service("api", 2, needs(1000, 1000));
    cluster.run("api", 0, 1);
    cluster.run("api", 1, 1);
    assert_eq!(cluster.figures("web"), (Some(0), 1));
    cluster.memory.observe(&cluster.snapshot);
    // On its way to a warm pool an instance is not among its group's any more.
    cluster.group_mut("web").instances.remove(0);
    cluster.group_mut("web").desired = 2;
    assert_eq!(cluster.figures("web"), (Some(0), 0));
    // Where nobody saw it in the group, it is somebody else's.
    cluster.memory = super::Memory::default();
    assert_eq!(cluster.figures("web").1, 1);
    // Unless it may be one of a warm pool's, by its type.
    cluster.group_mut("web").has_warm_pool = true;
    for (of_group, removable) in [("m5.large", 0), ("c6i.large", 1)] {
        for instance in &mut cluster.group_mut("web").instances {
            of_group.clone_into(&mut instance.instance_type);
        }
        assert_eq!(cluster.figures("web").1, removable, "{of_group}");
    }
}

#[test]
fn what_leaves_and_is_replaced_already_waits_no_more() {
    let mut cluster =
        Cluster::new().headroom("one").group("web", 2, 1700, 1700).service("api", 9, needs(100, 100));
    cluster.run("api", 0, 9);
    cluster.run("api", 1, 4);
    let cluster = cluster.draining(0);
    assert_eq!((cluster.decide().waiting_tasks, cluster.figures("web").0), (5, Some(0)));
    let mut replaced = cluster.clone();
    replaced.run("api", 1, 5);
    assert_eq!((replaced.decide().waiting_tasks, replaced.figures("web").0), (0, Some(0)));
}

#[test]
fn hosts_that_tasks_need_each_on_its_own_take_the_others_too() {
    let mut cluster = Cluster::new()
        .group("web", 1, 4, 6)
        .service("large", 4, needs(1, 3))
        .service("apart", 4, needs(1, 1))
        .distinct("apart")
        .service("rest", 1, needs(2, 6));
    cluster.run("rest", 0, 1);
    // One large task beside one that is kept apart on each.
    assert_eq!(cluster.figures("web").0, Some(4));
}

#[test]
fn the_headroom_of_a_kind_that_one_group_takes_is_room_for_the_others() {
    let mut cluster = Cluster::new()
        .headroom("one")
        .group("any", 1, 4, 4)
        .group("some", 1, 5, 5)
        .service("web", 2, needs(4, 4))
        .service("batch", 1, needs(1, 1))
        .member_of("batch", "of some", &[1]);
    cluster.run("web", 0, 1);
    cluster.run("web", 1, 1);
    cluster.run("batch", 1, 1);
    assert_eq!((cluster.figures("any").0, cluster.figures("some").0), (Some(0), Some(1)));
}

#[test]
fn tasks_of_several_providers_are_packed_as_those_that_all_of_these_hosts_take() {
    let mut cluster = Cluster::new()
        .group("one", 1, 10, 3)
        .group("two", 1, 4, 6)
        .service("small", 3, needs(1, 2))
        .service("wide", 3, needs(4, 1))
        .provider("small", "cp", Some("one"))
        .provider("wide", "cp", Some("one"));
    cluster.snapshot.capacity_providers.insert("other".to_owned(), "two".to_owned());
    cluster.service_mut("small").deployments[0].launch = Launch::Ec2;
    cluster.service_mut("wide").deployments[0].launch =
        Launch::CapacityProviders(vec!["cp".to_owned(), "other".to_owned()]);
    assert_eq!(cluster.figures("one").0, Some(1));
}

#[test]
fn an_empty_group_is_not_launched_for_a_task_that_its_last_hosts_did_not_match() {
    let mut cluster = Cluster::new()
        .group("empty", 1, 1000, 1000)
        .group("web", 1, 1000, 1000)
        .service("api", 2, needs(1000, 1000))
        .member_of("api", "of web", &[1]);
    cluster.run("api", 1, 1);
    cluster.group_mut("web").maximum = 1;
    cluster.memory.observe(&cluster.snapshot);
    cluster.group_mut("empty").instances.clear();
    cluster.group_mut("empty").desired = 0;
    cluster.snapshot.container_instances.remove(0);
    assert_eq!((cluster.figures("empty").0, cluster.figures("web").0), (Some(0), Some(0)));
    // Nobody knows whether they would match an expression that is new since.
    cluster = cluster.member_of("api", "new", &[0]);
    cluster.service_mut("api").constraints.remove(0);
    assert_eq!(cluster.figures("empty").0, Some(1));
}

#[test]
fn a_task_that_wants_its_hosts_daemons_port_fits_nowhere_and_adds_no_host() {
    let mut cluster = Cluster::new()
        .headroom("one")
        .group("web", 2, 2048, 3840)
        .daemon("proxy", with_tcp(needs(128, 128), [80]))
        .service("api", 1, with_tcp(needs(256, 256), [80]));
    assert_eq!(cluster.figures("web").0, Some(0));
    let decision = cluster.decide();
    assert_eq!((decision.unplaceable.len(), decision.unplaceable[0].lacks.as_str()), (1, "PORTS"));
    // On hosts that its daemon has not reached, too.
    let arn = cluster.host_mut(0).arn.clone();
    cluster.host_mut(0).remaining.tcp_ports_taken.clear();
    cluster.host_mut(0).running_tasks = 0;
    cluster.snapshot.tasks.insert(arn, Vec::new());
    assert_eq!(cluster.figures("web").0, Some(0));
}

#[test]
fn an_instance_that_registered_anew_is_one_host() {
    let mut cluster =
        Cluster::new().group("web", 1, 2048, 3840).service("api", 2, needs(256, 256)).distinct("api");
    let ghost = cluster.host_mut(0).clone();
    cluster.host_mut(0).arn.0.push_str("-anew");
    let anew = cluster.host_mut(0).arn.clone();
    cluster.snapshot.tasks.insert(anew, Vec::new());
    let registered_at = ghost.registered_at.map(|at| at - chrono::TimeDelta::minutes(5));
    cluster.snapshot.container_instances.push(ContainerInstance {
        agent_connected: false,
        registered_at,
        ..ghost
    });
    assert_eq!(cluster.figures("web").0, Some(1), "two tasks apart on one host");
    let hosts = cluster.of_group("web").hosts;
    assert_eq!((hosts.active_hosts, hosts.disconnected_hosts), (1, 0));
}

#[test]
fn tasks_kept_apart_fill_as_many_hosts_also_where_their_tasks_were_not_read() {
    let mut cluster =
        Cluster::new().group("web", 4, 2048, 3840).service("api", 5, needs(256, 256)).distinct("api");
    for host in 0..3 {
        cluster.run("api", host, 1);
    }
    let read = std::mem::take(&mut cluster.snapshot.tasks);
    assert_eq!(cluster.figures("web").0, Some(1), "two wait, and one host has none of them");
    cluster.snapshot.tasks = read;
    cluster.run("api", 3, 1);
    cluster.snapshot.tasks.clear();
    assert_eq!(cluster.figures("web").0, Some(1), "one waits, and each host has one");
}
