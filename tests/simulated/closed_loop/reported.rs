//! Situations that people reported of groups that grew or shrank wrongly: what becomes of them in
//! hours.

use fleetkeeper_sim::{
    CapacityProvider, InstanceType, MixedInstances, PlacementMode, Service, StrategyItem, TaskDefinition,
    TaskSet,
};

use super::{CLUSTER, ClosedLoop, group, task, world};

/// The ways that tasks are placed: nothing may rest on one.
const MODES: [PlacementMode; 3] =
    [PlacementMode::FewestTasks, PlacementMode::SpreadOverZones, PlacementMode::Random];

#[tokio::test(start_paused = true)]
async fn a_daemon_that_leaves_too_little_room_adds_no_host() {
    for services_want in [2, 0] {
        let mut world = world(PlacementMode::Random);
        world.add_group(group("hosts", 2048, 3767, 30));
        world.create_service(CLUSTER, Service::daemon("agent", task("agent", 128, 256))).unwrap();
        world.launch_now("hosts").unwrap();
        world.advance_seconds(60);
        world.create_service(CLUSTER, Service::new("web", services_want, task("web", 1024, 3600))).unwrap();
        let it = ClosedLoop::new(world, &["hosts"], "one");
        assert_eq!(it.most_desired("hosts", 120).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn where_all_services_want_none_the_group_shrinks_to_its_minimum() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("hosts", 2048, 3767, 30));
    world.create_service(CLUSTER, Service::daemon("agent", task("agent", 1100, 256))).unwrap();
    (0..2).for_each(|_| drop(world.launch_now("hosts").unwrap()));
    world.create_service(CLUSTER, Service::new("web", 0, task("web", 1024, 1024))).unwrap();
    let it = ClosedLoop::new(world, &["hosts"], "one");
    it.minutes(30).await;
    assert_eq!(it.desired("hosts"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_gpu_group_beside_the_scaled_one_adds_no_host() {
    let mut world = world(PlacementMode::Random);
    let gpu = InstanceType::new("g5.xlarge", 4096, 15_500).gpus(1);
    world.add_group(fleetkeeper_sim::AutoScalingGroup::new("gpu", gpu).in_cluster(CLUSTER));
    world.add_group(group("cpu", 4096, 15_500, 30));
    world.launch_now("gpu").unwrap();
    world.launch_now("cpu").unwrap();
    world.create_service(CLUSTER, Service::new("train", 1, task("train", 1024, 8000).gpus(1))).unwrap();
    world.create_service(CLUSTER, Service::new("web", 4, task("web", 256, 512))).unwrap();
    world.advance_seconds(120);
    let it = ClosedLoop::new(world, &["cpu"], "one");
    assert_eq!(it.most_desired("cpu", 120).await, 1);
}

#[tokio::test(start_paused = true)]
async fn hosts_that_never_join_stop_the_growth() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("hosts", 2048, 3767, 100));
    world.launch_now("hosts").unwrap();
    world.create_service(CLUSTER, Service::new("web", 12, task("web", 512, 900))).unwrap();
    world.advance_seconds(60);
    world.set_launches_join("hosts", false).unwrap();
    let it = ClosedLoop::new(world, &["hosts"], "none");
    assert_eq!(it.most_desired("hosts", 180).await, 3, "two hosts are missing");
    let groups = it.minute().await;
    assert_eq!((groups[0].decision.missing.units, groups[0].decision.hosts.unjoined_hosts), (None, 2));
}

#[tokio::test(start_paused = true)]
async fn agents_that_lose_their_connection_move_no_group() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("hosts", 2048, 3767, 30));
    (0..3).for_each(|_| drop(world.launch_now("hosts").unwrap()));
    world.create_service(CLUSTER, Service::new("web", 3, task("web", 1024, 1500))).unwrap();
    world.advance_seconds(60);
    let instances = world.describe_auto_scaling_groups(&[])[0].instances.clone();
    for instance in &instances {
        world.set_agent_connected(CLUSTER, &instance.id, false).unwrap();
    }
    let it = ClosedLoop::new(world, &["hosts"], "one");
    it.minutes(60).await;
    assert_eq!(it.desired("hosts"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fits_the_larger_of_two_types_settles() {
    let mut world = world(PlacementMode::Random);
    let (small, large) =
        (InstanceType::new("m5.large", 2048, 7700), InstanceType::new("m5.xlarge", 4096, 15_500));
    let mixed = MixedInstances::of(&[large, small]);
    world.add_group(group("hosts", 1, 1, 30).mixed_instances(mixed));
    world.launch_now("hosts").unwrap();
    world.create_service(CLUSTER, Service::new("big", 3, task("big", 3000, 12_000))).unwrap();
    world.advance_seconds(60);
    let it = ClosedLoop::new(world, &["hosts"], "none");
    let most = it.most_desired("hosts", 180).await;
    assert!(most <= 7, "{most} hosts where each second one is large enough for one of three tasks");
    assert_eq!(it.running("big"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_type_that_is_newer_than_the_table_settles() {
    let mut world = world(PlacementMode::Random);
    let host = InstanceType::new("m9x.large", 2048, 7700);
    let limit = usize::try_from(host.awsvpc_task_limit).unwrap();
    world.add_group(
        fleetkeeper_sim::AutoScalingGroup::new("hosts", host)
            .in_cluster(CLUSTER)
            .sizes(0, 30)
            .launching_in(90),
    );
    world.launch_now("hosts").unwrap();
    world.create_service(CLUSTER, Service::new("web", 6, task("web", 256, 512).awsvpc())).unwrap();
    let it = ClosedLoop::new(world, &["hosts"], "one");
    let most = it.most_desired("hosts", 120).await;
    assert_eq!(it.running("web"), 6);
    // Until it has seen two tasks on a host, the calculator counts on one.
    assert!(most <= 7, "{most} hosts for six tasks and one more");
    let needed = 6_usize.div_ceil(limit) + 1;
    assert_eq!(usize::try_from(it.desired("hosts")).unwrap(), needed);
}

#[tokio::test(start_paused = true)]
async fn each_task_of_distinct_instance_keeps_its_host() {
    for mode in MODES {
        let mut world = world(mode);
        world.add_group(group("hosts", 4096, 15_500, 30));
        (0..2).for_each(|_| drop(world.launch_now("hosts").unwrap()));
        world
            .create_service(CLUSTER, Service::new("ha", 3, task("ha", 256, 512)).distinct_instance())
            .unwrap();
        world.advance_seconds(60);
        let it = ClosedLoop::new(world, &["hosts"], "one");
        it.minutes(60).await;
        assert_eq!((it.desired("hosts"), it.running("ha")), (3, 3), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_pinned_to_a_group_keeps_it() {
    for mode in MODES {
        let mut world = world(mode);
        for name in ["a", "b"] {
            let host = InstanceType::new("m5.large", 2048, 7700).attribute("pool", name);
            world.add_group(
                fleetkeeper_sim::AutoScalingGroup::new(name, host)
                    .in_cluster(CLUSTER)
                    .sizes(0, 30)
                    .launching_in(90),
            );
        }
        (0..3).for_each(|_| drop(world.launch_now("a").unwrap()));
        (0..8).for_each(|_| drop(world.launch_now("b").unwrap()));
        let pinned =
            Service::new("pinned", 6, task("pinned", 1000, 1000)).constrained_to("attribute:pool == a");
        world.create_service(CLUSTER, pinned).unwrap();
        world.advance_seconds(120);
        let it = ClosedLoop::new(world, &["a", "b"], "none");
        it.minutes(60).await;
        assert_eq!((it.running("pinned"), it.desired("a"), it.desired("b")), (6, 3, 0), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_starved_group_of_two_capacity_providers_grows() {
    let mut world = world(PlacementMode::Random);
    for name in ["one", "two"] {
        world.add_group(group(name, 2048, 3840, 30));
        world.create_capacity_provider(CapacityProvider::new(name, name)).unwrap();
        (0..3).for_each(|_| drop(world.launch_now(name).unwrap()));
    }
    let web = Service::new("web", 8, task("web", 1024, 1536)).on_providers(&[StrategyItem::new("two", 0, 1)]);
    world.create_service(CLUSTER, web).unwrap();
    world.advance_seconds(60);
    let it = ClosedLoop::new(world, &["one", "two"], "none");
    it.minutes(40).await;
    assert_eq!((it.running("web"), it.desired("one"), it.desired("two")), (8, 0, 4));
}

#[tokio::test(start_paused = true)]
async fn tasks_of_an_architecture_get_hosts_of_it() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("x86", 2048, 7700, 30));
    let arm = InstanceType::new("m6g.large", 2048, 7700);
    world.add_group(
        fleetkeeper_sim::AutoScalingGroup::new("arm", arm).in_cluster(CLUSTER).sizes(0, 30).launching_in(90),
    );
    (0..3).for_each(|_| drop(world.launch_now("x86").unwrap()));
    world.launch_now("arm").unwrap();
    world
        .create_service(CLUSTER, Service::new("api", 4, task("api", 1024, 1024).cpu_architecture("ARM64")))
        .unwrap();
    world.advance_seconds(60);
    let it = ClosedLoop::new(world, &["x86", "arm"], "none");
    it.minutes(40).await;
    assert_eq!((it.running("api"), it.desired("x86"), it.desired("arm")), (4, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn windows_tasks_get_windows_hosts() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("linux", 2048, 7700, 30));
    let windows = InstanceType::new("m5.large", 2048, 7700).windows("WINDOWS_SERVER_2022_CORE");
    world.add_group(
        fleetkeeper_sim::AutoScalingGroup::new("windows", windows)
            .in_cluster(CLUSTER)
            .sizes(0, 30)
            .launching_in(90),
    );
    (0..2).for_each(|_| drop(world.launch_now("linux").unwrap()));
    world.launch_now("windows").unwrap();
    let api = task("api", 1024, 1024).operating_system_family("WINDOWS_SERVER_2022_CORE");
    world.create_service(CLUSTER, Service::new("api", 4, api)).unwrap();
    world.advance_seconds(60);
    let it = ClosedLoop::new(world, &["linux", "windows"], "none");
    it.minutes(40).await;
    assert_eq!((it.running("api"), it.desired("linux"), it.desired("windows")), (4, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn two_groups_that_shrink_at_once_leave_no_task_waiting() {
    for mode in MODES {
        let mut world = world(mode);
        for name in ["one", "two"] {
            world.add_group(group(name, 1000, 1000, 30));
            (0..3).for_each(|_| drop(world.launch_now(name).unwrap()));
        }
        world.create_service(CLUSTER, Service::new("web", 6, task("web", 500, 500))).unwrap();
        world.advance_seconds(60);
        let it = ClosedLoop::new(world, &["one", "two"], "none");
        for _ in 0..60 {
            it.minute().await;
            let hosts = it.desired("one") + it.desired("two");
            assert!(hosts >= 3, "{mode:?}: {hosts} hosts for six tasks of which two fit on one");
        }
        assert_eq!((it.running("web"), it.desired("one") + it.desired("two")), (6, 3), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn hosts_with_jobs_that_nobody_replaces_are_not_removed() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("hosts", 4096, 15_500, 30));
    (0..4).for_each(|_| drop(world.launch_now("hosts").unwrap()));
    let job = task("job", 3000, 8000);
    (0..3).for_each(|_| drop(world.run_task(CLUSTER, &job).unwrap()));
    world.advance_seconds(60);
    let it = ClosedLoop::new(world, &["hosts"], "one");
    it.minutes(90).await;
    assert_eq!(it.with(|world| world.history().killed_tasks().len()), 0);
    assert_eq!(it.desired("hosts"), 4, "Auto Scaling might pick one with a job");
}

#[tokio::test(start_paused = true)]
async fn small_tasks_beside_a_large_one_get_the_hosts_that_they_need() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("hosts", 4096, 15_800, 100));
    world.launch_now("hosts").unwrap();
    world.create_service(CLUSTER, Service::new("batch", 1, task("batch", 3072, 12_000))).unwrap();
    world.advance_seconds(60);
    let it = ClosedLoop::new(world, &["hosts"], "none");
    it.with(|world| world.create_service(CLUSTER, Service::new("web", 40, task("web", 128, 256)))).unwrap();
    assert_eq!(it.most_desired("hosts", 30).await, 2);
    assert_eq!(it.running("web"), 40);
}

#[tokio::test(start_paused = true)]
async fn a_blue_green_deployment_gets_its_hosts_at_once() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("hosts", 1000, 1000, 100));
    (0..10).for_each(|_| drop(world.launch_now("hosts").unwrap()));
    world.create_service(CLUSTER, Service::new("web", 20, task("blue", 500, 500))).unwrap();
    world.advance_seconds(60);
    let it = ClosedLoop::new(world, &["hosts"], "none");
    it.minute().await;
    it.with(|world| world.begin_blue_green(CLUSTER, "web", task("green", 500, 500))).unwrap();
    for minute in 0.. {
        it.minute().await;
        if it.running("web") == 40 {
            assert!(minute <= 6, "{minute} minutes");
            break;
        }
        assert!(minute < 20, "{} tasks after {minute} minutes", it.running("web"));
    }
    assert_eq!(it.desired("hosts"), 20);
}

#[tokio::test(start_paused = true)]
async fn more_static_ports_than_ecs_reserves_add_no_host() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("hosts", 4096, 15_500, 30));
    world.launch_now("hosts").unwrap();
    let ports = (1000..1096).fold(task("ports", 10, 10), TaskDefinition::tcp_port);
    world.create_service(CLUSTER, Service::new("ports", 2, ports)).unwrap();
    let it = ClosedLoop::new(world, &["hosts"], "one");
    assert_eq!(it.most_desired("hosts", 60).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_set_on_fargate_asks_for_no_host() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("hosts", 4096, 15_500, 30));
    world.launch_now("hosts").unwrap();
    let on_fargate = TaskSet::new("ecs-svc/1", task("web", 500, 500)).on_fargate(0);
    world.create_service(CLUSTER, Service::external("web", 3, on_fargate)).unwrap();
    let it = ClosedLoop::new(world, &["hosts"], "one");
    assert_eq!(it.most_desired("hosts", 60).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_weighted_group_is_scaled_in_units() {
    let mut world = world(PlacementMode::Random);
    let host = InstanceType::new("m5.xlarge", 4096, 15_500);
    world.add_group(group("hosts", 1, 1, 100).mixed_instances(MixedInstances::weighing(&[(host, 4)])));
    world.launch_now("hosts").unwrap();
    world.create_service(CLUSTER, Service::new("web", 12, task("web", 1000, 1000))).unwrap();
    let it = ClosedLoop::new(world, &["hosts"], "none");
    it.minutes(20).await;
    assert_eq!((it.running("web"), it.desired("hosts")), (12, 12));
    it.with(|world| world.set_desired_count(CLUSTER, "web", 4)).unwrap();
    it.minutes(60).await;
    assert_eq!((it.running("web"), it.desired("hosts")), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_cannot_be_described_silences_no_other_service() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("hosts", 1000, 1000, 30));
    world.launch_now("hosts").unwrap();
    world.create_service(CLUSTER, Service::new("gone", 0, task("gone", 500, 500))).unwrap();
    world.create_service(CLUSTER, Service::new("web", 6, task("web", 500, 500))).unwrap();
    world.make_task_definition_unreadable(&task("gone", 500, 500).arn());
    let it = ClosedLoop::new(world, &["hosts"], "none");
    it.minutes(15).await;
    assert_eq!((it.running("web"), it.desired("hosts")), (6, 3));
}
