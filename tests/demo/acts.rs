//! The acts of the demo, with the checks after each.

use std::time::{Duration, Instant};

use fleetkeeper_sim::ActionResult;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};
use fleetkeeper_tests::Error;
use fleetkeeper_tests::repository::sample_event;
use fleetkeeper_tests::stack::Stack;

use crate::cluster::{ARM_GROUP, ARM_SERVICE, CLUSTER, GROUP, SERVICE, add_arm_group, oldest_host};
use crate::show::{NAMESPACE, Show};
use crate::timeline::Who;

/// The outputs of the stack that name the functions' log groups.
const DRAINER: &str = "LifecycleDrainerLogGroup";
const CALCULATOR: &str = "CapacityCalculatorLogGroup";

/// The service grows beyond its hosts.
pub(crate) fn scale_out(show: &mut Show) -> Result<(), Error> {
    show.act(
        "Act 1 · Scale-out",
        "The service wants 5 tasks and 4 have room. ECS sends an event, the calculator publishes the new figures, and the\n\
         alarm on MissingHosts > 0 has Auto Scaling launch a host.",
    );
    show.world(|world| world.set_desired_count(CLUSTER, SERVICE, 5))?;
    show.wait_for("a full cluster's metrics", 60, |stack| metric(stack, "PlaceableContainers") == Some(0.0))?;
    show.wait_for("the scale-out alarm", 60, |stack| in_alarm(stack, "ScaleOutAlarmName"))?;
    let (full, missing) = (metric(&show.stack, "PlaceableContainers"), metric(&show.stack, "MissingHosts"));
    show.note(
        Who::CloudWatch,
        "alarm on MissingHosts > 0: ALARM; the demo adds a host, as the scale-out policy would",
    );
    // The emulator does not execute scaling policies: the demo does.
    show.world(|world| world.set_desired_capacity(GROUP, 3))?;
    show.wait_for("the fifth task", 60, |stack| {
        stack.world(|world| world.is_steady(CLUSTER, SERVICE))
            && metric(stack, "PlaceableContainers") == Some(1.0)
    })?;
    show.timeline()?;
    println!();
    show.check(
        "full: PlaceableContainers was 0 and MissingHosts 1, and the alarm that adds a host went off",
        (full, missing) == (Some(0.0), Some(1.0)),
    );
    show.check(
        "with the third host 5 tasks run, and PlaceableContainers is 1",
        metric(&show.stack, "PlaceableContainers") == Some(1.0),
    );
    Ok(())
}

/// A new AMI: one host in, one host out.
pub(crate) fn rolling_replacement(show: &mut Show) -> Result<(), Error> {
    show.act(
        "Act 2 · Rolling replacement of a host",
        "A new AMI rolls out: Auto Scaling launches a new host, then terminates an old one. The drain outlasts the\n\
         invocation timeout (12 s here, 15 min by default): the drainer republishes the message and continues in the next\n\
         invocation.",
    );
    let old = show.world(|world| oldest_host(world)).ok_or("the group has no host")?;
    show.world(|world| world.set_desired_capacity(GROUP, 4))?;
    show.wait_for("the new host", 60, |stack| metric(stack, "ActiveHosts") == Some(4.0))?;
    show.world(|world| world.terminate_instance(GROUP, &old, true))?;
    show.wait_for("the end of the drain", 120, |stack| actions_ended(stack) == 1)?;
    show.wait_for("its log", 60, |stack| logged(stack, DRAINER, "drain_completed") == 1)?;
    show.wait_for("its metrics", 60, |stack| {
        metric(stack, "ActiveHosts") == Some(3.0) && metric(stack, "DrainingHosts") == Some(0.0)
    })?;
    show.timeline()?;
    println!();
    check_drain(show, 1);
    show.check(
        "the drainer republished the message and continued in the next invocation",
        logged(&show.stack, DRAINER, "drain_republished") >= 1,
    );
    show.check("5 tasks run again", show.world(|world| world.is_steady(CLUSTER, SERVICE)));
    Ok(())
}

