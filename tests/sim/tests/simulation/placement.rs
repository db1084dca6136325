//! Where tasks go: mixed hosts, network interfaces, attributes, and the reasons why nothing fits.

use fleetkeeper_core::network_interfaces::task_network_interfaces;
use fleetkeeper_core::ports::ContainerInstanceQuery;
use fleetkeeper_core::read;
use fleetkeeper_sim::{InstanceType, Service, SharedWorld, SimulatedAws, TaskDefinition};

use crate::scene::{described, last_statuses, tasks_on, web, world_of_hosts};

#[test]
fn an_awsvpc_task_holds_its_network_interface_until_it_has_stopped() {
    let (mut world, hosts) = world_of_hosts(1);
    let own = || TaskDefinition::new("own", 128, 128).awsvpc().stopping(10).deprovisioning(20);
    let first = world.run_task("demo", &own()).unwrap();
    world.run_task("demo", &own()).unwrap();
    assert_eq!(
        (described(&world, &hosts[0]).awsvpc_tasks, described(&world, &hosts[0]).awsvpc_task_limit),
        (2, 2)
    );
    assert_eq!(world.run_task("demo", &own()).unwrap_err().message, "RESOURCE:ENI");
    world.run_task("demo", &web()).unwrap();

    // Its CPU is free for others at once, its network interface is not.
    world.advance_seconds(10);
    world.stop_task("demo", &first).unwrap();
    assert_eq!(world.run_task("demo", &own()).unwrap_err().message, "RESOURCE:ENI");
    world.advance_seconds(29);
    assert_eq!(last_statuses(&world, std::slice::from_ref(&first)), ["DEPROVISIONING"]);
    assert_eq!(world.run_task("demo", &own()).unwrap_err().message, "RESOURCE:ENI");
    world.advance_seconds(1);
    assert_eq!(described(&world, &hosts[0]).awsvpc_tasks, 1);
    world.run_task("demo", &own()).unwrap();
}

#[test]
fn how_many_network_interfaces_a_host_has_for_tasks_depends_on_its_type_and_its_trunk() {
    for (name, limit, with_trunk) in
        [("c5.large", 2, 10), ("m6g.medium", 1, 4), ("t2.micro", 1, 1), ("not-of-aws", 2, 2)]
    {
        let of_type = || InstanceType::new(name, 10_000, 10_000);
        for (of_type, limit) in [(of_type(), limit), (of_type().trunked(), with_trunk)] {
            let (mut world, _) = world_of_hosts(0);
            let host = world.launch_now_of_type("hosts", of_type).unwrap();
            let own = TaskDefinition::new("own", 10, 10).awsvpc();
            let placed = (0..100).take_while(|_| world.run_task("demo", &own).is_ok()).count();
            assert_eq!(placed, limit, "{name}");
            assert_eq!(world.run_task("demo", &own).unwrap_err().message, "RESOURCE:ENI");
            assert_eq!(described(&world, &host).awsvpc_tasks, described(&world, &host).awsvpc_task_limit);
        }
    }
}

/// Fleetkeeper sees no more of it than the type's name and the trunk's attribute.
#[tokio::test(start_paused = true)]
async fn fleetkeepers_table_says_of_network_interfaces_what_the_world_does() {
    let (mut world, _) = world_of_hosts(0);
    let names = ["c5.large", "c5.xlarge", "c5.2xlarge", "g5.xlarge", "g5.12xlarge"];
    for name in names.into_iter().chain(["i3.large", "m6g.medium", "t2.micro", "t3.medium"]) {
        let of_type = || InstanceType::new(name, 2048, 3767);
        world.launch_now_of_type("hosts", of_type()).unwrap();
        world.launch_now_of_type("hosts", of_type().trunked()).unwrap();
    }
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let demo = "demo".parse().unwrap();
    let hosts = read::container_instances(&aws, &demo, &ContainerInstanceQuery::All).await.unwrap().items;
    assert_eq!((hosts.len(), hosts.iter().filter(|host| host.is_trunked()).count()), (18, 6));
    for host in hosts {
        let id = host.ec2_instance_id.parse().unwrap();
        let limit = aws.world().with(|world| described(world, &id).awsvpc_task_limit);
        assert_eq!(task_network_interfaces(&host), Some(limit), "{host:?}");
    }
}

#[test]
fn an_awsvpc_task_takes_none_of_its_hosts_ports() {
    let (mut world, hosts) = world_of_hosts(1);
    let own = || TaskDefinition::new("own", 128, 128).tcp_port(80).udp_port(53).awsvpc();
    let before = described(&world, &hosts[0]).remaining;
    world.run_task("demo", &own()).unwrap();
    let after = described(&world, &hosts[0]).remaining;
    assert_eq!(after.tcp_ports_taken, before.tcp_ports_taken);
    assert_eq!(after.udp_ports_taken, before.udp_ports_taken);
    world.run_task("demo", &own()).unwrap();
    world.run_task("demo", &TaskDefinition::new("proxy", 128, 128).tcp_port(80)).unwrap();
}

