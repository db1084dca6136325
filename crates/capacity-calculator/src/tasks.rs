//! The tasks on the cluster's hosts: which service and task definition each is of, and which are
//! protected.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn};
use fleetkeeper_core::fleet::{PlacedTask, Snapshot};
use fleetkeeper_core::network_interfaces::count_network_interfaces;
use fleetkeeper_core::paced::{Pace, Paced};
use fleetkeeper_core::ports::{
    Answer, CallError, Clock, ContainerInstances, DESCRIBE_MAX, READS_LAG_MAX, TaskProtections, Tasks,
    TasksOf,
};
use fleetkeeper_core::read::{self, DESCRIBES_IN_FLIGHT};
use fleetkeeper_core::service::{Deployment, Launch};
use fleetkeeper_core::task::{DesiredStatus, Task, TaskArn};
use fleetkeeper_core::time_left::within;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::calls::find_missing;
use crate::report;

/// The most tasks that are read for their network interfaces.
const NETWORK_INTERFACES_TASKS_MAX: usize = 5_000;

/// Tasks that are kept while the function is warm: some 40 MB.
const KNOWN_MAX: usize = 50_000;

/// Tasks as they were described. One never changes its host, its service or its task definition.
#[derive(Debug, Default)]
pub(crate) struct KnownTasks(RefCell<BTreeMap<TaskArn, Task>>);

/// The tasks that were listed in one snapshot.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// All tasks of the cluster that are desired RUNNING, where they were listed to the end.
    whole: Option<BTreeSet<TaskArn>>,
    /// Those of each container instance whose own tasks were listed to the end.
    on: BTreeMap<ContainerInstanceArn, BTreeSet<TaskArn>>,
    /// Tasks that are desired STOPPED.
    stopped: BTreeSet<TaskArn>,
}

/// Reads the tasks of one cluster.
pub(crate) struct TaskReader<'a, Ecs, C> {
    pub(crate) ecs: &'a Ecs,
    pub(crate) paced: Paced<'a, Ecs, C>,
    pub(crate) protections: &'a Pace,
    pub(crate) clock: &'a C,
    pub(crate) cluster: &'a Cluster,
    pub(crate) known: &'a KnownTasks,
}

impl KnownTasks {
    fn keep(&self, tasks: Vec<Task>) {
        self.0.borrow_mut().extend(tasks.into_iter().map(|task| (task.arn.clone(), task)));
    }

    /// The tasks that held a network interface of one of these instances, and that are not listed.
    fn unlisted(&self, listed: &BTreeSet<TaskArn>, instances: &[ContainerInstance]) -> Vec<TaskArn> {
        let there: BTreeSet<_> = instances.iter().map(|instance| &instance.arn).collect();
        let holds = |task: &Task| {
            task.network_interface && !task.is_stopped() && there.contains(&task.container_instance)
        };
        let known = self.0.borrow();
        let unlisted = known.values().filter(|task| holds(task) && !listed.contains(&task.arn));
        unlisted.map(|task| task.arn.clone()).collect()
    }

    /// Forgets what is no longer listed.
    pub(crate) fn forget(&self, listed: &Listed, instances: &[ContainerInstance]) {
        let there: BTreeSet<_> = instances.iter().map(|instance| &instance.arn).collect();
        let is_listed =
            |arn: &TaskArn, task: &Task| match (&listed.whole, listed.on.get(&task.container_instance)) {
                _ if listed.stopped.contains(arn) => true,
                (Some(whole), _) => whole.contains(arn),
                (None, Some(on_host)) => on_host.contains(arn),
                (None, None) => there.contains(&task.container_instance),
            };
        let (mut known, mut kept) = (self.0.borrow_mut(), 0);
        known.retain(|arn, task| {
            let keep = kept < KNOWN_MAX && is_listed(arn, task);
            kept += usize::from(keep);
            keep
        });
    }
}

