//! The world that a history begins in.

use chrono::{DateTime, Utc};
use fleetkeeper_sim::world::auto_scaling::lagging_groups::LaggingGroupReads;
use fleetkeeper_sim::world::auto_scaling::termination_policy::TerminationPolicy;
use fleetkeeper_sim::world::auto_scaling::warm_pool::WarmPool;
use fleetkeeper_sim::world::chance::Chance;
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::ecs::flapping_agents::FlappingAgents;
use fleetkeeper_sim::world::ecs::lagging_copy::LaggingReads;
use fleetkeeper_sim::world::event_source::EventRule;
use fleetkeeper_sim::world::fleetkeeper_scaling::FleetkeeperScaling;
use fleetkeeper_sim::world::lambda::function::LambdaFunction;
use fleetkeeper_sim::world::{ApiError, World};
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, CapacityProvider, InstanceType, LifecycleHook, PlacementMode, Service,
    StrategyItem, TaskDefinition,
};

use serde_json::json;

use crate::names::{CALCULATOR, DRAINER, HOOK, TOPIC};
use crate::scenario::{
    ApiPlan, ClusterPlan, FlappingPlan, GroupLagPlan, GroupOptions, GroupPlan, LagPlan, Metadata, Places,
    Scenario, ServicePlan, StandalonePlan, Takes, TaskPlan, WarmPoolPlan,
};

/// When a history begins its hosts are up and its tasks running and healthy, as far as there is
/// room.
const PROLOGUE_SECONDS: u32 = 180;

/// The attribute that names an instance's group.
const GROUP_ATTRIBUTE: &str = "group";

/// The name of a cluster.
#[must_use]
pub fn cluster_name(cluster: usize) -> String {
    format!("cluster-{cluster}")
}

/// The name of a cluster's group.
#[must_use]
pub fn group_name(cluster: usize, group: usize) -> String {
    format!("group-{cluster}-{group}")
}

/// The name of a cluster's service.
#[must_use]
pub fn service_name(cluster: usize, service: usize) -> String {
    format!("service-{cluster}-{service}")
}

/// Builds the world and lets it settle. Only then functions are there to be invoked.
pub(crate) fn set_up(world: &mut World, scenario: &Scenario) -> Result<(), ApiError> {
    if let Some(limit) = scenario.api.page_limit {
        world.set_page_limit(limit);
    }
    world.place_by(placement_mode(scenario.places), scenario.seed);
    for (number, plan) in scenario.clusters.iter().enumerate() {
        add_cluster(world, number, plan)?;
    }
    world.advance_seconds(PROLOGUE_SECONDS);
    world.take_outbox();
    add_functions(world, scenario);
    add_scaling(world, scenario)
}

fn placement_mode(places: Places) -> PlacementMode {
    match places {
        Places::FewestTasks => PlacementMode::FewestTasks,
        Places::Spread => PlacementMode::SpreadOverZones,
        Places::Packed => PlacementMode::BinpackMemory,
        Places::Anywhere => PlacementMode::Random,
    }
}

/// AWS's disorder within its promises, until the quiet end begins.
pub(crate) fn trouble(world: &mut World, scenario: &Scenario, until: DateTime<Utc>) -> Result<(), ApiError> {
    let ApiPlan { filters_ignored, request_rates, lagging_reads, lagging_groups, .. } = &scenario.api;
    if *filters_ignored {
        world.ignore_filters();
    }
    if let Some(others) = request_rates {
        world.limit_request_rates();
        world.other_readers(*others);
    }
    if let Some(LagPlan { seconds, per_mille, each_by_its_own }) = *lagging_reads {
        let (lag_seconds, share_per_mille) = (seconds, per_mille);
        world.lag_reads(LaggingReads {
            lag_seconds,
            each_by_its_own,
            share_per_mille,
            until,
            seed: scenario.seed,
        });
    }
    if let Some(GroupLagPlan { seconds, per_mille }) = *lagging_groups {
        let (lag_seconds, share_per_mille) = (seconds, per_mille);
        world.lag_group_reads(LaggingGroupReads { lag_seconds, share_per_mille, until, seed: scenario.seed });
    }
    for (number, plan) in scenario.clusters.iter().enumerate() {
        if let Some(FlappingPlan { every_seconds, for_seconds }) = plan.flapping_agents {
            let settings = FlappingAgents { every_seconds, for_seconds, until, seed: scenario.seed };
            world.flap_agents(&cluster_name(number), settings)?;
        }
    }
    world.disturb(scenario.disorder.clone(), scenario.seed, until);
    Ok(())
}

