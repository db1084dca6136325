//! How a task goes from status to status.

use std::sync::Arc;

use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::lagging_copy::Change;
use super::task::{LastStatus, StopCode, Task};
use super::task_definition::TaskDefinition;
use crate::world::agenda::{Ticket, Transition};
use crate::world::history::Occurrence;
use crate::world::{ACCOUNT, REGION, World};

/// The next step of a task.
enum Step {
    /// The next status; whether it takes the instance's agent to get there.
    To { status: LastStatus, by_agent: bool },
    /// Its containers ended on their own.
    Exit,
    /// Nothing.
    Stay,
}

/// A task to be, for whoever wants it.
pub(crate) struct Wanted {
    pub(crate) definition: Arc<TaskDefinition>,
    /// None for a standalone task.
    pub(crate) service: Option<String>,
    pub(crate) capacity_provider: Option<String>,
}

impl Wanted {
    pub(crate) fn standalone(definition: &TaskDefinition) -> Self {
        Self { definition: Arc::new(definition.clone()), service: None, capacity_provider: None }
    }
}

impl World {
    /// Starts a task on an instance that has room for it.
    pub(crate) fn start_placed_task(
        &mut self,
        cluster: &str,
        container_instance: &ContainerInstanceArn,
        wanted: Wanted,
    ) -> TaskArn {
        let Wanted { definition, service, capacity_provider } = wanted;
        let end = self.ids.arn_end();
        let arn = TaskArn(format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/{cluster}/{end}"));
        let task = Task {
            arn: arn.clone(),
            definition,
            service,
            capacity_provider,
            container_instance: container_instance.clone(),
            desired_status: DesiredStatus::Running,
            last_status: LastStatus::Pending,
            created_at: self.now,
            started_at: None,
            stopping_at: None,
            stopped_at: None,
            stop_code: None,
            stopped_reason: None,
            protected_until: None,
            version: 1,
            timer: None,
            waits_for_agent: false,
            holds_host_resources: false,
            host_gone: false,
        };
        self.record(Occurrence::TaskPlaced {
            task: arn.clone(),
            group: task.group(),
            container_instance: container_instance.clone(),
        });
        if let Some(found) = self.clusters.get_mut(cluster) {
            if let Some(service) = &task.service {
                found.service_tasks.entry(service.clone()).or_default().insert(arn.clone());
            }
            if let Some(instance) = found.container_instances.get_mut(container_instance) {
                instance.tasks.push(arn.clone());
                instance.reserved.add(&task.definition);
            }
            found.tasks.insert(arn.clone(), task);
        }
        self.task_changed(cluster, &arn);
        self.start_waiting_tasks(cluster, container_instance);
        self.container_instance_changed(cluster, container_instance);
        arn
    }

    /// From now on the task is desired STOPPED; its containers take their time.
    pub(crate) fn begin_stopping(&mut self, cluster: &str, arn: &TaskArn, code: StopCode) {
        let now = self.now;
        let Some(task) = self.task_mut(cluster, arn) else { return };
        if task.desired_status == DesiredStatus::Stopped {
            return;
        }
        task.desired_status = DesiredStatus::Stopped;
        task.stopping_at = Some(now);
        task.stop_code = Some(code);
        task.timer = None;
        task.waits_for_agent = false;
        let container_instance = task.container_instance.clone();
        let definition = Arc::clone(&task.definition);
        if let Some(instance) = self.container_instance_mut(cluster, &container_instance) {
            instance.reserved.release(&definition);
        }
        self.task_changed(cluster, arn);
        self.record(Occurrence::TaskStopping { task: arn.clone(), code });
        self.container_instance_changed(cluster, &container_instance);
        self.request_service_scheduler(cluster);
        self.step(cluster, arn);
    }

    pub(crate) fn task_timer(&mut self, cluster: &str, arn: &TaskArn, ticket: Ticket) {
        let Some(task) = self.task_mut(cluster, arn) else { return };
        if task.timer == Some(ticket) {
            task.timer = None;
            self.step(cluster, arn);
        }
    }

    /// Takes a task to its next status, or lets it wait for what that takes.
    pub(crate) fn step(&mut self, cluster: &str, arn: &TaskArn) {
        let Some(task) = self.clusters.get(cluster).and_then(|cluster| cluster.tasks.get(arn)) else {
            return;
        };
        let connected = self.agent_connected(cluster, &task.container_instance);
        match next_step(task) {
            Step::To { by_agent: true, .. } | Step::Exit if !connected => {
                if let Some(task) = self.task_mut(cluster, arn) {
                    task.waits_for_agent = true;
                }
            }
            Step::To { status, .. } => self.enter_status(cluster, arn, status),
            Step::Exit => self.begin_stopping(cluster, arn, StopCode::EssentialContainerExited),
            Step::Stay => {}
        }
    }

    fn enter_status(&mut self, cluster: &str, arn: &TaskArn, status: LastStatus) {
        let now = self.now;
        let Some(task) = self.task_mut(cluster, arn) else { return };
        task.last_status = status;
        task.version += 1;
        match status {
            LastStatus::Running => task.started_at = Some(now),
            LastStatus::Stopped => {
                task.stopped_at = Some(now);
                task.holds_host_resources = false;
            }
            _ => {}
        }
        let definition = Arc::clone(&task.definition);
        let container_instance = task.container_instance.clone();
        self.task_changed(cluster, arn);
        self.record(Occurrence::TaskStatus { task: arn.clone(), status });
        match status {
            LastStatus::Pending => {}
            LastStatus::Running => {
                if let Some(seconds) = definition.run_seconds {
                    self.start_timer(cluster, arn, seconds);
                }
                self.container_instance_changed(cluster, &container_instance);
                self.request_service_scheduler(cluster);
                let healthy = self.after(definition.healthy_seconds);
                self.request_service_scheduler_at(cluster, healthy);
            }
            LastStatus::Deactivating => {
                self.start_timer(cluster, arn, definition.deregistration_delay_seconds);
            }
            LastStatus::Stopping => self.start_timer(cluster, arn, definition.stopping_seconds()),
            LastStatus::Deprovisioning => self.start_timer(cluster, arn, definition.deprovisioning_seconds),
            LastStatus::Stopped => self.task_is_over(cluster, arn, &container_instance),
        }
    }

    fn task_is_over(&mut self, cluster: &str, arn: &TaskArn, container_instance: &ContainerInstanceArn) {
        self.remember_stopped(cluster, arn);
        self.start_waiting_tasks(cluster, container_instance);
        self.container_instance_changed(cluster, container_instance);
        self.request_service_scheduler(cluster);
    }

    /// A task changed in a way that reads and its service's scheduler find.
    pub(super) fn task_changed(&mut self, cluster: &str, arn: &TaskArn) {
        let Some(found) = self.clusters.get_mut(cluster) else { return };
        let service = found.tasks.get(arn).and_then(|task| task.service.as_ref());
        if let Some(service) = service.and_then(|name| found.services.get_mut(name)) {
            service.settled = false;
        }
        self.copy_later(cluster, |cluster| Some(Change::Task(Box::new(cluster.tasks.get(arn)?.clone()))));
    }

    pub(crate) fn start_timer(&mut self, cluster: &str, arn: &TaskArn, seconds: u32) {
        let transition = Transition::Task { cluster: cluster.to_owned(), task: arn.clone() };
        let ticket = self.agenda.enter(self.after(seconds), transition);
        if let Some(task) = self.task_mut(cluster, arn) {
            task.timer = Some(ticket);
        }
    }

    pub(crate) fn task_mut(&mut self, cluster: &str, arn: &TaskArn) -> Option<&mut Task> {
        self.clusters.get_mut(cluster)?.tasks.get_mut(arn)
    }
}

/// PENDING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED; DEACTIVATING and
/// DEPROVISIONING only where they take time. ECS itself takes a task out of its load balancer and
/// detaches its network interface; all else is done or reported by the agent.
fn next_step(task: &Task) -> Step {
    let to = |status| Step::To { status, by_agent: status != LastStatus::Deactivating };
    let definition = &task.definition;
    let containers_gone = || match definition.deprovisioning_seconds {
        0 => to(LastStatus::Stopped),
        _ => to(LastStatus::Deprovisioning),
    };
    let exited = task.stop_code == Some(StopCode::EssentialContainerExited);
    match (task.desired_status, task.last_status) {
        (DesiredStatus::Running, LastStatus::Pending) => to(LastStatus::Running),
        (DesiredStatus::Running, LastStatus::Running) => Step::Exit,
        // No container of a pending task has started: there is nothing to wait for.
        (DesiredStatus::Stopped, LastStatus::Pending | LastStatus::Stopping) => containers_gone(),
        (DesiredStatus::Stopped, LastStatus::Running) if exited => containers_gone(),
        (DesiredStatus::Stopped, LastStatus::Running) if definition.deregistration_delay_seconds > 0 => {
            to(LastStatus::Deactivating)
        }
        (DesiredStatus::Stopped, LastStatus::Running | LastStatus::Deactivating) => to(LastStatus::Stopping),
        (DesiredStatus::Stopped, LastStatus::Deprovisioning) => {
            Step::To { status: LastStatus::Stopped, by_agent: false }
        }
        _ => Step::Stay,
    }
}
