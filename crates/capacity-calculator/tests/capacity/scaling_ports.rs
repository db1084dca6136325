//! Direct scaling's calls on EC2 Auto Scaling, and the groups after them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::lifecycle::{AutoScalingGroup, InstanceRefreshStatus};
use fleetkeeper_core::ports::{CallError, GroupScaling};

use crate::ports::{AutoScaling, Mood};

/// The calls, their moods, and what is read of the groups.
#[derive(Default)]
pub(crate) struct Scaling {
    /// `set a 3`, `terminate a i-...`: whatever their answers.
    pub(crate) calls: RefCell<Vec<String>>,
    pub(crate) set_mood: Cell<Mood>,
    pub(crate) terminate_mood: Cell<Mood>,
    pub(crate) refresh_mood: Cell<Mood>,
    pub(crate) refreshes: RefCell<BTreeMap<String, String>>,
    /// True if reads of groups do not show what was asked for.
    pub(crate) is_stale: Cell<bool>,
    /// The groups that the next description shows, after this many further reads.
    pub(crate) changes: RefCell<Option<(usize, Vec<AutoScalingGroup>)>>,
}

impl Scaling {
    pub(crate) fn described(&self, groups: &RefCell<Vec<AutoScalingGroup>>) -> Vec<AutoScalingGroup> {
        let mut changes = self.changes.borrow_mut();
        match changes.take() {
            Some((0, next)) => *groups.borrow_mut() = next,
            Some((reads, next)) => *changes = Some((reads - 1, next)),
            None => {}
        }
        groups.borrow().clone()
    }
}

impl AutoScaling {
    fn change(&self, group: &str, change: impl FnOnce(&mut AutoScalingGroup)) {
        if !self.scaling.is_stale.get() {
            let mut groups = self.groups.borrow_mut();
            change(groups.iter_mut().find(|it| it.name == group).unwrap());
        }
    }
}

impl GroupScaling for AutoScaling {
    async fn set_desired_capacity(&self, group: &str, desired: u32) -> Result<(), CallError> {
        self.scaling.calls.borrow_mut().push(format!("set {group} {desired}"));
        self.scaling.set_mood.get().settle("autoscaling:SetDesiredCapacity", group).await?;
        self.change(group, |it| it.desired = desired);
        Ok(())
    }

    async fn terminate_and_decrement(&self, group: &str, id: &Ec2InstanceId) -> Result<(), CallError> {
        self.scaling
            .calls
            .borrow_mut()
            .push(format!("terminate {group} {}", id.as_str().trim_start_matches(['i', '-', '0'])));
        let operation = "autoscaling:TerminateInstanceInAutoScalingGroup";
        self.scaling.terminate_mood.get().settle(operation, group).await?;
        self.change(group, |it| {
            it.desired -= 1;
            let instance = it.instances.iter_mut().find(|it| it.ec2_instance_id == *id).unwrap();
            instance.lifecycle_state = "Terminating:Wait".to_owned();
        });
        Ok(())
    }

    async fn newest_instance_refresh(&self, group: &str) -> Result<Option<InstanceRefreshStatus>, CallError> {
        self.scaling.refresh_mood.get().settle("autoscaling:DescribeInstanceRefreshes", group).await?;
        Ok(self.scaling.refreshes.borrow().get(group).cloned().map(InstanceRefreshStatus))
    }
}
