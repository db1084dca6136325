//! Small scenarios, written by hand.

use fleetkeeper_campaign::direct_plan::{DirectPlan, DrainingAtOnce};
use fleetkeeper_campaign::scenario::{
    ApiPlan, CalculatorPlan, ClusterPlan, DrainerPlan, FaultPlan, GroupOptions, GroupPlan, Happening,
    HeadroomPlan, Metadata, OnTimeout, Places, Scenario, ServicePlan, Takes, TaskPlan, What, Wrong,
};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::disorder::Disorder;

/// Three hosts with a service of four tasks that take half a minute to stop, and nothing else.
pub(crate) fn calm() -> Scenario {
    Scenario {
        seed: 1,
        clusters: vec![ClusterPlan {
            flapping_agents: None,
            groups: vec![group()],
            services: vec![ServicePlan {
                only_on_group: None,
                by_provider: false,
                distinct: false,
                spreads_over_zones: false,
                rebalances_zones_after: None,
                daemon: false,
                tasks: 4,
                minimum_percent: 50,
                maximum_percent: 200,
                task: task(),
            }],
            standalone: Vec::new(),
            scheduler_delay_seconds: 1,
        }],
        drainer: DrainerPlan {
            timeout_seconds: 120,
            poll_seconds: 5,
            margin_seconds: 10,
            drain_timeout_seconds: 3600,
            on_drain_timeout: OnTimeout::StopTasks,
            reserved_concurrency: None,
            recursion_terminated: false,
            ecs_cluster: 0,
            sweeps: false,
        },
        calculator: None,
        happenings: Vec::new(),
        disorder: Disorder::default(),
        faults: Vec::new(),
        api: ApiPlan::default(),
        places: Places::default(),
        quiet_after_seconds: 60,
        quiet_seconds: 1800,
    }
}

/// One of them is terminated.
pub(crate) fn termination() -> Scenario {
    let mut scenario = calm();
    scenario.happenings.push(at(10, What::Terminate { host: 0, hosts: 1, replaced: false }));
    scenario
}

/// A host is terminated on which a job runs for ten minutes: nothing moves it away.
pub(crate) fn long_drain() -> Scenario {
    let mut scenario = termination();
    let job = fleetkeeper_campaign::scenario::StandalonePlan { run_seconds: 600, task: task() };
    scenario.happenings.insert(0, at(5, What::StartTask { host: 0, task: job }));
    scenario
}

/// A terminating host runs a job that never ends on its own. It stops at once when ECS stops it.
pub(crate) fn held() -> Scenario {
    let mut scenario = termination();
    scenario.drainer.drain_timeout_seconds = 1800;
    let job = TaskPlan { stop_seconds: 0, ..task() };
    let job = fleetkeeper_campaign::scenario::StandalonePlan { run_seconds: 1_000_000, task: job };
    scenario.happenings.insert(0, at(5, What::StartTask { host: 0, task: job }));
    scenario.quiet_seconds = 2400;
    scenario
}

/// A scheduled calculator beside the hosts, on which nothing happens.
pub(crate) fn measured() -> Scenario {
    let calculator = CalculatorPlan {
        timeout_seconds: 60,
        cpu: 512,
        memory: 512,
        tcp_port: None,
        scheduled: true,
        on_events: false,
        scales: false,
        discovers: false,
        reserved_concurrency: Some(1),
        headroom: HeadroomPlan::default(),
        direct: None,
    };
    Scenario { calculator: Some(calculator), quiet_seconds: 300, ..calm() }
}

/// A calculator whose settings give no worst-case container.
pub(crate) fn discovered() -> Scenario {
    let mut scenario = measured();
    scenario.calculator.as_mut().unwrap().discovers = true;
    scenario
}

/// A host is terminated, and each change of a host wakes the calculator, once at once and once much
/// later: by then a schedule's snapshot has it, which may be more than seconds old.
pub(crate) fn storm() -> Scenario {
    let mut scenario = termination();
    let calculator = measured().calculator.unwrap();
    scenario.calculator = Some(CalculatorPlan { on_events: true, ..calculator });
    scenario.disorder.events.twice_per_mille = 1000;
    scenario.disorder.events.late_per_mille = 1000;
    scenario.disorder.events.late_seconds_max = 300;
    scenario.quiet_after_seconds = 600;
    scenario
}

pub(crate) fn at(at_seconds: u32, what: What) -> Happening {
    Happening { at_seconds, cluster: 0, of: 0, what }
}

/// All calls of an operation go wrong from the start of the history on, until it is quiet.
pub(crate) fn always(operation: Operation, fault: Wrong) -> FaultPlan {
    FaultPlan {
        operation: Some(operation),
        fault,
        per_mille: 1000,
        from_seconds: 0,
        seconds: 100_000,
        throughout: false,
    }
}

fn group() -> GroupPlan {
    GroupPlan {
        registering_seconds: 0,
        launch_hook_seconds: None,
        notifies: false,
        takes: Takes::AsByDefault,
        metadata: Metadata::Named,
        options: GroupOptions::default(),
        hosts: 3,
        cpu: 2048,
        memory: 3884,
        launch_seconds: 60,
        heartbeat_seconds: 300,
        default_abandon: false,
        metadata_drain_timeout_seconds: None,
        other_hook_seconds: None,
        warm_pool: None,
        retains_abandoned: false,
    }
}

pub(crate) fn task() -> TaskPlan {
    TaskPlan {
        cpu: 256,
        memory: 256,
        awsvpc: false,
        tcp_port: None,
        udp_port: None,
        pending_seconds: 3,
        healthy_seconds: 10,
        deregistration_seconds: 20,
        stop_seconds: 10,
        deprovisioning_seconds: 0,
    }
}

/// Six hosts of which three hold all tasks, and a calculator that scales them directly: it has
/// nothing to do for ten minutes, and then removes one host after another.
pub(crate) fn directly() -> Scenario {
    let mut scenario = measured();
    scenario.clusters[0].groups[0].hosts = 6;
    let calculator = scenario.calculator.as_mut().unwrap();
    calculator.direct =
        Some(DirectPlan { scale_in_minutes: 1, max_draining: DrainingAtOnce::Hosts(1), dry_run: false });
    scenario.quiet_after_seconds = 60;
    scenario.quiet_seconds = 2400;
    scenario
}
