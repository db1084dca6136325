//! Which hosts a task may go to: constraints, attributes, platforms, capacity providers, ports.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::ecs::capacity_provider::CapacityProvider;
use fleetkeeper_sim::world::ecs::constraint::PlacementConstraint;
use fleetkeeper_sim::world::ecs::list::ListContainerInstances;
use fleetkeeper_sim::world::ecs::strategy::StrategyItem;
use fleetkeeper_sim::{AutoScalingGroup, InstanceType, Service, TaskDefinition, World};

use crate::scene::{arn_of, described, drain, tasks_on, web, world_of_hosts};

fn job() -> TaskDefinition {
    TaskDefinition::new("job", 64, 64)
}

fn of_type(world: &mut World, name: &str) -> Ec2InstanceId {
    world.launch_now_of_type("hosts", InstanceType::new(name, 2048, 3767)).unwrap()
}

fn refused(world: &mut World, definition: &TaskDefinition) -> String {
    world.run_task("demo", definition).unwrap_err().message
}

/// How many tasks each of these hosts has.
fn tasks(world: &World, hosts: &[&Ec2InstanceId]) -> Vec<usize> {
    hosts.iter().map(|host| tasks_on(world, host, "RUNNING").len()).collect()
}

#[test]
fn a_list_is_filtered_by_any_expression_in_pages() {
    let (mut world, hosts) = world_of_hosts(5);
    let arm = of_type(&mut world, "m6g.medium");
    world.put_attribute("demo", &hosts[0], "stack", Some("prod")).unwrap();
    world.start_task("demo", &job(), &hosts[1]).unwrap();
    world.set_page_limit(2);
    let listed = |world: &World, filter: &str| {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let input = ListContainerInstances {
                cluster: Some("demo"),
                filter: Some(filter),
                next_token: token.as_deref(),
                ..ListContainerInstances::default()
            };
            let page = world.list_container_instances(input).unwrap();
            assert!(page.items.len() <= 2);
            found.extend(page.items);
            let Some(next) = page.next else { return found };
            token = Some(next.0);
        }
    };
    assert_eq!(listed(&world, "attribute:ecs.instance-type =~ c5.* and agentConnected == true").len(), 5);
    assert_eq!(listed(&world, "attribute:ecs.cpu-architecture == arm64"), [arn_of(&world, &arm)]);
    assert_eq!(listed(&world, "attribute:stack exists"), [arn_of(&world, &hosts[0])]);
    assert_eq!(listed(&world, "task:group == family:job"), [arn_of(&world, &hosts[1])]);
    assert_eq!(listed(&world, "not(task:group == family:job)").len(), 5);
    world.delete_attribute("demo", &hosts[0], "stack").unwrap();
    assert!(listed(&world, "attribute:stack exists").is_empty());
    let malformed = ListContainerInstances {
        cluster: Some("demo"),
        filter: Some("attribute:stack = prod"),
        ..ListContainerInstances::default()
    };
    let error = world.list_container_instances(malformed).unwrap_err();
    assert_eq!(error.code, "InvalidParameterException");
}

#[test]
fn constraints_of_the_task_definition_and_of_the_service_both_bind() {
    let (mut world, _) = world_of_hosts(0);
    let small = of_type(&mut world, "c5.large");
    let marked = of_type(&mut world, "c5.large");
    let other = of_type(&mut world, "m5.large");
    for host in [&marked, &other] {
        world.put_attribute("demo", host, "stack", Some("prod")).unwrap();
    }
    let definition = web().constrained_to("attribute:ecs.instance-type =~ c5.*");
    let service = Service::new("web", 3, definition).constrained_to("attribute:stack in [prod, test]");
    world.create_service("demo", service).unwrap();
    world.advance_seconds(30);
    assert_eq!(tasks(&world, &[&small, &marked, &other]), [0, 3, 0]);
    // Other constraints move nothing, and hold for what is placed from then on.
    let constraints = vec![PlacementConstraint::member_of("attribute:stack !exists")];
    world.set_placement_constraints("demo", "web", constraints).unwrap();
    world.set_desired_count("demo", "web", 4).unwrap();
    world.advance_seconds(30);
    assert_eq!(tasks(&world, &[&small, &marked, &other]), [1, 3, 0]);
}

