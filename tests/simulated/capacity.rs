//! The capacity-calculator in the simulated world.

use std::time::Duration;

use capacity_calculator::{CapacityCalculator, CapacityError, Config, Outcome, Summary};
use fleetkeeper_core::capacity::Resource;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::setting::Settings;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::outbox::{Emission, Emitted};
use fleetkeeper_sim::{Service, SharedWorld, SimulatedAws, TaskDefinition, World};
use serde_json::Value;

use crate::scene::{CLUSTER, GROUP, sample_event, web, world_of_hosts};

pub(crate) struct Scene {
    aws: SimulatedAws,
    calculator: CapacityCalculator<SimulatedAws, SimulatedAws, SimulatedAws, SimulatedAws>,
}

/// The variables of the scene's cluster and group.
const OF_GROUP: [(&str, &str); 2] = [("ECS_CLUSTER", CLUSTER), ("AUTO_SCALING_GROUPS", GROUP)];

fn calculator(world: World) -> Scene {
    let given = [("CONTAINER_MAX_CPU", "512"), ("CONTAINER_MAX_MEMORY", "512")];
    calculator_with(world, &[&OF_GROUP[..], &given].concat())
}

pub(crate) fn calculator_with(world: World, variables: &[(&str, &str)]) -> Scene {
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let lookup = |name: &str| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).into())
    };
    let config = Config::read(&Settings::new(&lookup)).unwrap();
    let calculator = CapacityCalculator::new(aws.clone(), aws.clone(), aws.clone(), aws.clone(), config);
    Scene { aws, calculator }
}

impl Scene {
    /// The published summary, where the last snapshot does not cover or hold the event.
    pub(crate) async fn answer(&self, event: Value) -> Result<Summary, CapacityError> {
        Ok(self.handle(event).await?.published().unwrap())
    }

    async fn handle(&self, event: Value) -> Result<Outcome, CapacityError> {
        let begins = self.aws.world().now();
        let ends = begins + Duration::from_secs(60);
        let invocation = Invocation { begins, ends, deadline_known: true };
        Box::pin(self.calculator.handle(event, invocation)).await
    }

    fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.aws.world().with(act)
    }

    /// The values put last, by name, those of a group by `name/group`.
    fn put_last(&self) -> Vec<(String, f64)> {
        let data = self.world(|world| world.metric_data().last().unwrap().data.clone());
        let named = data.iter().map(|datum| {
            let group = datum.dimensions.get(1).map(|(_, value)| format!("/{value}")).unwrap_or_default();
            (format!("{}{group}", datum.name), datum.value)
        });
        named.collect()
    }

    fn calls(&self, operation: Operation) -> u32 {
        self.world(|world| world.history().api_calls().get(&operation).copied().unwrap_or(0))
    }
}

#[tokio::test(start_paused = true)]
async fn a_real_event_of_ecs_becomes_the_contracts_metrics_in_one_request() {
    // Four of the worst-case containers fit on a host; five tasks run on two of them.
    let (mut world, _) = world_of_hosts(2, 600);
    world.create_service(CLUSTER, Service::new("web", 5, web())).unwrap();
    world.advance_seconds(60);
    let event = world.take_outbox().iter().find_map(Emission::event).unwrap();
    let calculator = calculator(world);
    let summary = calculator.answer(event).await.unwrap();

    assert_eq!(summary.cluster, CLUSTER);
    let expected = [
        ("ContainerCapacity", 3.0),
        ("IdleHostCapacity", 0.75),
        ("PlaceableContainers", 3.0),
        ("UnplaceableServices", 0.0),
        ("WaitingTasks", 0.0),
        ("RemovableHosts/demo-asg", 0.0),
        ("MissingHosts/demo-asg", 0.0),
        ("ActiveHosts/demo-asg", 2.0),
        ("DrainingHosts/demo-asg", 0.0),
        ("DisconnectedHosts/demo-asg", 0.0),
        ("UnjoinedHosts/demo-asg", 0.0),
    ];
    let mut put = calculator.put_last();
    let mut expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    put.sort_by(|one, other| one.0.cmp(&other.0));
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(put, expected);
    assert_eq!(calculator.calls(Operation::PutMetricData), 1);
}

#[tokio::test(start_paused = true)]
async fn every_instance_counts_at_the_largest_size_there_is_with_exactly_a_hundred_reads() {
    let (world, _) = world_of_hosts(5000, 600);
    let calculator = calculator(world);
    let summary = calculator.answer(sample_event("scheduled-event.json")).await.unwrap();

    let report = summary.figures.capacity.unwrap();
    assert_eq!((report.hosts, report.placeable_containers), (5000, 20_000));
    assert_eq!(calculator.calls(Operation::ListContainerInstances), 50);
    assert_eq!(calculator.calls(Operation::DescribeContainerInstances), 50);
    assert_eq!(calculator.calls(Operation::DescribeAutoScalingGroups), 1);
    assert_eq!(calculator.calls(Operation::PutMetricData), 1);
}

