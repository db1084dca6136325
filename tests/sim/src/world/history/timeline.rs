//! The history as a timeline that people read: one line an entry.

use std::fmt;

use chrono::SecondsFormat;
use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use serde_json::Value;

use super::{ActionEnd, CallOutcome, Entry, History, Occurrence, PutValue};
use crate::world::ecs::task::desired_status_name;
use crate::world::lambda::invocation::InvocationEnd;

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.entries.iter().filter(|entry| entry.is_told());
        told.try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl Entry {
    /// Returns whether the timeline has a line for it.
    fn is_told(&self) -> bool {
        !matches!(self.what, Occurrence::ContainerInstanceChanged(_))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        match self.by {
            None => write!(f, "{at}  {}", self.what),
            Some(by) => write!(f, "{at}  [{}] {}", by.0, self.what),
        }
    }
}

/// The end of an ARN, cut to the part that differs.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.rsplit('/').next().unwrap_or(self.0);
        f.write_str(end.get(..8).unwrap_or(end))
    }
}

fn task(arn: &TaskArn) -> Short<'_> {
    Short(&arn.0)
}

fn host(arn: &ContainerInstanceArn) -> Short<'_> {
    Short(&arn.0)
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DesiredCapacity { .. }
            | Self::InstanceLaunching { .. }
            | Self::InstanceInService { .. }
            | Self::InstanceTerminating { .. }
            | Self::InstanceTerminated { .. }
            | Self::InstanceEnteringWarmPool { .. }
            | Self::InstanceInWarmPool { .. }
            | Self::InstanceRetained { .. }
            | Self::RootVolumeReplacement { .. }
            | Self::Standby { .. }
            | Self::RebalancingZones { .. }
            | Self::ProcessesSuspended { .. }
            | Self::ScaleInProtection { .. }
            | Self::TerminationRequested { .. }
            | Self::GroupDeleted { .. }
            | Self::SpotNotice { .. }
            | Self::InstanceRefresh { .. }
            | Self::AlarmState { .. }
            | Self::PolicyExecuted { .. } => self.fmt_of_group(f),
            Self::ActionOpened { .. } | Self::ActionHeartbeat { .. } | Self::ActionEnded { .. } => {
                self.fmt_of_action(f)
            }
            Self::ContainerInstanceRegistered { cluster, container_instance, ec2_instance_id } => {
                write!(f, "cluster {cluster}: {ec2_instance_id} registered as {}", host(container_instance))
            }
            Self::GhostLeft { cluster, container_instance, ec2_instance_id, .. } => {
                write!(f, "cluster {cluster}: {ec2_instance_id} has a ghost, {}", host(container_instance))
            }
            Self::ContainerInstanceStatus { container_instance, status } => {
                write!(f, "container instance {}: {status}", host(container_instance))
            }
            Self::AgentConnected { container_instance, connected } => {
                let now = if *connected { "connected" } else { "disconnected" };
                write!(f, "container instance {}: agent {now}", host(container_instance))
            }
            Self::ContainerInstanceChanged(instance) => {
                write!(f, "container instance {}: version {}", host(&instance.arn), instance.version)
            }
            Self::DesiredCount { service, desired_count } => {
                write!(f, "service {service}: desired count {desired_count}")
            }
            Self::DeploymentStarted { service, task_definition } => {
                let revision = task_definition.rsplit('/').next().unwrap_or(task_definition);
                write!(f, "service {service}: deployment of {revision}")
            }
            Self::TaskPlaced { .. }
            | Self::TasksListed { .. }
            | Self::TaskStopping { .. }
            | Self::TaskStatus { .. }
            | Self::TaskProtected { .. }
            | Self::TaskKilled { .. } => self.fmt_of_task(f),
            Self::GroupsReadLate { as_of } => {
                write!(f, "read groups as of {}", as_of.format("%H:%M:%S%.3f"))
            }
            Self::RebalancingService { service, task } => {
                write!(f, "service {service}: {task} balances its zones")
            }
            Self::PlacementFailed { service, reason } => {
                write!(f, "service {service}: no room for a task, {reason}")
            }
            Self::MessagePublished { topic_arn, attempt, .. } => {
                write!(f, "topic {topic_arn}: message published, attempt {attempt}")
            }
            Self::MetricDataPut { namespace, values } => {
                write!(f, "metrics {namespace}:")?;
                values.iter().try_for_each(|PutValue { name, group, value }| match group {
                    Some(group) => write!(f, " {name}[{group}]={value}"),
                    None => write!(f, " {name}={value}"),
                })
            }
            Self::EmbeddedMetricsPut { document } => fmt_of_embedded_metrics(f, document),
            Self::ApiCalled { operation, outcome } => match outcome {
                CallOutcome::Answered => write!(f, "call {operation}"),
                CallOutcome::AnsweredInPart(reason) => {
                    write!(f, "call {operation}: {reason} for the first resource")
                }
                CallOutcome::Failed(code) => write!(f, "call {operation}: {code}"),
                CallOutcome::AnswerLost(code) => write!(f, "call {operation}: answer lost, {code}"),
                CallOutcome::Hung => write!(f, "call {operation}: no answer"),
            },
            Self::InvocationStarted { invocation, function, cold, event, attempt, hops, .. } => {
                let start = if *cold { "cold" } else { "warm" };
                write!(f, "{function} [{}]: event {}, attempt {attempt}, ", invocation.0, event.0)?;
                write!(f, "{start} start, {hops} invocations before it")
            }
            Self::InvocationThrottled { function, event } => {
                write!(f, "{function}: event {} waits for an environment", event.0)
            }
            Self::InvocationEnded { invocation, end } => match end {
                InvocationEnd::Returned(answer) => write!(f, "[{}] returned {answer}", invocation.0),
                InvocationEnd::Failed(error) => write!(f, "[{}] failed: {error}", invocation.0),
                InvocationEnd::TimedOut => write!(f, "[{}] timed out", invocation.0),
                InvocationEnd::Killed(at) => write!(f, "[{}] died {at}", invocation.0),
            },
            Self::EventGivenUp { function, event, why } => {
                write!(f, "{function}: event {} given up, {why}", event.0)
            }
        }
    }
}