/// The alarms and policies that users deploy, on each group of the first cluster.
fn add_scaling(world: &mut World, scenario: &Scenario) -> Result<(), ApiError> {
    // The history has what was put.
    world.forget_metric_data();
    if scenario.calculator.as_ref().is_some_and(|plan| plan.scales) {
        let groups = scenario.clusters.first().map_or(0, |cluster| cluster.groups.len());
        for group in 0..groups {
            let scaling = FleetkeeperScaling::new(&cluster_name(0), &group_name(0, group));
            world.deploy_scaling(&scaling.looking_back(extra_points(scenario.seed)))?;
        }
    }
    Ok(())
}

/// How much further than their evaluation periods alarms look: CloudWatch does not document it, and
/// two to six data points were seen.
fn extra_points(seed: u64) -> u32 {
    u32::try_from(Chance::stream(seed, EXTRA_POINTS).between(2, 6)).unwrap_or(2)
}

/// The stream of the draw, apart from those of the world.
const EXTRA_POINTS: u64 = 101;

fn add_cluster(world: &mut World, number: usize, plan: &ClusterPlan) -> Result<(), ApiError> {
    let name = cluster_name(number);
    world.add_cluster(&name);
    world.set_scheduler_delay(&name, plan.scheduler_delay_seconds)?;
    for (group, plan) in plan.groups.iter().enumerate() {
        let of_group = group_name(number, group);
        add_group(world, &name, &of_group, plan)?;
        if !plan.options.scaled_by_ecs {
            world.create_capacity_provider(capacity_provider(&of_group, plan))?;
        }
    }
    for (service, service_plan) in plan.services.iter().enumerate() {
        let service = service_name(number, service);
        let definition = service_definition(&service, number, service_plan, plan.groups.len());
        let mut service = if service_plan.daemon {
            Service::daemon(&service, definition)
        } else {
            let ServicePlan { tasks, minimum_percent, maximum_percent, .. } = *service_plan;
            Service::new(&service, tasks, definition).percents(minimum_percent, maximum_percent)
        };
        if service_plan.spreads_over_zones {
            service = service.placement_strategy("spread", Some("attribute:ecs.availability-zone"));
        }
        if let Some(seconds) = service_plan.rebalances_zones_after {
            service = service.rebalancing_zones_after(seconds);
        }
        if service_plan.distinct {
            service = service.distinct_instance();
        }
        if let Some(group) = group_of(service_plan, plan.groups.len()).filter(|_| service_plan.by_provider) {
            service = service.on_providers(&[StrategyItem::new(&group_name(number, group), 0, 1)]);
        }
        world.create_service(&name, service)?;
    }
    world.advance_seconds(5);
    for plan in &plan.standalone {
        // Where there is no room, there is none.
        let _ = world.run_task(&name, &standalone(plan));
    }
    Ok(())
}

