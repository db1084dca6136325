//! What follows from a look: each drain decided about, and what is decided done for all at once.

use std::collections::BTreeSet;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::drain::{CARRIERS, Decision, Role, WaitReason};
use fleetkeeper_core::ports::{CallError, Clock, NotificationTopic};

use super::drain::Drain;
use super::{Convoy, unended};
use crate::ports::{AutoScalingCalls, EcsCalls};

/// Plans of what to stop that are made between two looks.
const PLANS_A_ROUND: usize = 60;

impl<Ecs, AutoScaling, Sns, C> Convoy<'_, Ecs, AutoScaling, Sns, C>
where
    Ecs: EcsCalls,
    AutoScaling: AutoScalingCalls,
    Sns: NotificationTopic,
    C: Clock,
{
    /// Decides about each drain, and does it, until all wait.
    pub(super) async fn act(&mut self) -> Result<(), CallError> {
        let mut failed: Option<CallError> = None;
        // Those that have had their turn in this round.
        let mut rested: BTreeSet<Ec2InstanceId> = BTreeSet::new();
        loop {
            let (mut find, mut read, mut plan) = (Vec::new(), Vec::new(), Vec::new());
            let (mut set, mut stop, mut complete) = (Vec::new(), Vec::new(), Vec::new());
            let patience = self.patience();
            for drain in unended(&mut self.drains) {
                let Some(now) = drain.looked_at.filter(|_| !rested.contains(&drain.ec2_instance_id)) else {
                    continue;
                };
                match drain.decide(self.config.on_drain_timeout, patience, now) {
                    // What waits does so until it is looked at again: while others are read time passes, and shows nothing.
                    None => {
                        rested.insert(drain.ec2_instance_id.clone());
                    }
                    Some(Decision::Wait(reason)) => {
                        drain.say(reason);
                        rested.insert(drain.ec2_instance_id.clone());
                    }
                    Some(Decision::FindInstances) => find.push(drain),
                    Some(Decision::ReadTasks) => read.push(drain),
                    Some(Decision::PlanStops) => plan.push(drain),
                    Some(Decision::SetDraining(arns)) => set.push((drain, arns)),
                    Some(Decision::StopTasks(tasks)) => stop.push((drain, tasks)),
                    Some(Decision::Complete(reason)) => complete.push((drain, reason)),
                }
            }
            let more = !(find.is_empty() && read.is_empty());
            let id = |drain: &&mut Drain| drain.ec2_instance_id.clone();
            let asked: Vec<_> = find.iter().map(id).collect();
            rested.extend(plan.iter().map(id));
            rested.extend(set.iter().map(|(drain, _)| id(drain)));
            rested.extend(stop.iter().map(|(drain, _)| id(drain)));
            rested.extend(complete.iter().map(|(drain, _)| id(drain)));

            let mut done = Ok(());
            if !complete.is_empty() {
                done = done.and(self.actions.complete(complete).await);
            }
            if !set.is_empty() {
                done = done.and(self.instances.set_draining(&set).await);
                if done.is_ok() {
                    for (drain, _) in set {
                        drain.say(WaitReason::JustSetDraining);
                    }
                }
            }
            for (drain, tasks) in stop {
                done = done.and(self.instances.stop_tasks(drain, tasks).await);
            }
            let mut asking = Ok(());
            if !find.is_empty() {
                asking = asking.and(self.instances.find(find).await);
            }
            if !read.is_empty() {
                // The carriers begin with others each, where there are too many for one.
                let carrier = if let Role::Carrier(rank) = self.role { rank.min(CARRIERS - 1) } else { 0 };
                let first = read.len() * carrier / CARRIERS;
                read.rotate_left(first);
                let (unread, all_read) = self.instances.read_tasks(read).await;
                rested.extend(unread);
                failed = failed.or(all_read.err());
            }
            if !plan.is_empty() {
                // Those that have none first, and not all at once: the others are to be looked at meanwhile.
                plan.sort_by_key(|drain| drain.plan.as_ref().map(|plan| plan.read_at));
                plan.truncate(PLANS_A_ROUND);
                asking = asking.and(self.instances.plan_stops(plan).await);
            }
            if asking.is_err() {
                rested.extend(asked);
            }
            failed = failed.or(done.err()).or(asking.err());
            if !more {
                return failed.map_or(Ok(()), Err);
            }
            // Many drains' reads take their time.
            if self.drains.len() > 1 {
                self.keep_alive().await;
                self.grant_a_step();
            }
        }
    }
}