#[test]
fn a_constraint_keeps_tasks_to_hosts_with_the_attribute() {
    let (mut world, hosts) = world_of_hosts(2);
    let ssd = || TaskDefinition::new("store", 1000, 256).member_of("disk", "ssd");
    let refused = "MemberOf placement constraint unsatisfied";
    assert_eq!(world.run_task("demo", &ssd()).unwrap_err().message, refused);
    assert_eq!(world.start_task("demo", &ssd(), &hosts[0]).unwrap_err().message, refused);

    let fast = InstanceType::new("i3.large", 2048, 15_000).attribute("disk", "ssd").in_zone("us-east-1b");
    let fast = world.launch_now_of_type("hosts", fast).unwrap();
    world.create_service("demo", Service::new("store", 3, ssd())).unwrap();
    world.advance_seconds(60);
    assert_eq!(tasks_on(&world, &fast, "RUNNING").len(), 2);
    assert!(hosts.iter().all(|host| tasks_on(&world, host, "RUNNING").is_empty()));
    // The host that meets the constraint is the closest match, and what it lacks is the reason.
    assert_eq!(world.run_task("demo", &ssd()).unwrap_err().message, "RESOURCE:CPU");

    let zone = |host| described(&world, host).attributes["ecs.availability-zone"].clone();
    assert_eq!(
        (zone(&fast).as_deref(), zone(&hosts[0]).as_deref()),
        (Some("us-east-1b"), Some("us-east-1a"))
    );
    let in_zone = TaskDefinition::new("near", 10, 10).member_of("ecs.availability-zone", "us-east-1b");
    world.run_task("demo", &in_zone).unwrap();
    assert_eq!(tasks_on(&world, &fast, "RUNNING").len(), 3);
}

#[test]
fn hosts_of_different_sizes_take_what_fits_on_each() {
    let (mut world, _) = world_of_hosts(0);
    let small = world.launch_now_of_type("hosts", InstanceType::new("c5.large", 2048, 3767)).unwrap();
    let large = world.launch_now_of_type("hosts", InstanceType::new("c5.2xlarge", 8192, 15_500)).unwrap();
    world.create_service("demo", Service::new("big", 5, TaskDefinition::new("big", 1500, 2000))).unwrap();
    world.advance_seconds(60);
    let count = |host| tasks_on(&world, host, "RUNNING").len();
    assert_eq!((count(&small), count(&large)), (1, 4));
}

#[test]
fn stopped_tasks_no_longer_count_when_hosts_are_compared() {
    let (mut world, hosts) = world_of_hosts(2);
    for _ in 0..3 {
        world.start_task("demo", &TaskDefinition::new("job", 10, 10).running_for(5), &hosts[0]).unwrap();
    }
    world.advance_seconds(60);
    world.start_task("demo", &web(), &hosts[1]).unwrap();
    world.run_task("demo", &web()).unwrap();
    assert_eq!(tasks_on(&world, &hosts[0], "RUNNING").len(), 1);
    assert_eq!(tasks_on(&world, &hosts[0], "STOPPED").len(), 3);
}

#[test]
fn what_remains_is_what_the_wanted_tasks_leave_whatever_happened() {
    let (mut world, mut hosts) = world_of_hosts(4);
    world.create_service("demo", Service::new("web", 9, web()).percents(50, 150)).unwrap();
    world.create_service("demo", Service::daemon("logs", TaskDefinition::new("logs", 64, 32))).unwrap();
    world.run_task("demo", &TaskDefinition::new("job", 200, 100).running_for(90)).unwrap();
    world.advance_seconds(60);
    crate::scene::drain(&mut world, &hosts[0]);
    world.set_agent_connected("demo", &hosts[1], false).unwrap();
    world.update_service("demo", "web", TaskDefinition::new("web", 300, 700)).unwrap();
    let lost = hosts.remove(2);
    let lost_arn = described(&world, &lost).arn;
    assert!(described(&world, &lost).running_tasks > 0);
    world.lose_instance("hosts", &lost).unwrap();
    let lost = world.describe_container_instances(Some("demo"), &[lost_arn.0]).unwrap().items.remove(0);
    assert_eq!((lost.remaining, lost.running_tasks), (lost.registered, 0));
    world.set_desired_count("demo", "web", 5).unwrap();
    for _ in 0..300 {
        world.advance_seconds(1);
        for host in &hosts {
            let host_now = described(&world, host);
            let wanted = tasks_on(&world, host, "RUNNING");
            let (cpu, memory) = wanted.iter().map(|arn| crate::scene::task(&world, arn).definition).fold(
                (host_now.registered.cpu.0, host_now.registered.memory.0),
                |(cpu, memory), definition| (cpu - definition.cpu.0, memory - definition.memory.0),
            );
            assert_eq!((host_now.remaining.cpu.0, host_now.remaining.memory.0), (cpu, memory));
        }
    }
}

#[test]
fn an_instance_whose_trunk_interface_comes_takes_no_tasks_and_cannot_be_drained_before() {
    let (mut world, _) = world_of_hosts(0);
    let slow = InstanceType::new("c5.large", 2048, 3767).registering_for(60);
    let host = world.launch_now_of_type("hosts", slow).unwrap();
    world.create_service("demo", Service::new("web", 1, web())).unwrap();
    world.advance_seconds(59);
    let registering = described(&world, &host);
    assert_eq!((registering.status.to_string().as_str(), registering.pending_tasks), ("REGISTERING", 0));
    let refused = world.update_container_instances_state(Some("demo"), &[registering.arn.0], "DRAINING");
    assert_eq!(refused.unwrap_err().code, "InvalidParameterException");
    world.advance_seconds(2);
    let active = described(&world, &host);
    assert_eq!((active.status.to_string().as_str(), active.pending_tasks), ("ACTIVE", 1));
}