/// The service shrinks.
pub(crate) fn scale_in(show: &mut Show) -> Result<(), Error> {
    show.act(
        "Act 3 · Scale-in",
        "The service shrinks to 2 tasks on 3 hosts: any one host is removable. The alarm on RemovableHosts > 0 waits a\n\
         whole minute; then Auto Scaling terminates the oldest host, and the drainer drains it, too.",
    );
    show.world(|world| world.set_desired_count(CLUSTER, SERVICE, 2))?;
    // A quiet cluster sends no events: the schedule keeps the metrics coming. Here it is played
    // every two seconds.
    let schedule = sample_event("scheduled-event.json")?;
    let mut last = Instant::now();
    let mut play_schedule = move |stack: &Stack| {
        if last.elapsed() >= Duration::from_secs(2) {
            last = Instant::now();
            // The next one makes up for one that is lost.
            let _ = stack
                .output("CapacityCalculatorName")
                .map(|name| stack.emulator.invoke_later(name, &schedule));
        }
    };
    let mut alarm = |stack: &Stack| in_alarm(stack, "ScaleInAlarmName");
    show.wait_and("a minute in which a host is removable", 150, &mut alarm, &mut play_schedule)?;
    let removable = metric(&show.stack, "RemovableHosts");
    show.note(
        Who::CloudWatch,
        "alarm on RemovableHosts > 0: ALARM; the demo removes a host, as the scale-in policy would",
    );
    show.world(|world| world.set_desired_capacity(GROUP, 2))?;
    show.wait_for("the end of the drain", 120, |stack| actions_ended(stack) == 2)?;
    show.wait_for("its log", 60, |stack| logged(stack, DRAINER, "drain_completed") == 2)?;
    show.wait_for("its metrics", 60, |stack| {
        metric(stack, "ActiveHosts") == Some(2.0) && metric(stack, "PlaceableContainers") == Some(2.0)
    })?;
    show.timeline()?;
    println!();
    show.check(
        "idle: RemovableHosts was 1, and the alarm that removes a host went off",
        removable == Some(1.0),
    );
    check_drain(show, 2);
    show.check(
        "on 2 hosts with 2 tasks PlaceableContainers is 2, and RemovableHosts is 0",
        metric(&show.stack, "PlaceableContainers") == Some(2.0)
            && metric(&show.stack, "RemovableHosts") == Some(0.0),
    );
    Ok(())
}

/// A second group, of another architecture.
pub(crate) fn other_architecture(show: &mut Show) -> Result<(), Error> {
    show.act(
        "Act 4 · A second group",
        "A group of arm64 hosts joins the cluster, and a service for arm64 wants 3 tasks where 2 have room. The x86_64 hosts\n\
         have room and cannot run it: only the arm64 group misses a host. The demo sets that group's capacity, as its own\n\
         policy would.",
    );
    show.world(add_arm_group)?;
    show.wait_for("a missing arm64 host", 90, |stack| {
        metric_of(stack, "MissingHosts", ARM_GROUP) == Some(1.0)
    })?;
    let others = metric(&show.stack, "MissingHosts");
    show.note(Who::CloudWatch, "MissingHosts is 1 for demo-arm and 0 for demo-asg");
    show.world(|world| world.set_desired_capacity(ARM_GROUP, 2))?;
    show.wait_for("the third arm64 task", 90, |stack| {
        stack.world(|world| world.is_steady(CLUSTER, ARM_SERVICE))
            && metric_of(stack, "ActiveHosts", ARM_GROUP) == Some(2.0)
    })?;
    show.timeline()?;
    println!();
    show.check("while MissingHosts was 1 for the arm64 group, it was 0 for the other", others == Some(0.0));
    show.check(
        "with a second arm64 host its 3 tasks run, and MissingHosts is 0",
        metric_of(&show.stack, "MissingHosts", ARM_GROUP) == Some(0.0),
    );
    Ok(())
}

/// Without alarms and policies: the calculator sets the capacity.
pub(crate) fn direct_scaling(show: &mut Show) -> Result<(), Error> {
    show.act(
        "Act 5 · Direct scaling",
        "The stack anew, with Scaling=Direct: no alarm and no policy exists. ECS reports that it cannot place the fifth task, and\n\
         the calculator itself raises the group's desired capacity. Removing a host would take ten quiet minutes after this\n\
         scale-out: this act removes none.",
    );
    show.world(|world| world.set_desired_count(CLUSTER, SERVICE, 5))?;
    show.wait_for("the capacity that the calculator sets", 30, |stack| capacity_set(stack).is_some())?;
    show.wait_for("the fifth task", 60, |stack| stack.world(|world| world.is_steady(CLUSTER, SERVICE)))?;
    show.wait_for("its log", 60, |stack| {
        logged(stack, CALCULATOR, "desired_capacity_set") > 0
            && metric(stack, "PlaceableContainers") == Some(1.0)
    })?;
    show.timeline()?;
    println!();
    let (took, capacities) = capacity_set(&show.stack).ok_or("the calculator has set no capacity")?;
    show.check(
        format!("within 5 s of the placement failure the calculator set the capacity: {took:.1} s"),
        took < 5.0,
    );
    show.check("it raised the capacity once, from 2 to 3", capacities == [3]);
    show.check(
        "with the third host 5 tasks run, and PlaceableContainers is 1",
        metric(&show.stack, "PlaceableContainers") == Some(1.0),
    );
    Ok(())
}