fn add_group(world: &mut World, cluster: &str, name: &str, plan: &GroupPlan) -> Result<(), ApiError> {
    let of_type = InstanceType::new("c5.large", plan.cpu, plan.memory)
        .attribute(GROUP_ATTRIBUTE, name)
        .registering_for(plan.registering_seconds);
    let mut group =
        AutoScalingGroup::new(name, of_type).in_cluster(cluster).launching_in(plan.launch_seconds);
    if let Some(WarmPoolPlan { start_seconds, registers_anew, keeps_abandoned }) = plan.warm_pool {
        group = group.warm_pool(WarmPool { start_seconds, registers_anew, keeps_abandoned });
    }
    if plan.retains_abandoned {
        group = group.retaining_abandoned();
    }
    let zones: Vec<&str> = ZONES.into_iter().take(plan.options.zones.max(1)).collect();
    let group = with_options(group.in_zones(&zones), &plan.options);
    world.add_group(group.termination_policy(match plan.takes {
        Takes::AsByDefault => TerminationPolicy::Default,
        Takes::Oldest => TerminationPolicy::OldestInstance,
        Takes::Newest => TerminationPolicy::NewestInstance,
    }));
    let mut hook = LifecycleHook::new(HOOK, TOPIC).heartbeat_timeout(plan.heartbeat_seconds);
    if plan.options.notification_refused {
        hook = hook.notification_refused();
    }
    if !plan.default_abandon {
        hook = hook.default_result(ActionResult::Continue);
    }
    if let Some(metadata) = metadata(plan, cluster) {
        hook = hook.metadata(&metadata);
    }
    world.put_lifecycle_hook(name, hook)?;
    if let Some(seconds) = plan.other_hook_seconds {
        let mut other = LifecycleHook::new("other", TOPIC).heartbeat_timeout(seconds);
        other.default_result = ActionResult::Continue;
        other.notification_target_arn = None;
        world.put_lifecycle_hook(name, other)?;
    }
    if plan.options.scaled_by_ecs {
        // Hosts that are older than their provider do not name it.
        world.create_capacity_provider(capacity_provider(name, plan).managing_scaling())?;
    }
    for _ in 0..plan.hosts {
        world.launch_now(name)?;
    }
    if plan.options.min_size > 0 || plan.options.max_size.is_some() {
        let most = plan.options.max_size.unwrap_or(GROUP_MOST).max(plan.hosts);
        world.set_group_sizes(name, plan.options.min_size.min(plan.hosts), most)?;
    }
    if let Some(seconds) = plan.launch_hook_seconds {
        let hook = LifecycleHook::launching("launching", TOPIC).heartbeat_timeout(seconds);
        world.put_lifecycle_hook(name, hook.default_result(ActionResult::Continue))?;
    }
    if plan.notifies {
        world.put_notification_configuration(name, TOPIC)?;
    }
    Ok(())
}

/// The capacity provider of a group, of the same name.
fn capacity_provider(group: &str, plan: &GroupPlan) -> CapacityProvider {
    let provider = CapacityProvider::new(group, group);
    match plan.options.drained_by_ecs_within {
        Some(seconds) => provider.draining_within(seconds),
        None => provider,
    }
}

/// The most instances of a group that has no limit of its own.
pub(crate) const GROUP_MOST: u32 = 1000;

/// The Availability Zones of groups that have several.
const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];

fn with_options(mut group: AutoScalingGroup, options: &GroupOptions) -> AutoScalingGroup {
    if let Some(seconds) = options.connection_draining_seconds {
        group = group.connection_draining(seconds);
    }
    if let Some(seconds) = options.lingering_seconds {
        group = group.lingering(seconds);
    }
    if options.replaces_as_recorded {
        group = group.replacing_as_recorded();
    }
    if options.retained_run_hooks_again {
        group = group.retained_running_hooks_again();
    }
    if options.status_reason {
        group = group.status_reason("Client.UserInitiatedShutdown: User initiated shutdown");
    }
    if options.without_action_member {
        group = group.without_action_member();
    }
    if let Some(seconds) = options.rebalances_after_seconds {
        group = group.rebalancing_after(seconds);
    }
    group.terminated_again(options.terminated_again.into())
}

