//! The tasks of the drains' instances, read as few at a time as a step leaves time for.

use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::drain::Look;
use fleetkeeper_core::ports::{CallError, Clock, DESCRIBE_MAX, Tasks, TasksOf};
use fleetkeeper_core::read;
use fleetkeeper_core::task::{DesiredStatus, Task, TaskArn};
use fleetkeeper_core::time_left::between;

use super::drain::Drain;
use super::instances::Instances;
use crate::ports::EcsCalls;

/// The tasks of more instances than this are read as the whole cluster's stopping tasks, a hundred a read, and not
/// instance by instance.
const EACH_MOST: usize = 10;

impl<Ecs, C> Instances<'_, Ecs, C>
where
    Ecs: EcsCalls,
    C: Clock,
{
    pub(super) async fn look_at_tasks(&mut self, drains: Vec<&mut Drain>) -> Result<(), CallError> {
        const OPERATION: &str = "ecs:DescribeTasks";
        let now = self.clock.now();
        let looks = drains.into_iter().filter_map(|drain| match drain.sight.next_look(now) {
            Look::Tasks(arns) => Some((drain, arns)),
            Look::Find | Look::Instances(_) => None,
        });
        let mut looks: Vec<_> = looks.collect();
        looks.sort_by_key(|(drain, _)| drain.tasks_looked_at);
        let (enough, mut all_told) = (self.half_time(), Ok(()));
        let mut looks = looks.into_iter().peekable();
        while looks.peek().is_some() {
            // As many as one read tells of.
            let (mut some, mut all): (Vec<_>, Vec<TaskArn>) = (Vec::new(), Vec::new());
            while let Some((drain, arns)) =
                looks.next_if(|(_, arns)| all.is_empty() || all.len() + arns.len() <= DESCRIBE_MAX)
            {
                all.extend(arns.iter().cloned());
                some.push((drain, arns));
            }
            let call = read::describe_tasks(&self.reads, &self.cluster, &all);
            let answer = self.in_time(OPERATION, call).await?;
            let untold = self.untold(OPERATION, &answer);
            let mut seen: BTreeMap<TaskArn, Task> =
                answer.items.into_iter().map(|task| (task.arn.clone(), task)).collect();
            for (drain, arns) in some {
                drain.tasks_looked_at = Some(self.clock.now());
                if !arns.iter().any(|arn| untold.contains(&arn.0)) {
                    let tasks = arns.iter().filter_map(|arn| seen.remove(arn));
                    drain.sight.see_unfinished_tasks(tasks.collect());
                    drain.looked_at = Some(self.clock.now());
                }
            }
            all_told = all_told.and(self.all_told(OPERATION, &answer.failures));
            if self.clock.now() >= enough && looks.peek().is_some() {
                self.behind = true;
                break;
            }
        }
        all_told
    }

    /// Reads all tasks of the instances, of as many as there is time for. Those of which it did not are told.
    pub(super) async fn read_tasks(
        &mut self,
        drains: Vec<&mut Drain>,
    ) -> (BTreeSet<Ec2InstanceId>, Result<(), CallError>) {
        if drains.len() > EACH_MOST && !self.many_stopped {
            match self.tasks_that_stop().await {
                Ok(Some(tasks)) => {
                    see_all_tasks(drains, tasks);
                    return (BTreeSet::new(), Ok(()));
                }
                Ok(None) => {}
                Err(error) => {
                    return (drains.into_iter().map(|it| it.ec2_instance_id.clone()).collect(), Err(error));
                }
            }
        }
        self.read_tasks_of_each(drains).await
    }

    /// All tasks of the cluster that stop or have stopped lately: where instances count no task that is to run, those are
    /// left, wherever they are. None where there are too many to be read in time, or it is not known whose some are.
    async fn tasks_that_stop(&mut self) -> Result<Option<Vec<Task>>, CallError> {
        let now = self.clock.now();
        let enough = now + between(now, self.until) / 3;
        let (mut arns, mut page) = (Vec::new(), None);
        loop {
            let of = TasksOf::Cluster;
            let call = self.reads.list_tasks(&self.cluster, of, DesiredStatus::Stopped, page.as_ref());
            let listed = self.in_time("ecs:ListTasks", call).await?;
            arns.extend(listed.items);
            page = listed.next;
            if page.is_none() {
                break;
            }
            // ECS lists what has stopped for an hour and more. To describe it takes as long once more.
            if self.clock.now() >= enough {
                tracing::info!(
                    listed = arns.len(),
                    "too many tasks have stopped in the cluster lately: each instance's are read by themselves"
                );
                self.many_stopped = true;
                return Ok(None);
            }
        }
        let call = read::describe_tasks(&self.reads, &self.cluster, &arns);
        let answer = self.in_time("ecs:DescribeTasks", call).await?;
        self.untold("ecs:DescribeTasks", &answer);
        Ok(answer.failures.is_empty().then_some(answer.items))
    }

    async fn read_tasks_of_each(
        &mut self,
        drains: Vec<&mut Drain>,
    ) -> (BTreeSet<Ec2InstanceId>, Result<(), CallError>) {
        let enough = self.half_time();
        let (mut unread, mut all_read) = (BTreeSet::new(), Ok(()));
        for (number, drain) in drains.into_iter().enumerate() {
            if number > 0 && self.clock.now() >= enough {
                self.behind = true;
                unread.insert(drain.ec2_instance_id.clone());
                continue;
            }
            match self.tasks_of(drain).await {
                Ok((tasks, missing)) => drain.see_tasks(tasks, missing),
                Err(error) => {
                    unread.insert(drain.ec2_instance_id.clone());
                    all_read = all_read.and(Err(error));
                }
            }
        }
        (unread, all_read)
    }

    /// All tasks of an instance, and how many more ECS listed and did not find.
    pub(super) async fn tasks_of(&self, drain: &Drain) -> Result<(Vec<Task>, usize), CallError> {
        let (mut tasks, mut missing): (Vec<Task>, usize) = (Vec::new(), 0);
        for instance in drain.sight.instances() {
            let call = read::tasks(&self.reads, &self.cluster, &instance.arn);
            let answer = self.in_time("ecs:ListTasks", call).await?;
            self.untold("ecs:DescribeTasks", &answer);
            self.all_told("ecs:DescribeTasks", &answer.failures)?;
            missing += answer.failures.len();
            tasks.extend(answer.items);
        }
        Ok((tasks, missing))
    }
}

/// Gives each drain its own of the cluster's tasks.
fn see_all_tasks(drains: Vec<&mut Drain>, tasks: Vec<Task>) {
    let mut seen: BTreeMap<ContainerInstanceArn, Vec<Task>> = BTreeMap::new();
    for task in tasks {
        seen.entry(task.container_instance.clone()).or_default().push(task);
    }
    for drain in drains {
        let arns: Vec<_> = drain.sight.instances().iter().map(|instance| instance.arn.clone()).collect();
        let tasks = arns.iter().filter_map(|arn| seen.remove(arn)).flatten();
        drain.see_tasks(tasks.collect(), 0);
    }
}
