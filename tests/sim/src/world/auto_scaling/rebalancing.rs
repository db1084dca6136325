//! Balancing the Availability Zones: the group launches in the emptiest zone first, then terminates
//! in the fullest.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::group::Group;
use super::processes::ScalingProcess;
use crate::world::agenda::Transition;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

impl World {
    /// `AZRebalance`: moves instances from the fullest zones to the emptiest.
    ///
    /// The group may exceed its maximum size by 10 %, at least by one instance (user guide,
    /// "auto-scaling-benefits"). It terminates an instance as soon as a new one is in service,
    /// until the zones are balanced.
    pub fn rebalance_zones(&mut self, group: &str) -> Result<(), ApiError> {
        let found = self.group(group)?;
        let needed = [ScalingProcess::AzRebalance, ScalingProcess::Launch, ScalingProcess::Terminate];
        let held = needed.iter().any(|process| found.suspended.contains(process));
        if held || !found.rebalancing.is_empty() {
            return Ok(());
        }
        for _ in 0..found.misplaced().min(found.room_to_rebalance()) {
            self.launch_to_rebalance(group)?;
        }
        Ok(())
    }

    /// A termination by id may have left the zones uneven. The group balances them on its own,
    /// where it is set to (API reference, "`TerminateInstanceInAutoScalingGroup`").
    pub(crate) fn rebalance_zones_later(&mut self, group: &str) {
        let after = self.groups.get(group).and_then(|found| found.settings.rebalances_after_seconds);
        if let Some(seconds) = after {
            self.agenda.enter(self.after(seconds), Transition::RebalanceZones { group: group.to_owned() });
        }
    }

    pub(crate) fn zones_may_be_uneven(&mut self, group: &str) {
        // A group that was deleted meanwhile has no zones to balance.
        let _ = self.rebalance_zones(group);
    }

    fn launch_to_rebalance(&mut self, name: &str) -> Result<(), ApiError> {
        let found = self.group_mut(name)?;
        let (of_type, seconds) = (found.next_type(), found.next_launch_seconds());
        let instance = self.launch(name, of_type)?;
        self.group_mut(name)?.rebalancing.insert(instance.clone());
        self.record(Occurrence::RebalancingZones { group: name.to_owned(), instance: instance.clone() });
        let up = Transition::InService { group: name.to_owned(), instance };
        self.agenda.enter(self.after(seconds), up);
        Ok(())
    }

    /// An instance is in service. If rebalancing launched it, another one is terminated for it.
    pub(crate) fn go_on_with_rebalancing(&mut self, name: &str, id: &Ec2InstanceId) {
        let Some(group) = self.groups.get_mut(name) else { return };
        if !group.rebalancing.remove(id) {
            return;
        }
        let over = group.rebalancing.is_empty();
        self.balance(name);
        if over {
            // The group is there: it has just been balanced.
            let _ = self.rebalance_zones(name);
        }
    }
}

impl Group {
    /// How many instances are in zones that have more than their share.
    fn misplaced(&self) -> usize {
        let zones = self.settings.zones.len().max(1);
        let counts = self.by_zone();
        let total: usize = counts.values().sum();
        let (share, over) = (total / zones, total % zones);
        let surplus = |count: &usize| count.saturating_sub(share);
        // As many zones as there are instances left over may have one more than the share.
        let granted = counts.values().filter(|count| surplus(count) > 0).count().min(over);
        counts.values().map(surplus).sum::<usize>().saturating_sub(granted)
    }

    fn room_to_rebalance(&self) -> usize {
        let most = self.settings.max_size;
        let limit = usize::try_from(most.saturating_add((most / 10).max(1))).unwrap_or(usize::MAX);
        limit.saturating_sub(self.counting().count())
    }
}
