//! Instance refresh: all instances of a group are replaced, some at a time, by those of a new
//! version of its launch template.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::ports::{DESCRIBE_MAX, Page, PageToken};

use super::group::Group;
use super::instance::LifecycleState;
use super::notice::Place;
use crate::world::agenda::Transition;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// Refreshes on a page by default (API reference, `DescribeInstanceRefreshes`).
const REFRESHES_PAGE: usize = 50;

/// A refresh under way.
#[derive(Debug, Clone)]
pub(crate) struct InstanceRefresh {
    min_healthy_percent: u32,
    /// The instances that are still to be taken out of service.
    old: BTreeSet<Ec2InstanceId>,
    /// The instances that the wave under way took out.
    leaving: BTreeSet<Ec2InstanceId>,
    /// The agenda has its next step.
    due: bool,
}

/// A refresh as `DescribeInstanceRefreshes` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedRefresh {
    /// Which of the group's: from 1.
    pub number: u64,
    /// `InProgress` or `Successful`.
    pub status: &'static str,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ended; none while it is under way.
    pub ended_at: Option<DateTime<Utc>>,
    /// The instances that it set out to replace.
    pub instances: usize,
    /// Those that it has yet to take out of service.
    pub instances_to_update: usize,
}

impl World {
    /// `DescribeInstanceRefreshes` of a group, one page, newest first: 50 by default, 100 at most.
    pub fn describe_instance_refreshes(
        &self,
        group: &str,
        max_records: Option<i64>,
        next_token: Option<&str>,
    ) -> Result<Page<DescribedRefresh>, ApiError> {
        let size = match max_records.map(usize::try_from) {
            None => REFRESHES_PAGE,
            Some(Ok(size)) if (1..=DESCRIBE_MAX).contains(&size) => size,
            Some(_) => return Err(ApiError::validation("MaxRecords must be between 1 and 100.")),
        };
        let before = next_token.map(|token| token.strip_prefix("before:").and_then(|it| it.parse().ok()));
        let before: Option<u64> = match before {
            Some(None) => return Err(ApiError::client("InvalidNextToken", "The token is not valid.")),
            before => before.flatten(),
        };
        let found = self.group(group)?;
        let rest = found.refreshes.iter().rev();
        let mut rest = rest.filter(|it| before.is_none_or(|before| it.number < before)).peekable();
        let mut items: Vec<DescribedRefresh> =
            rest.by_ref().take(size.min(self.page_limit)).cloned().collect();
        let under_way = items.first_mut().filter(|it| it.ended_at.is_none());
        if let (Some(described), Some(refresh)) = (under_way, &found.refresh) {
            described.instances_to_update = refresh.old.len();
        }
        let last = items.last().filter(|_| rest.peek().is_some());
        let next = last.map(|last| PageToken(format!("before:{}", last.number)));
        Ok(Page { items, next })
    }

    /// `StartInstanceRefresh`. It terminates, through its hooks, and replaces every instance that
    /// the group has now and that is not protected from scale-in. A wave leaves the minimum healthy
    /// percentage of the desired capacity in service, and takes at least one instance. At 100
    /// percent the group launches a replacement ahead of each. A wave begins once the instances of
    /// the last are gone.
    pub fn instance_refresh(&mut self, group: &str, min_healthy_percent: u32) -> Result<(), ApiError> {
        let now = self.now;
        let found = self.group_mut(group)?;
        if found.refresh.is_some() {
            let said = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.";
            return Err(ApiError::client("InstanceRefreshInProgress", said));
        }
        if min_healthy_percent > 100 {
            return Err(ApiError::validation("MinHealthyPercentage must be between 0 and 100."));
        }
        let unprotected = found.counting().filter(|(_, instance)| !instance.protected_from_scale_in);
        let old: BTreeSet<_> = unprotected.map(|(id, _)| id.clone()).collect();
        found.launch_template_version += 1;
        found.refreshes.push(DescribedRefresh {
            number: u64::try_from(found.refreshes.len()).unwrap_or(u64::MAX).saturating_add(1),
            status: "InProgress",
            began_at: now,
            ended_at: None,
            instances: old.len(),
            instances_to_update: old.len(),
        });
        found.refresh =
            Some(InstanceRefresh { min_healthy_percent, old, leaving: BTreeSet::new(), due: false });
        self.record(Occurrence::InstanceRefresh { group: group.to_owned(), in_progress: true });
        self.go_on_with_refresh(group);
        Ok(())
    }

