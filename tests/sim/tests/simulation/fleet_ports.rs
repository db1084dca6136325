//! Fleetkeeper's ports on a cluster of several groups and kinds.

use fleetkeeper_core::ports::{
    AutoScalingGroups, CapacityProviders, ContainerInstanceQuery, Services, TaskDefinitions,
};
use fleetkeeper_core::read;
use fleetkeeper_core::service::{Launch, PlacementConstraint};
use fleetkeeper_core::task::TaskDefinitionArn;
use fleetkeeper_sim::{
    CapacityProvider, InstanceType, MixedInstances, ScalingProcess, Service, SharedWorld, SimulatedAws,
    StrategyItem, TaskDefinition, TaskSet,
};

use crate::scene::{web, world_of_group, world_of_hosts};

#[tokio::test(start_paused = true)]
async fn a_group_has_its_weights_its_protection_and_its_suspended_processes() {
    let types =
        [(InstanceType::new("c5.large", 2048, 3767), 1), (InstanceType::new("c5.xlarge", 4096, 7500), 2)];
    let mut world = world_of_group(|group| group.mixed_instances(MixedInstances::weighing(&types)));
    let hosts = [world.launch_now("hosts").unwrap(), world.launch_now("hosts").unwrap()];
    world.set_instance_protection("hosts", &hosts[1..], true).unwrap();
    world.suspend_processes("hosts", &[ScalingProcess::Terminate]).unwrap();
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let group = aws.describe_group("hosts").await.unwrap().unwrap();
    assert_eq!((group.desired, group.maximum, group.mixed), (3, 1000, true));
    assert_eq!(group.suspended.into_iter().collect::<Vec<_>>(), ["Terminate"]);
    let mut seen: Vec<_> =
        group.instances.iter().map(|it| (it.weight, it.protected, &*it.instance_type)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(1, false, "c5.large"), (2, true, "c5.xlarge")]);
    assert!(aws.describe_groups(&[]).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn services_and_task_definitions_have_what_binds_their_tasks() {
    let (mut world, _) = world_of_hosts(1);
    world.create_capacity_provider(CapacityProvider::new("one", "hosts").managing_scaling()).unwrap();
    world.launch_now("hosts").unwrap();
    let definition =
        web().constrained_to("attribute:stack exists").requiring("fuse").cpu_architecture("ARM64");
    let strategy = ["one", "none"].map(|name| StrategyItem::new(name, 0, u32::from(name == "one")));
    let shown = Service::new("web", 2, definition)
        .distinct_instance()
        .constrained_to("attribute:stack == prod")
        .placement_strategy("spread", Some("attribute:ecs.availability-zone"))
        .placement_strategy("binpack", Some("cpu"))
        .on_providers(&strategy);
    world.create_service("demo", shown).unwrap();
    let set = TaskSet::new("here", TaskDefinition::new("here", 64, 64)).scale(50);
    world.create_service("demo", Service::external("sets", 4, set)).unwrap();
    let set = TaskSet::new("there", TaskDefinition::new("there", 64, 64)).on_fargate(4);
    world.put_task_set("demo", "sets", set).unwrap();
    world.advance_seconds(30);
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let demo = "demo".parse().unwrap();

    let names = ["web", "sets"].map(str::to_owned);
    let [web, sets] = &aws.describe_services(&demo, &names).await.unwrap().items[..] else { panic!() };
    let member_of = PlacementConstraint::MemberOf("attribute:stack == prod".to_owned());
    assert_eq!(web.constraints, [PlacementConstraint::DistinctInstance, member_of]);
    assert_eq!(web.spreads_over, ["attribute:ecs.availability-zone"]);
    assert_eq!(web.deployments[0].launch, Launch::CapacityProviders(vec!["one".to_owned()]));
    assert_eq!((web.deployments[0].desired, web.deployments[0].running), (2, 0));
    let counts: Vec<_> =
        sets.deployments.iter().map(|it| (it.task_set, it.launch.clone(), it.desired, it.running)).collect();
    assert_eq!(counts, [(true, Launch::Elsewhere, 4, 4), (true, Launch::Ec2, 2, 2)]);

    let arn = TaskDefinitionArn("web:1".to_owned());
    let host = aws.describe_task_definition(&arn).await.unwrap().host;
    assert_eq!(host.member_of, ["attribute:stack exists"]);
    assert_eq!(host.attributes.into_iter().collect::<Vec<_>>(), [("fuse".to_owned(), None)]);
    assert_eq!((host.cpu_architecture.as_deref(), host.operating_system), (Some("ARM64"), None));

    let provider = aws.describe_capacity_providers(&["one".to_owned()], None).await.unwrap().items.remove(0);
    assert_eq!((provider.group.as_deref(), provider.managed_scaling), (Some("hosts"), true));
    let query = ContainerInstanceQuery::Matching("attribute:ecs.instance-type =~ c5.*".to_owned());
    let hosts = read::container_instances(&aws, &demo, &query).await.unwrap().items;
    let providers: Vec<_> = hosts.iter().filter_map(|host| host.capacity_provider.as_deref()).collect();
    assert_eq!((hosts.len(), providers), (2, vec!["one"]));
}