// Lambda runs one invocation at a time on one thread: no future here needs to be Send.
#[allow(clippy::future_not_send)]
impl<Ecs: ContainerInstances + Tasks + TaskProtections, C: Clock> TaskReader<'_, Ecs, C> {
    /// Counts the network interfaces that the instances' tasks hold, or held since the snapshot
    /// began. Where there are too many tasks to read, each is assumed to hold one.
    pub(crate) async fn network_interfaces(
        &self,
        began: DateTime<Utc>,
        instances: &mut [ContainerInstance],
        listed: &mut Listed,
    ) -> Result<(), CallError> {
        let most = NETWORK_INTERFACES_TASKS_MAX;
        let running = self.list(TasksOf::Cluster, DesiredStatus::Running, most).await?;
        if running.len() > most {
            report::too_many_tasks(self.cluster, most);
            return Ok(());
        }
        // A task that leaves the first list is on the second one from then on. A read may be older
        // than one that was made before it: only one that is made later than reads lag misses no
        // task that the first one did.
        self.clock.sleep(READS_LAG_MAX).await;
        let left = most.saturating_sub(running.len());
        let mut stopped = self.list(TasksOf::Cluster, DesiredStatus::Stopped, left).await?;
        if running.len() + stopped.len() > most {
            report::too_many_tasks(self.cluster, most);
            return Ok(());
        }
        let all: BTreeSet<_> = running.union(&stopped).cloned().collect();
        // A task that has not started may get its network interface yet, one that has not stopped
        // gives it back.
        let is_final = |arn: &TaskArn, known: &Task| {
            known.is_stopped() || (!stopped.contains(arn) && known.last_status == "RUNNING")
        };
        self.describe(&all, is_final).await?;
        // Where reads lag longer than that, neither list may have a task that stops. It is
        // forgotten only once ECS does not describe it either.
        let unlisted = self.known.unlisted(&all, instances);
        let stopping = read::describe_tasks(&self.paced, self.cluster, &unlisted).await?.items;
        stopped.extend(stopping.iter().map(|task| task.arn.clone()));
        self.known.keep(stopping);
        let tasks: Vec<_> = {
            let known = self.known.0.borrow();
            running.union(&stopped).filter_map(|arn| known.get(arn).cloned()).collect()
        };
        // A task that ECS does not describe counts as holding one, by the instances' own counts of
        // tasks.
        count_network_interfaces(instances, &tasks, began - READS_LAG_MAX);
        (listed.whole, listed.stopped) = (Some(running), stopped);
        Ok(())
    }

    /// Reads the tasks of the container instances that are `needed`, as far as the time until then
    /// allows. A container instance whose tasks could not all be read is left out: its group is
    /// held by it.
    pub(crate) async fn placed(
        &self,
        needed: &BTreeSet<ContainerInstanceArn>,
        snapshot: &Snapshot,
        listed: &mut Listed,
        until: DateTime<Utc>,
    ) -> BTreeMap<ContainerInstanceArn, Vec<PlacedTask>> {
        let calls = "ecs:ListTasks and ecs:DescribeTasks";
        let of = format!("cluster {}", self.cluster);
        let read = self.list_and_describe(needed, snapshot, listed);
        let outcome = within(self.clock, until, calls, &of, Box::pin(read)).await;
        let counts: BTreeMap<_, _> =
            snapshot.container_instances.iter().map(|instance| (&instance.arn, instance.tasks())).collect();
        let known = self.known.0.borrow();
        let mut by_host: BTreeMap<_, Vec<&Task>> = BTreeMap::new();
        // Of a task that is listed and not described, nobody knows the host.
        let whole = listed.whole.as_ref().filter(|whole| whole.iter().all(|arn| known.contains_key(arn)));
        for task in whole.into_iter().flatten().filter_map(|arn| known.get(arn)) {
            by_host.entry(&task.container_instance).or_default().push(task);
        }
        let of_host = |arn: &ContainerInstanceArn| -> Option<Vec<&Task>> {
            if let Some(listed) = listed.on.get(arn) {
                return listed.iter().map(|task| known.get(task)).collect();
            }
            whole.map(|_| by_host.get(arn).cloned().unwrap_or_default())
        };
        let placed: BTreeMap<_, _> = needed
            .iter()
            .filter_map(|arn| {
                let tasks = of_host(arn)?;
                // Reads lag: tasks that the instance counts must be there.
                let complete = u64::try_from(tasks.len()).unwrap_or(u64::MAX) >= *counts.get(arn)?;
                complete.then(|| (arn.clone(), tasks.into_iter().map(placed_task).collect()))
            })
            .collect();
        if placed.len() < needed.len() {
            report::tasks_not_read(self.cluster, needed.len() - placed.len(), outcome.err().as_ref());
        }
        placed
    }

    async fn list_and_describe(
        &self,
        needed: &BTreeSet<ContainerInstanceArn>,
        snapshot: &Snapshot,
        listed: &mut Listed,
    ) -> Result<(), CallError> {
        if listed.whole.is_none() {
            if needed.len() > pages_of_all_tasks(snapshot) {
                listed.whole = Some(self.list(TasksOf::Cluster, DesiredStatus::Running, usize::MAX).await?);
            } else {
                let on = RefCell::new(&mut listed.on);
                let lists = needed.iter().map(|arn| async {
                    let of = TasksOf::ContainerInstance(arn);
                    let tasks = self.list(of, DesiredStatus::Running, usize::MAX).await?;
                    on.borrow_mut().insert(arn.clone(), tasks);
                    Ok::<(), CallError>(())
                });
                stream::iter(lists).buffer_unordered(DESCRIBES_IN_FLIGHT).try_collect::<()>().await?;
            }
        }
        let arns: BTreeSet<_> = listed.whole.iter().chain(listed.on.values()).flatten().cloned().collect();
        self.describe(&arns, |_, _| true).await
    }

    async fn list(
        &self,
        of: TasksOf<'_>,
        desired: DesiredStatus,
        most: usize,
    ) -> Result<BTreeSet<TaskArn>, CallError> {
        Ok(read::task_arns(&self.paced, self.cluster, of, desired, most).await?.into_iter().collect())
    }

    /// Describes the tasks that are not known, or only as they were before they changed for the
    /// last time.
    async fn describe(
        &self,
        arns: &BTreeSet<TaskArn>,
        is_final: impl Fn(&TaskArn, &Task) -> bool,
    ) -> Result<(), CallError> {
        let unknown: Vec<_> = {
            let known = self.known.0.borrow();
            let is_known = |arn: &TaskArn| known.get(arn).is_some_and(|task| is_final(arn, task));
            arns.iter().filter(|arn| !is_known(arn)).cloned().collect()
        };
        let batches = unknown.chunks(DESCRIBE_MAX).map(|batch| async move {
            let answer = read::describe_tasks(&self.paced, self.cluster, batch).await?;
            self.known.keep(answer.items);
            let again = async |arns: Vec<String>| {
                let arns: Vec<_> = arns.into_iter().map(TaskArn).collect();
                read::describe_tasks(&self.paced, self.cluster, &arns).await
            };
            let missing = Answer { items: Vec::new(), failures: answer.failures };
            let found = find_missing(missing, self.clock, self.cluster, "tasks", again).await?;
            self.known.keep(found.items);
            Ok(())
        });
        stream::iter(batches).buffer_unordered(DESCRIBES_IN_FLIGHT).try_collect::<()>().await
    }

    /// Marks the protected ones of the service tasks on these hosts. A host of whose tasks one
    /// could not be asked about counts as not read.
    pub(crate) async fn mark_protected(
        &self,
        hosts: &BTreeSet<ContainerInstanceArn>,
        tasks: &mut BTreeMap<ContainerInstanceArn, Vec<PlacedTask>>,
        until: DateTime<Utc>,
    ) {
        let of_services = |tasks: &[PlacedTask]| -> Vec<TaskArn> {
            tasks.iter().filter(|task| task.service.is_some()).map(|task| task.arn.clone()).collect()
        };
        let asked: Vec<_> =
            hosts.iter().filter_map(|arn| tasks.get(arn)).flat_map(|it| of_services(it)).collect();
        let protected = RefCell::new(BTreeMap::new());
        let batches = asked.chunks(DESCRIBE_MAX).map(|batch| async {
            self.protections.turn(self.clock).await;
            let answer = self.ecs.task_protection(self.cluster, batch).await?;
            let mut protected = protected.borrow_mut();
            protected.extend(answer.items.into_iter().map(|it| (it.task, it.protected)));
            // A task that ECS cannot protect is not protected.
            let invalid = answer.failures.into_iter().filter(|failure| failure.reason == "TASK_NOT_VALID");
            protected.extend(invalid.map(|failure| (TaskArn(failure.arn), false)));
            Ok(())
        });
        let read = stream::iter(batches).buffer_unordered(DESCRIBES_IN_FLIGHT).try_collect::<()>();
        let of = format!("cluster {}", self.cluster);
        let outcome = within(self.clock, until, "ecs:GetTaskProtection", &of, Box::pin(read)).await;
        let protected = protected.into_inner();
        let mut unread = 0;
        for arn in hosts {
            let Some(on_host) = tasks.get_mut(arn) else { continue };
            let of_services = on_host.iter_mut().filter(|task| task.service.is_some());
            let mut known = of_services.map(|task| {
                let protection = protected.get(&task.arn);
                task.protected = protection.copied().unwrap_or_default();
                protection.is_some()
            });
            if !known.all(|known| known) {
                tasks.remove(arn);
                unread += 1;
            }
        }
        if unread > 0 {
            report::protection_not_read(self.cluster, unread, outcome.err().as_ref());
        }
    }
}

/// The pages that list all tasks of the cluster that are desired RUNNING, about. Those on Fargate
/// are listed, too.
fn pages_of_all_tasks(snapshot: &Snapshot) -> usize {
    let on_hosts: u64 = snapshot.container_instances.iter().map(ContainerInstance::tasks).sum();
    let deployments = snapshot.services.iter().flat_map(|service| &service.deployments);
    let elsewhere = deployments.filter(|deployment| deployment.launch == Launch::Elsewhere);
    let elsewhere: u64 = elsewhere.map(Deployment::has).sum();
    usize::try_from(on_hosts + elsewhere).unwrap_or(usize::MAX).div_ceil(DESCRIBE_MAX).max(1)
}

fn placed_task(task: &Task) -> PlacedTask {
    PlacedTask {
        arn: task.arn.clone(),
        service: task.service().map(str::to_owned),
        definition: task.definition.clone(),
        protected: false,
    }
}