#[test]
fn a_malformed_constraint_is_refused_wherever_it_comes_from() {
    let (mut world, hosts) = world_of_hosts(1);
    let malformed = || web().constrained_to("attribute:stack = prod");
    let constraint = PlacementConstraint::member_of("(");
    world.create_service("demo", Service::new("web", 1, web())).unwrap();
    for error in [
        world.create_service("demo", Service::new("bad", 1, malformed())).unwrap_err(),
        world.create_service("demo", Service::new("bad", 1, web()).constrained_to("(")).unwrap_err(),
        world.update_service("demo", "web", malformed()).unwrap_err(),
        world.set_placement_constraints("demo", "web", vec![constraint]).unwrap_err(),
        world.run_task("demo", &malformed()).unwrap_err(),
        world.start_task("demo", &malformed(), &hosts[0]).unwrap_err(),
    ] {
        assert_eq!(error.code, "InvalidParameterException", "{error}");
    }
}

#[test]
fn distinct_instance_counts_the_tasks_that_are_desired_running() {
    let (mut world, hosts) = world_of_hosts(2);
    let service = Service::new("web", 3, web().deregistration_delay(300)).percents(0, 200);
    world.create_service("demo", service.distinct_instance()).unwrap();
    world.advance_seconds(30);
    assert_eq!(tasks(&world, &[&hosts[0], &hosts[1]]), [1, 1], "the third has no host of its own");
    let told = world.history().to_string();
    assert!(told.contains("DistinctInstance placement constraint unsatisfied"), "{told}");
    // A task that is stopping does not block its host.
    let old = tasks_on(&world, &hosts[0], "RUNNING").remove(0);
    world.stop_task("demo", &old).unwrap();
    world.advance_seconds(5);
    assert_eq!(tasks(&world, &[&hosts[0], &hosts[1]]), [1, 1]);
    assert_eq!(tasks_on(&world, &hosts[0], "STOPPED"), [old]);
}

#[test]
fn tasks_go_where_their_attributes_and_their_platform_are() {
    let (mut world, _) = world_of_hosts(0);
    let plain = world
        .launch_now_of_type(
            "hosts",
            InstanceType::new("c5.large", 2048, 3767).incapable_of("ecs.capability.task-eni"),
        )
        .unwrap();
    assert_eq!(refused(&mut world, &job().awsvpc()), "ATTRIBUTE");
    assert_eq!(refused(&mut world, &job().requiring("com.example.fuse")), "ATTRIBUTE");
    assert_eq!(refused(&mut world, &job().cpu_architecture("ARM64")), "ATTRIBUTE");
    let windows = "WINDOWS_SERVER_2022_CORE";
    assert_eq!(refused(&mut world, &job().operating_system_family(windows)), "ATTRIBUTE");
    let on = |world: &mut World, host: InstanceType, definition: TaskDefinition| {
        let host = world.launch_now_of_type("hosts", host).unwrap();
        world.run_task("demo", &definition).unwrap();
        assert_eq!(tasks(world, &[&host]), [1], "{definition:?}");
        host
    };
    let large = |name: &str| InstanceType::new(name, 2048, 3767);
    on(&mut world, large("c5.xlarge"), job().awsvpc());
    on(&mut world, large("c5.large").capable_of("com.example.fuse"), job().requiring("com.example.fuse"));
    on(&mut world, large("m6g.medium"), job().cpu_architecture("ARM64").operating_system_family("LINUX"));
    let host = on(
        &mut world,
        large("m5.large").windows(windows),
        job().operating_system_family(windows).cpu_architecture("X86_64"),
    );
    on(&mut world, large("g5.xlarge"), job().requiring_value("ecs.instance-type", "g5.xlarge"));
    assert_eq!(tasks(&world, &[&plain]), [0]);
    let attributes = described(&world, &host).attributes;
    assert_eq!(attributes["ecs.os-type"].as_deref(), Some("windows"));
    assert_eq!(attributes["ecs.os-family"].as_deref(), Some(windows));
    assert_eq!(attributes["ecs.cpu-architecture"].as_deref(), Some("x86_64"));
}

#[test]
fn the_processors_of_a_type_are_in_its_name() {
    for (name, architecture) in [
        ("m6g.medium", "arm64"),
        ("c7gn.large", "arm64"),
        ("g5g.xlarge", "arm64"),
        ("a1.large", "arm64"),
        ("t4g.nano", "arm64"),
        ("g5.xlarge", "x86_64"),
        ("c5.large", "x86_64"),
        ("m7i-flex.large", "x86_64"),
        ("p4d.24xlarge", "x86_64"),
    ] {
        assert_eq!(InstanceType::new(name, 1, 1).cpu_architecture, architecture, "{name}");
    }
}

