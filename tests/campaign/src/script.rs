//! Brings about a history's happenings, in their order.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::auto_scaling::lifecycle_action::ActionReference;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::{ApiError, World};
use fleetkeeper_sim::{ScalingProcess, TaskDefinition};
use serde_json::{Value, json};

use crate::names::{DRAINER, HOOK, TOPIC};
use crate::scenario::{Happening, Scenario, Stray, What};
use crate::set_up::{cluster_name, group_name, service_definition, service_name, standalone};

/// The attribute of hosts that are never removed.
const KEEP: &str = "fleetkeeper.keep";

/// The happenings that are still to come.
#[derive(Debug)]
pub(crate) struct Script {
    acts: BTreeMap<(DateTime<Utc>, usize), Act>,
    entered: usize,
    quiet_from: DateTime<Utc>,
}

/// One thing that happens.
#[derive(Debug)]
pub(crate) enum Act {
    Happening(Happening),
    AgentBack { cluster: String, host: Ec2InstanceId },
    Resumed { group: String, process: ScalingProcess },
}

impl Script {
    pub(crate) fn of(scenario: &Scenario, began: DateTime<Utc>, quiet_from: DateTime<Utc>) -> Self {
        let mut script = Self { acts: BTreeMap::new(), entered: 0, quiet_from };
        for happening in &scenario.happenings {
            let at = began + TimeDelta::seconds(i64::from(happening.at_seconds));
            script.enter(at, Act::Happening(happening.clone()));
        }
        script
    }

    /// Nothing happens after the quiet end has begun.
    fn enter(&mut self, at: DateTime<Utc>, act: Act) {
        self.entered += 1;
        self.acts.insert((at.min(self.quiet_from), self.entered), act);
    }

    pub(crate) fn next(&mut self) -> Option<(DateTime<Utc>, Act)> {
        self.acts.pop_first().map(|((time, _), act)| (time, act))
    }

    /// Brings about a happening. An impossible one (a host that is not there, a group at its limit)
    /// is skipped.
    pub(crate) fn play(&mut self, world: &mut World, scenario: &Scenario, now: DateTime<Utc>, act: Act) {
        match act {
            Act::AgentBack { cluster, host } => {
                let _ = world.set_agent_connected(&cluster, &host, true);
            }
            Act::Resumed { group, process } => {
                let _ = world.resume_processes(&group, &[process]);
            }
            Act::Happening(happening) => {
                if let What::Suspend(process, seconds) = happening.what {
                    let Some(Place { group, .. }) = Place::of(scenario, &happening) else { return };
                    let process = process.into();
                    if world.suspend_processes(&group, &[process]).is_ok() {
                        let resumed = now + TimeDelta::seconds(i64::from(seconds));
                        self.enter(resumed, Act::Resumed { group, process });
                    }
                } else if let What::DisconnectAgent { host, seconds } = happening.what {
                    let place = Place::of(scenario, &happening);
                    let Some(host) = place.and_then(|place| place.host(world, host).map(|id| (place, id)))
                    else {
                        return;
                    };
                    let (Place { cluster, .. }, host) = host;
                    if world.set_agent_connected(&cluster, &host, false).is_ok() {
                        let back = now + TimeDelta::seconds(i64::from(seconds));
                        self.enter(back, Act::AgentBack { cluster, host });
                    }
                } else if let Some(place) = Place::of(scenario, &happening) {
                    let _ = happen(world, &place, &happening.what);
                }
            }
        }
    }
}

/// Where something happens.
struct Place {
    cluster: String,
    group: String,
    service: Option<Service>,
}

struct Service {
    name: String,
    definition: TaskDefinition,
}

impl Place {
    fn of(scenario: &Scenario, happening: &Happening) -> Option<Self> {
        let number = happening.cluster.checked_rem(scenario.clusters.len())?;
        let plan = scenario.clusters.get(number)?;
        let group = happening.of.checked_rem(plan.groups.len())?;
        let service = happening.of.checked_rem(plan.services.len());
        let service = service.and_then(|service| {
            let name = service_name(number, service);
            let of = plan.services.get(service)?;
            Some(Service { definition: service_definition(&name, number, of, plan.groups.len()), name })
        });
        Some(Self { cluster: cluster_name(number), group: group_name(number, group), service })
    }

    fn host(&self, world: &World, nth: usize) -> Option<Ec2InstanceId> {
        let hosts = world.instances(&self.group);
        hosts.keys().nth(nth.checked_rem(hosts.len())?).cloned()
    }
}