/// The hook's `NotificationMetadata`, where it has any.
fn metadata(plan: &GroupPlan, cluster: &str) -> Option<String> {
    match plan.metadata {
        Metadata::Named => Some(match plan.metadata_drain_timeout_seconds {
            None => format!(r#"{{"cluster": "{cluster}"}}"#),
            Some(seconds) => format!(r#"{{"cluster": "{cluster}", "drainTimeoutSeconds": {seconds}}}"#),
        }),
        Metadata::Absent => None,
        Metadata::UnderAnotherKey => Some(format!(r#"{{"ecsCluster": "{cluster}"}}"#)),
        Metadata::Text => Some(format!("cluster={cluster}")),
    }
}

/// The cluster that the drainer is configured with for a group: its hook's metadata win over
/// `ECS_CLUSTER`.
#[must_use]
pub fn configured_cluster(scenario: &Scenario, cluster: usize, group: usize) -> String {
    let plan = scenario.clusters.get(cluster).and_then(|plan| plan.groups.get(group));
    match plan.map(|plan| plan.metadata) {
        Some(Metadata::Named) | None => cluster_name(cluster),
        Some(_) => cluster_name(scenario.drainer.ecs_cluster),
    }
}

/// Each group is swept every minute.
fn add_sweeps(world: &mut World, scenario: &Scenario) {
    for (cluster, plan) in scenario.clusters.iter().enumerate() {
        for group in 0..plan.groups.len() {
            let of = configured_cluster(scenario, cluster, group);
            let sweep = json!({"cluster": of, "group": group_name(cluster, group), "hook": HOOK});
            world.put_schedule_with_input(DRAINER, 60, json!({ "sweep": sweep }));
        }
    }
}

fn add_functions(world: &mut World, scenario: &Scenario) {
    let plan = &scenario.drainer;
    let mut drainer = LambdaFunction::new(DRAINER, plan.timeout_seconds);
    drainer.reserved_concurrency = plan.reserved_concurrency;
    if !plan.recursion_terminated {
        drainer = drainer.allowing_recursion();
    }
    world.create_function(drainer);
    world.subscribe(TOPIC, DRAINER);
    if plan.sweeps {
        add_sweeps(world, scenario);
    }

    let Some(plan) = &scenario.calculator else { return };
    let mut calculator = LambdaFunction::new(CALCULATOR, plan.timeout_seconds);
    calculator.reserved_concurrency = plan.reserved_concurrency;
    world.create_function(calculator);
    if plan.on_events {
        for number in 0..scenario.clusters.len() {
            let arn = cluster_arn(&cluster_name(number));
            world.put_rule(EventRule::container_instance_state_changes(arn.clone()), CALCULATOR);
            world.put_rule(EventRule::service_task_placement_failures(arn.clone()), CALCULATOR);
            if plan.direct.is_some() {
                world.put_rule(EventRule::deployment_state_changes(arn), CALCULATOR);
            }
        }
    }
    if plan.scheduled {
        world.put_schedule(CALCULATOR, 60);
    }
}

/// The definition of a service's tasks, and the constraints on where they may be.
pub(crate) fn service_definition(
    family: &str,
    cluster: usize,
    service: &ServicePlan,
    groups: usize,
) -> TaskDefinition {
    let definition = task_definition(family, &service.task);
    match group_of(service, groups).filter(|_| !service.by_provider) {
        Some(group) => definition.member_of(GROUP_ATTRIBUTE, &group_name(cluster, group)),
        None => definition,
    }
}

/// The one of a number of groups on whose instances a service's tasks may be placed.
fn group_of(service: &ServicePlan, groups: usize) -> Option<usize> {
    service.only_on_group.and_then(|group| group.checked_rem(groups))
}

/// A task definition of a family.
pub(crate) fn task_definition(family: &str, plan: &TaskPlan) -> TaskDefinition {
    let mut definition = TaskDefinition::new(family, plan.cpu, plan.memory)
        .pending(plan.pending_seconds)
        .healthy_after(plan.healthy_seconds)
        .deregistration_delay(plan.deregistration_seconds)
        .stopping(plan.stop_seconds)
        .deprovisioning(plan.deprovisioning_seconds);
    if let Some(port) = plan.tcp_port {
        definition = definition.tcp_port(port);
    }
    if let Some(port) = plan.udp_port {
        definition = definition.udp_port(port);
    }
    if plan.awsvpc {
        definition = definition.awsvpc();
    }
    definition
}

/// A standalone task's definition.
pub(crate) fn standalone(plan: &StandalonePlan) -> TaskDefinition {
    task_definition("job", &plan.task).running_for(plan.run_seconds)
}