#[test]
fn a_host_reserves_at_most_100_ports_five_of_them_the_agents() {
    let (mut world, _) = world_of_hosts(1);
    let ports = |from: u16, count: u16| (from..from + count).fold(job(), TaskDefinition::tcp_port);
    world.run_task("demo", &ports(1000, 50)).unwrap();
    let udp = (0..44).fold(job(), |definition, port| definition.udp_port(2000 + port));
    let first = world.run_task("demo", &udp).unwrap();
    world.run_task("demo", &ports(3000, 1)).unwrap();
    assert_eq!(refused(&mut world, &ports(3001, 1)), "RESOURCE:PORTS");
    world.run_task("demo", &job()).unwrap();
    world.stop_task("demo", &first).unwrap();
    world.run_task("demo", &ports(3001, 44)).unwrap();
    assert_eq!(refused(&mut world, &ports(3101, 1)), "RESOURCE:PORTS");
}

/// Groups `one` and `two`, each with its capacity provider and two hosts, beside the host of none.
fn two_providers() -> (World, Vec<Ec2InstanceId>) {
    let (mut world, mut hosts) = world_of_hosts(1);
    for name in ["one", "two"] {
        let of_type = InstanceType::new("c5.large", 2048, 3767);
        world.add_group(AutoScalingGroup::new(name, of_type).in_cluster("demo"));
        hosts.push(world.launch_now(name).unwrap());
        world.create_capacity_provider(CapacityProvider::new(name, name)).unwrap();
        hosts.push(world.launch_now(name).unwrap());
    }
    (world, hosts)
}

#[test]
fn hosts_carry_the_provider_that_their_group_had_when_they_registered() {
    let (mut world, hosts) = two_providers();
    let providers: Vec<_> = hosts.iter().map(|host| described(&world, host).capacity_provider).collect();
    assert_eq!(providers, [None, None, Some("one".to_owned()), None, Some("two".to_owned())]);
    assert!(world.create_capacity_provider(CapacityProvider::new("none", "none")).is_err());
}

#[test]
fn a_strategys_tasks_go_to_their_provider_whether_they_fit_there_or_not() {
    let (mut world, hosts) = two_providers();
    let strategy = [StrategyItem::new("one", 1, 1), StrategyItem::new("two", 0, 3)];
    let service = Service::new("web", 5, TaskDefinition::new("web", 512, 512)).on_providers(&strategy);
    world.create_service("demo", service).unwrap();
    world.advance_seconds(30);
    let all: Vec<_> = hosts.iter().collect();
    assert_eq!(tasks(&world, &all), [0, 0, 2, 0, 3], "one by its base, then one to three");
    world.set_desired_count("demo", "web", 9).unwrap();
    world.advance_seconds(30);
    // The eighth is the second provider's fifth, and its only host is full: the others wait behind
    // it.
    assert_eq!(tasks(&world, &all), [0, 0, 3, 0, 4]);
    // A launch type goes anywhere, the providers' hosts included.
    world.create_service("demo", Service::new("any", 13, TaskDefinition::new("any", 512, 512))).unwrap();
    world.advance_seconds(30);
    assert_eq!(tasks(&world, &all), [4, 4, 4, 4, 4]);
}

#[test]
fn a_daemon_with_constraints_goes_to_matching_hosts_and_to_new_ones() {
    let (mut world, _) = world_of_hosts(0);
    let hosts = ["c5.large", "m6g.medium", "c5.large"].map(|name| of_type(&mut world, name));
    let definition = job().constrained_to("attribute:ecs.cpu-architecture == x86_64");
    let agent = Service::daemon("agent", definition).constrained_to("attribute:quiet !exists");
    world.put_attribute("demo", &hosts[2], "quiet", None).unwrap();
    world.create_service("demo", agent).unwrap();
    world.advance_seconds(10);
    assert_eq!(tasks(&world, &[&hosts[0], &hosts[1], &hosts[2]]), [1, 0, 0]);
    let new = of_type(&mut world, "c5.large");
    world.delete_attribute("demo", &hosts[2], "quiet").unwrap();
    world.advance_seconds(10);
    assert_eq!(tasks(&world, &[&hosts[2], &new]), [1, 1]);
    drain(&mut world, &new);
}
