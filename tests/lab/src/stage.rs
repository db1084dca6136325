//! The world that a trace is played in, and the functions that run there.

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_campaign::functions::{AsShipped, CalculatorFunction, DrainerFunction};
use fleetkeeper_core::setting::{SettingError, Settings};
use fleetkeeper_sim::driver::Driver;
use fleetkeeper_sim::world::ApiError;
use fleetkeeper_sim::world::chance::Chance;
use fleetkeeper_sim::world::disorder::Disorder;
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::event_source::EventRule;
use fleetkeeper_sim::world::lambda::function::LambdaFunction;
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, CapacityProvider, InstanceType, LaunchTimes, LifecycleHook,
    PlacementMode, Service, SharedWorld, StrategyItem, TaskDefinition, WarmPool, World,
};
use serde_json::json;

use crate::bound::Bound;
use crate::policy::Policy;
use crate::trace::{BatchAs, Kind, Trace};

/// The cluster.
pub const CLUSTER: &str = "lab";
/// Its group.
pub const GROUP: &str = "hosts";
/// The group's capacity provider, where a policy has one.
pub const PROVIDER: &str = "hosts-provider";

const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";
const HOOK: &str = "fleetkeeper";
const DRAINER: &str = "lifecycle-drainer";
const CALCULATOR: &str = "capacity-calculator";

/// Hosts are up and tasks are healthy by then.
const PROLOGUE_SECONDS: u32 = 180;

/// The most hosts of the group.
const HOSTS_MAX: u32 = 2000;

/// Every trace begins on 23 November 2026 at 9:00.
const SINCE_THE_EPOCH: TimeDelta = TimeDelta::seconds(1_795_424_400);

/// The conditions that are the same for all policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// ECS.
    pub scheduler: Scheduler,
}

/// How ECS schedules tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduler {
    /// Where it places them.
    pub placement: PlacementMode,
    /// True if it backs off where tasks of a service find no room.
    pub backs_off: bool,
    /// With Availability Zone rebalancing: seconds until it balances a service's uneven zones.
    pub balances_zones_after: Option<u32>,
}