/// The checks over all acts of a deployment.
pub(crate) fn curtain(show: &mut Show, operations: &[&str]) -> Result<(), Error> {
    println!();
    show.check(
        "no task was killed with its host",
        show.world(|world| world.history().killed_tasks().is_empty()),
    );
    let accepted = show.stack.requests.check(operations);
    if let Err(faults) = &accepted {
        println!("{faults}");
    }
    show.check("AWS's service models accept every request of both functions", accepted.is_ok());
    let url = show.stack.output("LifecycleDrainerDeadLettersUrl")?.replace("localhost", "127.0.0.1");
    let none = show.stack.emulator.queue_messages(&url)?.is_empty();
    show.check("no dead letter of the drainer", none);
    Ok(())
}

/// The nth drain's hook was completed with CONTINUE, after the last task on its host had stopped.
fn check_drain(show: &mut Show, nth: usize) {
    let completed_after_the_last_stop = show.world(|world| {
        let entries = world.history().entries();
        let mut ends = entries.iter().enumerate().filter_map(|(position, entry)| match &entry.what {
            Occurrence::ActionEnded { end, .. } => Some((position, entry.at, *end)),
            _ => None,
        });
        let Some((position, at, end)) = ends.nth(nth.saturating_sub(1)) else { return false };
        let last_stop =
            entries.iter().take(position).rev().find(|entry| {
                matches!(entry.what, Occurrence::TaskStatus { status: LastStatus::Stopped, .. })
            });
        end == ActionEnd::Completed(ActionResult::Continue) && last_stop.is_some_and(|stop| stop.at < at)
    });
    show.check(
        "the hook was completed after the last task on the host had stopped",
        completed_after_the_last_stop,
    );
}

/// The latest value of a metric: hosts are counted by group, containers in the cluster.
fn metric(stack: &Stack, name: &str) -> Option<f64> {
    if name.ends_with("Hosts") {
        return metric_of(stack, name, GROUP);
    }
    latest(stack, name, &[("ClusterName", CLUSTER)])
}

fn metric_of(stack: &Stack, name: &str, group: &str) -> Option<f64> {
    latest(stack, name, &[("ClusterName", CLUSTER), ("AutoScalingGroupName", group)])
}

fn latest(stack: &Stack, name: &str, dimensions: &[(&str, &str)]) -> Option<f64> {
    stack.emulator.metric(NAMESPACE, name, dimensions).ok()?.last().copied()
}

fn in_alarm(stack: &Stack, output: &str) -> bool {
    stack
        .output(output)
        .and_then(|alarm| stack.emulator.alarm_state(alarm))
        .is_ok_and(|state| state == "ALARM")
}

fn actions_ended(stack: &Stack) -> usize {
    stack.world(|world| {
        let ended = |what: &Occurrence| matches!(what, Occurrence::ActionEnded { .. });
        world.history().entries().iter().filter(|entry| ended(&entry.what)).count()
    })
}

/// The seconds from the first placement failure to the first desired capacity that was set after
/// it, and all of those.
fn capacity_set(stack: &Stack) -> Option<(f64, Vec<u32>)> {
    stack.world(|world| {
        let entries = world.history().entries().iter();
        let mut entries =
            entries.skip_while(|entry| !matches!(entry.what, Occurrence::PlacementFailed { .. }));
        let failed = entries.next()?.at;
        let set: Vec<_> = entries
            .filter_map(|entry| match entry.what {
                Occurrence::DesiredCapacity { desired_capacity, .. } => Some((entry.at, desired_capacity)),
                _ => None,
            })
            .collect();
        let took = (set.first()?.0 - failed).as_seconds_f64();
        Some((took, set.into_iter().map(|(_, capacity)| capacity).collect()))
    })
}

/// How often a function logged an event.
fn logged(stack: &Stack, of: &str, event: &str) -> usize {
    let lines = stack.output(of).and_then(|group| stack.emulator.log_lines(group));
    lines
        .unwrap_or_default()
        .iter()
        .filter(|line| line.get("event").is_some_and(|logged| logged == event))
        .count()
}