/// The values that the document's directives name, and their dimensions.
fn fmt_of_embedded_metrics(f: &mut fmt::Formatter<'_>, document: &Value) -> fmt::Result {
    let items = |of: Option<&Value>| of.and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |of: Option<&Value>| of.and_then(Value::as_str).unwrap_or_default().to_owned();
    f.write_str("log")?;
    for directive in items(document.pointer("/_aws/CloudWatchMetrics")) {
        write!(f, ": metrics {}", text(directive.get("Namespace")))?;
        for set in items(directive.get("Dimensions")) {
            for name in items(Some(&set)).iter().filter_map(Value::as_str) {
                write!(f, " {name}={}", text(document.get(name)))?;
            }
        }
        for metric in items(directive.get("Metrics")) {
            let name = text(metric.get("Name"));
            write!(f, " {name}={}", document.get(&name).unwrap_or(&Value::Null))?;
        }
    }
    Ok(())
}

impl Occurrence {
    /// Lines about a group's size and its instances.
    fn fmt_of_group(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DesiredCapacity { group, desired_capacity } => {
                write!(f, "group {group}: desired capacity {desired_capacity}")
            }
            Self::InstanceLaunching { group, instance } => write!(f, "group {group}: {instance} launching"),
            Self::InstanceInService { group, instance } => write!(f, "group {group}: {instance} in service"),
            Self::InstanceTerminating { group, instance } => {
                write!(f, "group {group}: {instance} terminating")
            }
            Self::InstanceTerminated { group, instance } => write!(f, "group {group}: {instance} terminated"),
            Self::InstanceEnteringWarmPool { group, instance } => {
                write!(f, "group {group}: {instance} on its way to the warm pool")
            }
            Self::InstanceInWarmPool { group, instance } => {
                write!(f, "group {group}: {instance} stopped in the warm pool")
            }
            Self::InstanceRetained { group, instance } => write!(f, "group {group}: {instance} retained"),
            Self::RootVolumeReplacement { group, instance, in_progress } => {
                let now = if *in_progress { "gets a new root volume" } else { "has its new root volume" };
                write!(f, "group {group}: {instance} {now}")
            }
            Self::Standby { group, instance, entered } => {
                let now = if *entered { "entered" } else { "left" };
                write!(f, "group {group}: {instance} {now} standby")
            }
            Self::RebalancingZones { group, instance } => {
                write!(f, "group {group}: {instance} launched to balance the zones")
            }
            Self::ProcessesSuspended { group, processes, suspended } => {
                let names: Vec<_> = processes.iter().map(|process| process.as_str()).collect();
                let now = if *suspended { "suspended" } else { "resumed" };
                write!(f, "group {group}: {} {now}", names.join(", "))
            }
            Self::ScaleInProtection { group, instances, protected } => {
                let names: Vec<_> = instances.iter().map(Ec2InstanceId::as_str).collect();
                let now = if *protected { "protected" } else { "not protected" };
                write!(f, "group {group}: {} {now} from scale-in", names.join(", "))
            }
            Self::TerminationRequested { group, instance } => {
                write!(f, "group {group}: termination of {instance} requested")
            }
            Self::GroupDeleted { group } => write!(f, "group {group}: deleted by force"),
            Self::SpotNotice { group, instance, notice } => write!(f, "group {group}: {instance} {notice}"),
            Self::InstanceRefresh { group, in_progress: true } => {
                write!(f, "group {group}: instance refresh")
            }
            Self::InstanceRefresh { group, in_progress: false } => {
                write!(f, "group {group}: instance refresh done")
            }
            Self::AlarmState { alarm, from, to } => write!(f, "alarm {alarm}: {from}, now {to}"),
            Self::PolicyExecuted { group, policy, alarm, from, to } => {
                write!(f, "group {group}: policy {policy} at alarm {alarm}, {from} -> {to}")
            }
            _ => Ok(()),
        }
    }

    /// Lines about a lifecycle action.
    fn fmt_of_action(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ActionOpened { hook, instance, token, .. } => {
                write!(f, "hook {hook}: {instance} waits, token {token}")
            }
            Self::ActionHeartbeat { hook, instance, deadline, .. } => {
                let until = deadline.to_rfc3339_opts(SecondsFormat::Secs, true);
                write!(f, "hook {hook}: {instance} heartbeat, waits until {until}")
            }
            Self::ActionEnded { hook, instance, end: ActionEnd::Completed(result), .. } => {
                write!(f, "hook {hook}: {instance} completed with {result}")
            }
            Self::ActionEnded { hook, instance, end: ActionEnd::Expired(result), .. } => {
                write!(f, "hook {hook}: {instance} ran out, {result}")
            }
            Self::ActionEnded { hook, instance, end: ActionEnd::NotificationRefused(result), .. } => {
                write!(f, "hook {hook}: {instance} notification refused, {result}")
            }
            _ => Ok(()),
        }
    }

    /// Lines about a task.
    fn fmt_of_task(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TaskPlaced { task: arn, group, container_instance } => {
                write!(f, "task {}: {group} PENDING on {}", task(arn), host(container_instance))
            }
            Self::TasksListed { cluster, container_instance, desired_status, tasks, .. } => {
                let desired = desired_status_name(*desired_status);
                match container_instance {
                    Some(arn) => write!(f, "listed {tasks} tasks on {}, desired {desired}", host(arn)),
                    None => write!(f, "listed {tasks} tasks in {}, desired {desired}", Short(cluster)),
                }
            }
            Self::TaskStopping { task: arn, code } => {
                write!(f, "task {}: desired STOPPED, {}", task(arn), code.as_str())
            }
            Self::TaskStatus { task: arn, status } => write!(f, "task {}: {status}", task(arn)),
            Self::TaskProtected { task: arn, until } => {
                let until = until.to_rfc3339_opts(SecondsFormat::Secs, true);
                write!(f, "task {}: protected until {until}", task(arn))
            }
            Self::TaskKilled { task: arn, container_instance, desired_status, last_status } => {
                let desired = desired_status_name(*desired_status);
                write!(
                    f,
                    "task {}: KILLED with {} while {last_status}",
                    task(arn),
                    host(container_instance)
                )?;
                write!(f, " (desired {desired})")
            }
            _ => Ok(()),
        }
    }
}