fn happen(world: &mut World, place: &Place, what: &What) -> Result<(), ApiError> {
    let Place { cluster, group, service } = place;
    match what {
        What::Terminate { host, hosts, replaced } => {
            let all: Vec<_> = world.instances(group).into_keys().collect();
            let count = usize::try_from(*hosts).unwrap_or(usize::MAX).min(all.len());
            let from = host.checked_rem(all.len()).unwrap_or(0);
            for id in all.iter().cycle().skip(from).take(count) {
                world.terminate_instance(group, id, !replaced)?;
            }
        }
        What::SetDesiredCapacity(desired) => world.set_desired_capacity(group, *desired)?,
        What::SetDesiredCount(count) => {
            if let Some(Service { name, .. }) = service {
                world.set_desired_count(cluster, name, *count)?;
            }
        }
        What::Deploy => {
            if let Some(Service { name, definition }) = service {
                world.update_service(cluster, name, definition.clone())?;
            }
        }
        What::RefreshInstances(min_healthy_percent) => world.instance_refresh(group, *min_healthy_percent)?,
        What::RunTask(plan) => {
            world.run_task(cluster, &standalone(plan))?;
        }
        // Begun elsewhere, with its end.
        What::Suspend(..) => {}
        What::CompleteByHand(nth) => complete_by_hand(world, *nth)?,
        What::Redeliver(nth) => redeliver(world, *nth),
        What::RebalanceZones => world.rebalance_zones(group)?,
        What::DeleteGroup => world.delete_group_by_force(group)?,
        What::StrayMessage(stray) => world.send_to_topic(TOPIC, &stray_message(*stray, group)),
        What::LoseHost(host)
        | What::DisconnectAgent { host, .. }
        | What::RegisterAnew(host)
        | What::StartTask { host, .. }
        | What::Deregister(host)
        | What::SetActive(host)
        | What::ReplaceRootVolume(host)
        | What::EnterStandby(host)
        | What::ExitStandby(host)
        | What::LeaveGhost(host)
        | What::ProtectHost(host)
        | What::KeepHost(host) => {
            let Some(id) = place.host(world, *host) else { return Ok(()) };
            match what {
                What::LoseHost(_) => world.lose_instance(group, &id)?,
                What::ReplaceRootVolume(_) => world.replace_root_volume(group, &id)?,
                What::EnterStandby(_) => world.enter_standby(group, &id)?,
                What::ExitStandby(_) => world.exit_standby(group, &id)?,
                What::ProtectHost(_) => world.set_instance_protection(group, &[id], true)?,
                What::KeepHost(_) => world.put_attribute(cluster, &id, KEEP, None)?,
                What::LeaveGhost(_) => {
                    world.leave_ghost(cluster, &id)?;
                }
                What::RegisterAnew(_) => {
                    world.register_anew(cluster, &id)?;
                }
                What::StartTask { task, .. } => {
                    world.start_task(cluster, &standalone(task), &id)?;
                }
                What::Deregister(_) => {
                    world.set_container_instance_status(cluster, &id, "INACTIVE".into())?;
                }
                What::SetActive(_) => world.set_container_instance_status(cluster, &id, "ACTIVE".into())?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// Completes an action of the drainer's hook, as a person may.
fn complete_by_hand(world: &mut World, nth: usize) -> Result<(), ApiError> {
    let open = world.open_actions(HOOK);
    let Some(number) = nth.checked_rem(open.len()) else { return Ok(()) };
    let Some((group, token)) = open.get(number) else { return Ok(()) };
    let action = ActionReference { group, hook: HOOK, token: Some(token), instance_id: None };
    world.complete_lifecycle_action(action, "CONTINUE")
}

/// Delivers a message again that came to the drainer before.
fn redeliver(world: &mut World, nth: usize) {
    let mut messages: Vec<String> = Vec::new();
    for entry in world.history().entries() {
        if let Occurrence::InvocationStarted { function, payload, .. } = &entry.what
            && function.as_ref() == DRAINER
            && let Some(text) = payload.pointer("/Records/0/Sns/Message").and_then(Value::as_str)
        {
            messages.push(text.to_owned());
        }
    }
    let number = nth.checked_rem(messages.len());
    if let Some(text) = number.and_then(|number| messages.get(number)) {
        world.send_to_topic(TOPIC, text);
    }
}

fn stray_message(stray: Stray, group: &str) -> String {
    let notification = |event: &str| {
        json!({"Service": "AWS Auto Scaling", "AutoScalingGroupName": group, "Event": event,
            "AccountId": "111122223333", "Time": "2026-11-23T09:00:00.000Z"})
    };
    match stray {
        Stray::TestNotification => notification("autoscaling:TEST_NOTIFICATION").to_string(),
        Stray::GroupNotification => notification("autoscaling:EC2_INSTANCE_TERMINATE").to_string(),
        Stray::Launching => json!({
            "Service": "AWS Auto Scaling",
            "Time": "2026-11-23T09:00:00.000Z",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "AutoScalingGroupName": group,
            "LifecycleHookName": "launching",
            "LifecycleActionToken": "00000000-0000-4000-8000-000000000000",
            "EC2InstanceId": "i-00000000000000000",
        })
        .to_string(),
        Stray::Text => "no notification at all".to_owned(),
        Stray::Json => r#"{"hello": "world"}"#.to_owned(),
    }
}