#[tokio::test(start_paused = true)]
async fn every_instance_counts_on_short_pages() {
    let (mut world, _) = world_of_hosts(250, 600);
    world.set_page_limit(7);
    let calculator = calculator(world);
    let summary = calculator.answer(sample_event("scheduled-event.json")).await.unwrap();
    let report = summary.figures.capacity.unwrap();
    assert_eq!((report.hosts, report.placeable_containers), (250, 1000));
}

#[tokio::test(start_paused = true)]
async fn a_draining_and_a_disconnected_host_are_no_room() {
    let (mut world, hosts) = world_of_hosts(3, 600);
    let arn = world.container_instance_of(CLUSTER, &hosts[0]).unwrap().arn;
    world.update_container_instances_state(Some(CLUSTER), &[arn.0], "DRAINING").unwrap();
    world.set_agent_connected(CLUSTER, &hosts[1], false).unwrap();
    let calculator = calculator(world);
    let summary = calculator.answer(sample_event("scheduled-event.json")).await.unwrap();
    let hosts = summary.figures.groups[0].decision.hosts;
    assert_eq!((hosts.active_hosts, hosts.draining_hosts, hosts.disconnected_hosts), (1, 1, 1));
    assert_eq!(summary.figures.capacity.unwrap().placeable_containers, 4);
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_puts_nothing() {
    for (operation, nth) in [
        (Operation::ListContainerInstances, 2),
        (Operation::DescribeContainerInstances, 2),
        (Operation::DescribeAutoScalingGroups, 1),
        (Operation::ListServices, 1),
    ] {
        for fault in [Fault::Throttled, Fault::Refused, Fault::Unavailable, Fault::Hang] {
            let (world, _) = world_of_hosts(120, 600);
            let calculator = calculator(world);
            calculator.aws.world().faults(|faults| faults.plant(operation, When::Nth(nth), fault));
            calculator.answer(sample_event("scheduled-event.json")).await.unwrap_err();
            assert_eq!(calculator.calls(Operation::PutMetricData), 0, "{operation} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_instance_is_zero_and_zero() {
    let (world, _) = world_of_hosts(0, 600);
    let calculator = calculator(world);
    calculator.answer(sample_event("scheduled-event.json")).await.unwrap();
    let put = calculator.put_last();
    assert!(put.contains(&("ContainerCapacity".to_owned(), 0.0)), "{put:?}");
    assert!(put.contains(&("IdleHostCapacity".to_owned(), 0.0)), "{put:?}");
    assert!(put.iter().all(|(_, value)| *value == 0.0), "{put:?}");
}

#[tokio::test(start_paused = true)]
async fn same_twice_events_again_and_out_of_order_give_the_same_figures() {
    let (mut world, _) = world_of_hosts(3, 600);
    world.create_service(CLUSTER, Service::new("web", 5, web())).unwrap();
    world.advance_seconds(60);
    world.set_desired_capacity(GROUP, 4).unwrap();
    world.advance_seconds(200);
    let sent = world.take_outbox();
    let changes =
        sent.iter().filter(|emission| matches!(emission.what, Emitted::ContainerInstanceStateChange { .. }));
    let events: Vec<_> = changes.filter_map(Emission::event).collect();
    assert!(events.len() > 5);
    let mut figures = Vec::new();
    let calculator = calculator(world);
    for event in events.iter().rev().chain(&events) {
        calculator.handle(event.clone()).await.unwrap();
        figures.push(calculator.put_last());
    }
    assert!(figures.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_events_costs_one_snapshot() {
    let (mut world, _) = world_of_hosts(500, 600);
    world.create_service(CLUSTER, Service::new("web", 1000, web())).unwrap();
    world.advance_seconds(180);
    let sent = world.take_outbox();
    let changes =
        sent.iter().filter(|emission| matches!(emission.what, Emitted::ContainerInstanceStateChange { .. }));
    let events: Vec<_> = changes.filter_map(Emission::event).collect();
    assert!(events.len() >= 1000, "{}", events.len());
    let calculator = calculator(world);
    for event in events {
        calculator.handle(event).await.unwrap();
    }
    // Five pages a snapshot.
    assert_eq!(calculator.calls(Operation::ListContainerInstances), 5);
    assert_eq!(calculator.calls(Operation::PutMetricData), 1);
}

#[tokio::test(start_paused = true)]
async fn the_worst_case_container_is_discovered_and_a_waiting_task_is_a_missing_host() {
    // Two hosts of 2,048 units and 3,767 MiB; of the larger task one fits on each.
    let (mut world, _) = world_of_hosts(2, 600);
    world.create_service(CLUSTER, Service::new("web", 1, web())).unwrap();
    let large = TaskDefinition::new("large", 1500, 1500);
    world.create_service(CLUSTER, Service::new("large", 3, large)).unwrap();
    world.create_service(CLUSTER, Service::daemon("agent", TaskDefinition::new("agent", 10, 300))).unwrap();
    world.advance_seconds(120);
    let calculator = calculator_with(world, &[&OF_GROUP[..], &[("HEADROOM", "none")]].concat());
    let summary = calculator.answer(sample_event("scheduled-event.json")).await.unwrap();
    assert_eq!(
        summary.figures.capacity.unwrap().worst_case_container.to_string(),
        "1500 CPU units, 1500 MiB"
    );
    assert_eq!((summary.figures.waiting_tasks, summary.figures.groups.len()), (1, 1));
    assert_eq!(summary.figures.groups[0].decision.missing.units, Some(1));
    assert_eq!(calculator.calls(Operation::DescribeTaskDefinition), 3);
    // With one more host, the waiting task can be placed.
    calculator.world(|world| {
        world.launch_now(GROUP).unwrap();
        world.advance_seconds(120);
    });
    let summary = calculator.answer(sample_event("scheduled-event.json")).await.unwrap();
    assert_eq!(summary.figures.waiting_tasks, 0);
    assert_eq!(summary.figures.groups[0].decision.missing.units, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_removable_host_is_removed_and_every_task_runs_again() {
    let (mut world, hosts) = world_of_hosts(3, 600);
    world.create_service(CLUSTER, Service::new("web", 3, web())).unwrap();
    world.advance_seconds(120);
    let calculator = calculator_with(world, &OF_GROUP);
    let summary = calculator.answer(sample_event("scheduled-event.json")).await.unwrap();
    let removable = &summary.figures.groups[0].decision.removable;
    assert!(removable.hosts >= 1, "{removable:?}");
    calculator.world(|world| {
        let arn = world.container_instance_of(CLUSTER, &hosts[0]).unwrap().arn;
        world.update_container_instances_state(Some(CLUSTER), &[arn.0], "DRAINING").unwrap();
        world.advance_seconds(300);
        assert!(world.is_steady(CLUSTER, "web"));
    });
}

#[tokio::test(start_paused = true)]
async fn a_protected_task_and_a_standalone_one_hold_their_hosts() {
    let (mut world, hosts) = world_of_hosts(3, 600);
    world.create_service(CLUSTER, Service::new("web", 3, web())).unwrap();
    world.start_task(CLUSTER, &TaskDefinition::new("job", 10, 10), &hosts[0]).unwrap();
    world.advance_seconds(120);
    let protected = world.tasks_of_service(CLUSTER, "web")[2].arn.clone();
    world.protect_task(CLUSTER, &protected, world.now() + chrono::TimeDelta::hours(2)).unwrap();
    let calculator = calculator_with(world, &OF_GROUP);
    let summary = calculator.answer(sample_event("scheduled-event.json")).await.unwrap();
    let removable = &summary.figures.groups[0].decision.removable;
    assert_eq!(removable.hosts, 0, "{removable:?}");
    let said = serde_json::to_string(&removable.held_by).unwrap();
    assert!(said.contains("standalone-tasks"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn network_interfaces_bind_where_tasks_have_their_own() {
    // A c5.large has two for tasks, and this task needs little else.
    let (mut world, _) = world_of_hosts(3, 600);
    let definition = TaskDefinition::new("web", 10, 10).awsvpc();
    world.create_service(CLUSTER, Service::new("web", 4, definition)).unwrap();
    world.advance_seconds(120);
    let calculator = calculator_with(world, &OF_GROUP);
    let summary = calculator.answer(sample_event("scheduled-event.json")).await.unwrap();
    let report = summary.figures.capacity.unwrap();
    assert_eq!(report.placeable_containers, 2);
    assert_eq!(report.container_capacity_bound_by, Some(Resource::NetworkInterfaces));
}

#[tokio::test(start_paused = true)]
async fn while_a_deployment_is_in_progress_the_old_task_definition_counts_too() {
    let (mut world, _) = world_of_hosts(3, 600);
    let of = |cpu| TaskDefinition::new("web", cpu, 500);
    world.create_service(CLUSTER, Service::new("web", 3, of(1000))).unwrap();
    world.advance_seconds(120);
    world.update_service(CLUSTER, "web", TaskDefinition { revision: 2, ..of(100) }).unwrap();
    world.advance_seconds(5);
    let calculator = calculator_with(world, &OF_GROUP);
    let worst = async || {
        let summary = calculator.answer(sample_event("scheduled-event.json")).await.unwrap();
        summary.figures.capacity.unwrap().worst_case_container.to_string()
    };
    assert_eq!(worst().await, "1000 CPU units, 500 MiB");
    calculator.world(|world| world.advance_seconds(600));
    assert_eq!(worst().await, "100 CPU units, 500 MiB");
}