    /// Something changed that a refresh may wait for. It takes its next step once everything of
    /// this moment has happened.
    pub(crate) fn go_on_with_refresh(&mut self, group: &str) {
        let Some(refresh) = self.groups.get_mut(group).and_then(|found| found.refresh.as_mut()) else {
            return;
        };
        if !std::mem::replace(&mut refresh.due, true) {
            self.agenda.enter(self.now, Transition::InstanceRefresh { group: group.to_owned() });
        }
    }

    pub(crate) fn step_instance_refresh(&mut self, name: &str) {
        let now = self.now;
        let Some(group) = self.groups.get_mut(name) else { return };
        let Some(wave) = group.next_wave() else { return };
        let over = group.refresh.as_ref().is_some_and(|it| it.old.is_empty() && it.leaving.is_empty());
        if over {
            group.refresh = None;
            if let Some(ended) = group.refreshes.last_mut() {
                (ended.status, ended.ended_at, ended.instances_to_update) = ("Successful", Some(now), 0);
            }
            self.record(Occurrence::InstanceRefresh { group: name.to_owned(), in_progress: false });
            return;
        }
        for id in &wave {
            self.take_out_of_service(name, id, Place::Ec2);
        }
        self.replace_missing(name);
    }
}

impl Group {
    /// The instances that are terminated now; none where no refresh is under way.
    fn next_wave(&mut self) -> Option<Vec<Ec2InstanceId>> {
        let in_service = |state: LifecycleState| state == LifecycleState::InService;
        let healthy = self.units(|instance| in_service(instance.state));
        let floor = self.floor()?;
        let instances = &self.instances;
        let state = |id: &Ec2InstanceId| instances.get(id).map(|instance| instance.state);
        let refresh = self.refresh.as_mut()?;
        refresh.due = false;
        refresh.leaving.retain(|id| state(id).is_some_and(LifecycleState::is_leaving));
        refresh.old.retain(|id| state(id).is_some_and(LifecycleState::counts));
        let room = if refresh.leaving.is_empty() { healthy.saturating_sub(floor) } else { 0 };
        // What is not up yet takes nothing with it: it goes with the first wave.
        let mut wave: Vec<_> =
            refresh.old.iter().filter(|id| !state(id).is_some_and(in_service)).cloned().collect();
        let mut up: Vec<_> = refresh.old.iter().filter(|id| state(id).is_some_and(in_service)).collect();
        up.sort_by_key(|id| instances.get(*id).map(|instance| instance.launched_at));
        let mut gone = 0;
        wave.extend(
            up.into_iter()
                .take_while(|id| {
                    let room_left = gone < room;
                    gone += instances.get(*id).map_or(0, |instance| u64::from(instance.units()));
                    room_left
                })
                .cloned(),
        );
        for id in &wave {
            refresh.old.remove(id);
        }
        refresh.leaving.extend(wave.iter().cloned());
        Some(wave)
    }

    /// How many units stay in service while a refresh is under way.
    fn floor(&self) -> Option<u64> {
        let percent = self.refresh.as_ref()?.min_healthy_percent;
        let desired = u64::from(self.desired_capacity);
        let share = (desired * u64::from(percent)).div_ceil(100);
        Some(if percent < 100 { share.min(desired.saturating_sub(1)) } else { desired })
    }

    /// How many units there are on top of the desired capacity: one for a refresh, while
    /// nothing may be missing, and those that zone rebalancing launched.
    pub(crate) fn surge(&self) -> u64 {
        let ahead =
            self.refresh.as_ref().is_some_and(|it| it.min_healthy_percent >= 100 && !it.old.is_empty());
        let launched = self.rebalancing.iter().filter_map(|id| self.instances.get(id));
        u64::from(ahead) + launched.map(|instance| u64::from(instance.units())).sum::<u64>()
    }
}
