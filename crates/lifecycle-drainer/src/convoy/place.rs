//! Who carries what: the invocation's place among those of its group, and the drains that it takes along.

use std::collections::BTreeSet;
use std::time::Duration;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::drain::{CARRIERS, DrainTiming, Role, role};
use fleetkeeper_core::lifecycle::{LifecycleAction, LifecycleActionId};
use fleetkeeper_core::ports::{Clock, NotificationTopic};
use fleetkeeper_core::time_left::between;

use super::Convoy;
use super::drain::Drain;
use super::group::{GROUP_PATIENCE, GROUP_RETRY};
use crate::ports::{AutoScalingCalls, EcsCalls};

/// A group that does not tell of an instance yet is read again for this long.
const LAG: Duration = Duration::from_secs(10);

/// The role of one that can be left to nobody, though there are carriers.
pub(super) const BY_ITSELF: Role = Role::Carrier(CARRIERS);

/// A drain that nobody has begun to look after for this long is left to a sweep.
const SWEPT_AFTER: Duration = Duration::from_secs(120);

impl<Ecs, AutoScaling, Sns, C> Convoy<'_, Ecs, AutoScaling, Sns, C>
where
    Ecs: EcsCalls,
    AutoScaling: AutoScalingCalls,
    Sns: NotificationTopic,
    C: Clock,
{
    /// Reads who else waits, and finds who carries what. Before that is known nothing is read of ECS: hundreds of
    /// invocations may be at this point at once. The answer is the carrier, where others carry.
    pub(super) async fn take_place(&mut self) -> Option<Ec2InstanceId> {
        let (own, _) = self.own.as_ref()?;
        let own = own.clone();
        loop {
            // The hook is not read yet.
            self.group.read(DrainTiming::heartbeat_interval_of(None)).await;
            let waited = between(self.invocation.begins, self.clock.now());
            if let Some(waiting) = &self.group.waiting {
                let listed = waiting.contains(&own);
                if !listed {
                    // That of a fresh notice is not asked for: it has just begun.
                    self.keep_alive().await;
                }
                let carrier = self.place(&own);
                let told_of = listed || self.is_over(&own);
                let old =
                    self.drains.get(&own).is_none_or(|drain| self.clock.now() >= drain.timing.began + LAG);
                if carrier.is_some() || told_of || self.to_warm_pool || self.group.is_gone || old {
                    return carrier;
                }
            }
            let patience = GROUP_PATIENCE + spread(&own);
            if self.group.refused_since.is_some() || waited >= patience || self.time_is_up() {
                return None;
            }
            // Of an old notice it is not known when its hook was last kept alive.
            self.keep_alive().await;
            self.rest(GROUP_RETRY).await;
        }
    }

    /// Takes the role that the group's reading gives; the answer is the carrier where it is to be left to others.
    pub(super) fn place(&mut self, own: &Ec2InstanceId) -> Option<Ec2InstanceId> {
        let waiting = self.group.waiting.as_ref()?;
        // Nobody carries what the group does not tell of: it may lag behind, or the instance goes to its warm pool.
        let told_of = waiting.contains(own) || self.is_over(own);
        let role = role(own, waiting);
        self.placed = true;
        self.role = match role {
            Role::Follower(carrier) if told_of => return Some(carrier),
            Role::Follower(_) => BY_ITSELF,
            carrier => carrier,
        };
        None
    }

    /// Whether the own action is known to be over.
    fn is_over(&self, own: &Ec2InstanceId) -> bool {
        self.drains.get(own).is_some_and(|drain| drain.ended.is_some())
    }

    /// Takes along what waits, and lets go of what does no longer. Whether there is something new.
    pub(super) async fn muster(&mut self) -> bool {
        if self.mustered_at == self.group.seen_at {
            return false;
        }
        self.mustered_at = self.group.seen_at;
        let Some(waiting) = self.group.waiting.clone() else { return false };
        if !self.takes_along(&waiting) {
            return false;
        }
        let own = self.own.as_ref().map(|(id, _)| id);
        let carried = self.drains.len();
        self.drains.retain(|id, _| Some(id) == own || waiting.contains(id));
        self.let_go += carried - self.drains.len();
        let new: BTreeSet<_> = waiting.into_iter().filter(|id| !self.drains.contains_key(id)).collect();
        if new.is_empty() {
            return false;
        }
        let now = self.clock.now();
        let since = self.group.terminating_since(&new).await;
        for (id, began) in since {
            if self.role == Role::Sweeper && now < began + SWEPT_AFTER {
                continue;
            }
            let timing = DrainTiming {
                began,
                drain_timeout: self.drain_timeout,
                hook: self.actions.hook,
                stops_until: None,
            };
            let mut drain = Drain::new(id.clone(), self.action_of(Some(&id)), timing, false);
            // Who stands by leaves the first heartbeat to the first carrier, for as long as it is not due.
            drain.last_heartbeat = (!self.patience().is_zero()).then_some(began);
            drain.last_tried = drain.last_heartbeat;
            self.drains.insert(id, drain);
        }
        let others = self.drains.len().saturating_sub(usize::from(self.own.is_some()));
        tracing::info!(others, role = ?self.role, "other instances of the group wait, too: carried along");
        true
    }

    /// Whether it carries others. What is left to nobody, as the group does not tell of it, only ever drains its own, or
    /// each instance on its way to a warm pool would carry all; but once it is one of the carriers others count on it.
    fn takes_along(&mut self, waiting: &BTreeSet<Ec2InstanceId>) -> bool {
        if self.role == BY_ITSELF
            && let Some((own, _)) = &self.own
            && let carrier @ Role::Carrier(_) = role(own, waiting)
        {
            self.role = carrier;
        }
        self.role != BY_ITSELF
    }

    pub(super) fn action_of(&self, id: Option<&Ec2InstanceId>) -> LifecycleAction {
        let id = id.map_or_else(
            || LifecycleActionId::Token(String::new()),
            |id| LifecycleActionId::Instance(id.clone()),
        );
        LifecycleAction { group: self.group.name.clone(), hook: self.hook.clone(), id }
    }

    /// In a short invocation it is short, too: what it leaves to others for most of its time it would not get to.
    pub(super) fn patience(&self) -> Duration {
        let patience = self.role.patience(self.group.waiting.as_ref().map_or(1, BTreeSet::len));
        patience.min(between(self.invocation.begins, self.hand_on_at) / 4)
    }
}

/// Spreads over a minute and more what invocations do by themselves that began at the same time.
fn spread(id: &Ec2InstanceId) -> Duration {
    let hash = id.as_str().bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    Duration::from_secs(hash % 75)
}
