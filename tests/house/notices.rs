//! Messages that the template configures AWS to send to the drainer.

use fleetkeeper_core::drain::{Message, OnDrainTimeout, read_message};

use crate::template::Stack;

#[test]
fn the_sweep_is_one_that_the_drainer_reads() {
    let stack = Stack::with(&[]);
    let input = stack.properties("LifecycleDrainerSweep")["Targets"][0]["Input"].as_str().unwrap();
    let Message::Sweep(sweep) = read_message(input).unwrap() else { panic!("{input}") };
    assert_eq!(sweep.cluster.unwrap().name(), "ClusterName");
    assert_eq!((sweep.group.as_str(), sweep.hook.as_str()), ("AutoScalingGroupName", "TerminatingHook"));
    // CloudFormation cannot replace a hook of a given name, as another group needs it.
    assert_eq!(stack.properties("TerminatingHook").get("LifecycleHookName"), None);
    assert_eq!(stack.properties("TerminatingHook")["AutoScalingGroupName"], "AutoScalingGroupName");
}

/// A group that retains what was abandoned is served by the hook's own result, too.
#[test]
fn the_hook_gives_up_what_the_drainer_would_give_up() {
    for policy in ["stop-tasks", "continue", "abandon"] {
        let stack = Stack::with(&[("OnDrainTimeout", policy)]);
        let gives_up = policy.parse::<OnDrainTimeout>().unwrap() == OnDrainTimeout::Abandon;
        let result = if gives_up { "ABANDON" } else { "CONTINUE" };
        assert_eq!(stack.properties("TerminatingHook")["DefaultResult"], result, "{policy}");
    }
}
