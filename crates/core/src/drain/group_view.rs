//! A group as it was last read: which of its instances a termination hook holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::{AutoScalingGroup, LifecycleHook};
use crate::ports::{CallError, CallErrorKind};

/// A failed read of the group is retried after this long.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// A read of the hooks that failed is retried after this long: it takes a call's whole time where
/// no answer comes, and meanwhile nothing else is done.
const HOOKS_RETRY_PAUSE: Duration = Duration::from_secs(20);

/// A read that AWS refuses is retried after this long: a permission may be added while a drain goes
/// on.
const REFUSED_RETRY_PAUSE: Duration = Duration::from_secs(60);

/// A group.
#[derive(Debug, Default)]
pub(super) struct GroupView {
    waiting: BTreeMap<Ec2InstanceId, String>,
    waited: BTreeSet<Ec2InstanceId>,
    others: BTreeSet<Ec2InstanceId>,
    has_load_balancer: bool,
    is_gone: bool,
    read_at: Option<DateTime<Utc>>,
    retry_at: Option<DateTime<Utc>>,
    refused: bool,
    hooks: Option<Vec<LifecycleHook>>,
    hooks_retry_at: Option<DateTime<Utc>>,
}

impl GroupView {
    /// The instances that a termination hook holds, ours or another, with their lifecycle states.
    #[must_use]
    pub(super) fn waiting(&self) -> &BTreeMap<Ec2InstanceId, String> {
        &self.waiting
    }

    /// How many instances may have waited at once since the read before.
    #[must_use]
    pub(super) fn most_waiting(&self) -> usize {
        self.waited.iter().filter(|id| !self.waiting.contains_key(id)).count() + self.waiting.len()
    }

    /// Returns whether an instance is below all that waited when the group was read before: its
    /// message delegated to none of them.
    #[must_use]
    pub(super) fn is_below_all_before(&self, id: &Ec2InstanceId) -> bool {
        self.waited.first().is_none_or(|lowest| id <= lowest)
    }

    /// The group's other instances.
    #[must_use]
    pub(super) fn others(&self) -> &BTreeSet<Ec2InstanceId> {
        &self.others
    }

    /// Returns whether a load balancer's connection draining comes before the hooks.
    #[must_use]
    pub(super) fn has_load_balancer(&self) -> bool {
        self.has_load_balancer
    }

    /// Returns whether there is no such group.
    #[must_use]
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// When it was last read.
    #[must_use]
    pub(super) fn read_at(&self) -> Option<DateTime<Utc>> {
        self.read_at
    }

    /// Returns whether AWS refused the last read.
    #[must_use]
    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }

    /// When a read that is due at `due` may be made: later where the last one failed.
    #[must_use]
    pub(super) fn read_due(&self, due: DateTime<Utc>) -> DateTime<Utc> {
        self.retry_at.map_or(due, |retry| due.max(retry))
    }

    /// The group's termination hooks, once they were read.
    #[must_use]
    pub(super) fn hooks(&self) -> Option<&[LifecycleHook]> {
        self.hooks.as_deref()
    }

    /// Returns whether the hooks may be read now.
    #[must_use]
    pub(super) fn may_read_hooks(&self, now: DateTime<Utc>) -> bool {
        self.hooks.is_none() && self.hooks_retry_at.is_none_or(|at| now >= at)
    }

    /// Returns whether another termination hook than `hook` may hold the group's instances.
    #[must_use]
    pub(super) fn has_other_hooks(&self, hook: &str) -> bool {
        self.hooks.as_ref().is_some_and(|hooks| {
            hooks.iter().any(|other| other.name != hook) || hooks.iter().all(|other| other.name != hook)
        })
    }

    /// The group was read, or could not be.
    pub(super) fn see(
        &mut self,
        answer: Result<Option<AutoScalingGroup>, Arc<CallError>>,
        now: DateTime<Utc>,
    ) {
        match answer {
            Ok(group) => {
                self.is_gone = group.is_none();
                self.has_load_balancer = group.as_ref().is_some_and(|group| group.has_load_balancer);
                let instances = group.map(|group| group.instances).unwrap_or_default();
                let (waiting, others): (Vec<_>, Vec<_>) =
                    instances.into_iter().partition(crate::lifecycle::GroupInstance::waits_to_terminate);
                self.waited = std::mem::take(&mut self.waiting).into_keys().collect();
                self.waiting =
                    waiting.into_iter().map(|it| (it.ec2_instance_id, it.lifecycle_state)).collect();
                self.others = others.into_iter().map(|it| it.ec2_instance_id).collect();
                self.read_at = Some(now);
                self.retry_at = None;
                self.refused = false;
            }
            Err(error) => {
                self.refused = error.kind == CallErrorKind::Refused;
                self.retry_at = Some(now + if self.refused { REFUSED_RETRY_PAUSE } else { RETRY_PAUSE });
            }
        }
    }

    /// The hooks were read, or could not be.
    pub(super) fn see_hooks(
        &mut self,
        answer: Result<Vec<LifecycleHook>, Arc<CallError>>,
        now: DateTime<Utc>,
    ) {
        match answer {
            Ok(hooks) => self.hooks = Some(hooks),
            Err(error) if error.kind == CallErrorKind::Refused => {
                self.hooks_retry_at = Some(now + REFUSED_RETRY_PAUSE);
            }
            Err(_) => self.hooks_retry_at = Some(now + HOOKS_RETRY_PAUSE),
        }
    }
}
