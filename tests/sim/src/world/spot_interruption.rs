//! The end of EC2's Spot Instances, and its announcement.
//!
//! EC2 takes the instance two minutes after the warning, and no hook holds it back. As without
//! capacity rebalancing, the group notices the instance's end and then launches another.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::agenda::Transition;
use super::history::Occurrence;
use super::outbox::Emitted;
use super::spot::SpotNotice;
use super::{ApiError, World};

/// From the warning to the end.
const NOTICE_SECONDS: u32 = 120;

impl World {
    /// EC2 wants a Spot instance back: it says so, and two minutes later the instance is gone,
    /// hooks or not.
    pub fn interrupt_spot_instance(&mut self, group: &str, id: &Ec2InstanceId) -> Result<(), ApiError> {
        self.announce(group, id, SpotNotice::InterruptionWarning)?;
        self.drain_for_spot(group, id);
        let reclaim = Transition::SpotReclaim { group: group.to_owned(), instance: id.clone() };
        self.agenda.enter(self.after(NOTICE_SECONDS), reclaim);
        Ok(())
    }

    /// EC2 recommends to replace a Spot instance before it is wanted back.
    pub fn recommend_rebalance(&mut self, group: &str, id: &Ec2InstanceId) -> Result<(), ApiError> {
        self.announce(group, id, SpotNotice::RebalanceRecommendation)
    }

    pub(crate) fn reclaim_spot_instance(&mut self, group: &str, id: &Ec2InstanceId) {
        if self.lifecycle_state(group, id).is_some() {
            self.end_instance(group, id);
            self.balance(group);
        }
    }

    fn announce(&mut self, group: &str, id: &Ec2InstanceId, notice: SpotNotice) -> Result<(), ApiError> {
        if !self.group(group)?.instances.contains_key(id) {
            return Err(ApiError::validation(format!("{id} is not in group {group}")));
        }
        self.record(Occurrence::SpotNotice { group: group.to_owned(), instance: id.clone(), notice });
        let event_id = self.ids.event();
        self.emit(Emitted::SpotNotice { id: event_id, notice, instance: id.clone() });
        Ok(())
    }
}