/// Why a trace cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Unplayable {
    /// The functions refuse their settings.
    #[error("a function refuses its settings")]
    Setting(#[from] SettingError),
    /// The world refuses a call.
    #[error("the world refuses a call")]
    World(#[from] ApiError),
    /// There is nothing to run it on.
    #[error("cannot start a runtime")]
    Runtime(#[from] std::io::Error),
}

/// The world with its hosts, its services and, where the policy has them, the functions.
pub(crate) fn set_up(trace: &Trace, policy: &Policy, conditions: Conditions) -> Result<World, ApiError> {
    let mut world = World::new(DateTime::<Utc>::UNIX_EPOCH + SINCE_THE_EPOCH);
    world.add_cluster(CLUSTER);
    let scheduler = conditions.scheduler;
    if scheduler.backs_off {
        world.back_off_placements(CLUSTER)?;
    }
    world.place_by(scheduler.placement, conditions.seed);
    world.forget_metric_data();
    let host = &trace.host;
    let of_type = InstanceType::new(&host.name, host.cpu, host.memory).gpus(host.gpus);
    let group = AutoScalingGroup::new(GROUP, of_type).in_cluster(CLUSTER).sizes(0, HOSTS_MAX);
    let group = group.in_zones(&["us-east-1a", "us-east-1b", "us-east-1c"]);
    let group = group.launching_as(LaunchTimes::of_ecs_hosts(conditions.seed));
    let pool = WarmPool::new().starting_in(WARM_START_SECONDS);
    world.add_group(if policy.warm_pool() > 0 { group.warm_pool(pool) } else { group });
    if let Some(scaling) = policy.managed_scaling() {
        let provider = CapacityProvider::new(PROVIDER, GROUP).scaling(scaling);
        world.create_capacity_provider(provider.draining_within(ECS_DRAINS_WITHIN))?;
    }
    let hosts = Bound::of(&trace.clone().cut_to(60)).packed.first().copied().unwrap_or(0).max(1);
    for _ in 0..hosts {
        world.launch_now(GROUP)?;
    }
    if policy.warm_pool() > 0 {
        let hosts = u32::try_from(hosts).unwrap_or(HOSTS_MAX);
        for _ in 0..policy.warm_pool() {
            world.launch_now(GROUP)?;
        }
        world.set_desired_capacity(GROUP, hosts)?;
    }
    for (kind, count) in trace.services.iter().zip(trace.at_start()) {
        world.create_service(CLUSTER, service(kind, count, policy, scheduler))?;
    }
    if trace.batch_as == BatchAs::Workers {
        for kind in &trace.kinds {
            world.create_service(CLUSTER, service(kind, 0, policy, scheduler))?;
        }
    }
    world.advance_seconds(PROLOGUE_SECONDS);
    world.take_outbox();
    if policy.has_functions() {
        add_functions(&mut world, policy)?;
    }
    if policy.is_direct() {
        let mut disorder = Disorder::default();
        (disorder.events.late_per_mille, disorder.events.late_seconds_max) = (1000, EVENTS_TAKE_SECONDS);
        world.disturb(disorder, conditions.seed, DateTime::<Utc>::MAX_UTC);
    }
    policy.deploy(&mut world, extra_points(conditions.seed))?;
    Ok(world)
}

/// CloudWatch does not document how far alarms look back.
fn extra_points(seed: u64) -> u32 {
    u32::try_from(Chance::stream(seed, 1).between(2, 6)).unwrap_or(2)
}

/// A service of tasks of a kind, on the policy's capacity provider if it has one.
fn service(kind: &Kind, count: u32, policy: &Policy, scheduler: Scheduler) -> Service {
    let service = Service::new(&kind.name, count, definition(kind));
    let service = match scheduler.balances_zones_after {
        Some(seconds) => service.rebalancing_zones_after(seconds),
        None => service,
    };
    match policy.managed_scaling() {
        Some(_) => service.on_providers(&[StrategyItem::new(PROVIDER, 0, 1)]),
        None => service,
    }
}

/// A task of a kind: it starts in 5 s, and stops in 10 s.
pub(crate) fn definition(kind: &Kind) -> TaskDefinition {
    let needs = kind.needs;
    TaskDefinition::new(&kind.name, needs.cpu, needs.memory).gpus(needs.gpus).healthy_after(10)
}

/// As the template wires them.
fn add_functions(world: &mut World, policy: &Policy) -> Result<(), ApiError> {
    let metadata = format!(r#"{{"cluster": "{CLUSTER}"}}"#);
    let hook = LifecycleHook::new(HOOK, TOPIC).heartbeat_timeout(HEARTBEAT_SECONDS);
    let hook = hook.default_result(ActionResult::Continue).metadata(&metadata);
    world.put_lifecycle_hook(GROUP, hook)?;
    world.take_outbox();
    world.create_function(LambdaFunction::new(DRAINER, 900).allowing_recursion());
    world.subscribe(TOPIC, DRAINER);
    world.put_rule(EventRule::spot_notices(), DRAINER);
    let sweep = json!({"sweep": {"cluster": CLUSTER, "group": GROUP, "hook": HOOK}});
    world.put_schedule_with_input(DRAINER, 60, sweep);
    world.create_function(LambdaFunction::new(CALCULATOR, 60).at_most(1));
    let arn = cluster_arn(CLUSTER);
    world.put_rule(EventRule::container_instance_state_changes(arn.clone()), CALCULATOR);
    world.put_rule(EventRule::service_task_placement_failures(arn.clone()), CALCULATOR);
    if policy.is_direct() {
        world.put_rule(EventRule::deployment_state_changes(arn), CALCULATOR);
    }
    world.put_schedule(CALCULATOR, 60);
    Ok(())
}

/// From the start of a stopped host to its registration: about as little as AWS names.
const WARM_START_SECONDS: u32 = 30;

/// AWS does not document how soon managed draining reacts: as soon as the drainer polls.
const ECS_DRAINS_WITHIN: u32 = 5;

/// With direct scaling it matters how long events are under way: up to a second each.
const EVENTS_TAKE_SECONDS: u32 = 1;
/// How long before the trace the functions run. Nothing aligns their schedules, or the alarms'
/// minutes, with what services want: the seed decides.
pub(crate) fn lead(seed: u64) -> TimeDelta {
    TimeDelta::seconds(i64::try_from(Chance::stream(seed, 3).between(60, 119)).unwrap_or(60))
}

/// The template's heartbeat timeout.
const HEARTBEAT_SECONDS: u32 = 900;

/// The driver that runs the functions in a world.
pub(crate) fn driver(world: &SharedWorld, policy: &Policy) -> Result<Driver, SettingError> {
    let driver = Driver::new(world.clone());
    if !policy.has_functions() {
        return Ok(driver);
    }
    let lookup = |name: &str| match name {
        "ECS_CLUSTER" => Some(CLUSTER.to_owned()),
        "AUTO_SCALING_GROUPS" => policy.headroom().map(|_| GROUP.to_owned()),
        "METRIC_RESOLUTION_SECONDS" => policy.headroom().map(|_| "1".to_owned()),
        "HEADROOM" => policy.headroom().map(str::to_owned),
        _ => policy.variable(name),
    };
    let settings = Settings::new(&lookup);
    let drainer = lifecycle_drainer::Config::read(&settings)?;
    let calculator = capacity_calculator::Config::read(&settings)?;
    let driver = driver.function(DRAINER, DrainerFunction { wiring: AsShipped, config: drainer });
    Ok(driver.function(CALCULATOR, CalculatorFunction { wiring: AsShipped, config: calculator }))
}
