//! The timeline, from the world's history and the functions' logs, in the order of their times.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{ActionEnd, Entry, Occurrence};
use fleetkeeper_tests::Error;
use fleetkeeper_tests::stack::Stack;
use serde_json::Value;

use crate::cluster::Names;

/// Whose doing a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Ecs,
    AutoScaling,
    Drainer,
    Calculator,
    CloudWatch,
}

impl Who {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ecs => "ECS",
            Self::AutoScaling => "Auto Scaling",
            Self::Drainer => "drainer",
            Self::Calculator => "calculator",
            Self::CloudWatch => "CloudWatch",
        }
    }

    /// An ANSI colour.
    pub(crate) fn colour(self) -> u8 {
        match self {
            Self::Ecs => 34,
            Self::AutoScaling => 35,
            Self::Drainer => 32,
            Self::Calculator => 36,
            Self::CloudWatch => 33,
        }
    }
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at: DateTime<Utc>,
    pub(crate) who: Who,
    pub(crate) text: String,
}

/// The lines since `from`.
pub(crate) fn since(stack: &Stack, from: DateTime<Utc>) -> Result<Vec<Line>, Error> {
    let history = stack.world(|world| world.history().clone());
    let names = Names::of(&history);
    let mut lines: Vec<Line> =
        history.entries().iter().filter_map(|entry| of_history(entry, &names)).collect();
    for (output, who) in
        [("LifecycleDrainerLogGroup", Who::Drainer), ("CapacityCalculatorLogGroup", Who::Calculator)]
    {
        let logged = stack.emulator.log_lines(stack.output(output)?)?;
        lines.extend(logged.iter().filter_map(|line| of_log(line, who, &names)));
    }
    lines.retain(|line| line.at >= from);
    lines.sort_by_key(|line| line.at);
    // The calculator says the same figures for each of several events at once.
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    lines.retain(|line| {
        let of = line.text.split_once(" hosts: ").map_or("", |(group, _)| group).to_owned();
        line.who != Who::Calculator || said.insert(of, line.text.clone()).is_none_or(|last| last != line.text)
    });
    Ok(lines)
}

fn of_history(entry: &Entry, names: &Names) -> Option<Line> {
    let host = |id: &str| names.host(id);
    let (who, text) = match &entry.what {
        Occurrence::DesiredCount { service, desired_count } => {
            (Who::Ecs, format!("service {service} wants {desired_count} tasks"))
        }
        Occurrence::DesiredCapacity { group, desired_capacity } => {
            (Who::AutoScaling, format!("the group {group} wants {desired_capacity} hosts"))
        }
        Occurrence::InstanceLaunching { instance, .. } => {
            (Who::AutoScaling, format!("{} launches, {instance}", host(instance.as_str())))
        }
        Occurrence::InstanceTerminating { instance, .. } => (
            Who::AutoScaling,
            format!(
                "terminating {}; the hook holds it and sends the termination notice",
                host(instance.as_str())
            ),
        ),
        Occurrence::InstanceTerminated { instance, .. } => {
            (Who::AutoScaling, format!("{} is terminated", host(instance.as_str())))
        }
        Occurrence::ActionHeartbeat { instance, .. } => (
            Who::AutoScaling,
            format!("heartbeat: the hook's timeout for {} starts again", host(instance.as_str())),
        ),
        Occurrence::ActionEnded { instance, end, .. } => {
            let how = match end {
                ActionEnd::Completed(result) => format!("completed with {result}"),
                ActionEnd::Expired(result) => format!("ran out, {result}"),
                ActionEnd::NotificationRefused(result) => {
                    format!("over, as its notice was refused: {result}")
                }
            };
            (Who::AutoScaling, format!("the hook on {} is {how}", host(instance.as_str())))
        }
        Occurrence::ContainerInstanceRegistered { ec2_instance_id, .. } => {
            (Who::Ecs, format!("{} joins the cluster", host(ec2_instance_id.as_str())))
        }
        Occurrence::ContainerInstanceStatus { container_instance, status } => {
            (Who::Ecs, format!("{} is {status}", host(&container_instance.0)))
        }
        Occurrence::TaskPlaced { task, container_instance, .. } => {
            (Who::Ecs, format!("{} is placed on {}", names.task(&task.0), host(&container_instance.0)))
        }
        Occurrence::TaskStatus { task, status } => (Who::Ecs, format!("{} is {status}", names.task(&task.0))),
        Occurrence::TaskKilled { task, .. } => {
            (Who::Ecs, format!("{} was KILLED with its host", names.task(&task.0)))
        }
        Occurrence::PlacementFailed { service, reason } => {
            (Who::Ecs, format!("no room for a task of service {service}: {reason}"))
        }
        Occurrence::ApiCalled { operation: Operation::UpdateContainerInstancesState, .. } => {
            (Who::Drainer, "→ ecs:UpdateContainerInstancesState".to_owned())
        }
        Occurrence::ApiCalled { operation: Operation::CompleteLifecycleAction, .. } => {
            (Who::Drainer, "→ autoscaling:CompleteLifecycleAction".to_owned())
        }
        Occurrence::ApiCalled { operation: Operation::SetDesiredCapacity, .. } => {
            (Who::Calculator, "→ autoscaling:SetDesiredCapacity".to_owned())
        }
        _ => return None,
    };
    Some(Line { at: entry.at, who, text })
}

fn of_log(line: &Value, who: Who, names: &Names) -> Option<Line> {
    let text = |field: &str| line.get(field).and_then(Value::as_str);
    let number = |field: &str| line.get(field).map(ToString::to_string).unwrap_or_default();
    let at = DateTime::parse_from_rfc3339(text("timestamp")?).ok()?.with_timezone(&Utc);
    let message = text("message")?;
    let said = match (message, text("reason")) {
        ("snapshot published", _) => {
            format!("room for {} more → cloudwatch:PutMetricData", number("placeableContainers"))
        }
        ("group decided", _) => format!(
            "{} hosts: {} removable, {} missing, {} active, {} draining",
            text("group").unwrap_or_default(),
            number("removableHosts"),
            number("missingHosts"),
            number("activeHosts"),
            number("drainingHosts"),
        ),
        (message, Some(reason)) => format!("{message}: {reason}"),
        (message, None) => message.to_owned(),
    };
    let said = match text("ec2InstanceId") {
        Some(id) => format!("{}: {said}", names.host(id)),
        None => said,
    };
    Some(Line { at, who, text: said })
}
