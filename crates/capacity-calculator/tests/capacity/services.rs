//! The services, task definitions and tasks that the ECS of these tests holds.

use std::collections::BTreeSet;

use fleetkeeper_core::capacity_provider::CapacityProvider;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{CpuUnits, Mib};
use fleetkeeper_core::ports::{
    Answer, CallError, CallErrorKind, CapacityProviders, DESCRIBE_MAX, Failure, Page, PageToken,
    SERVICES_MAX, Services, TaskDefinitions, TaskProtections, Tasks, TasksOf,
};
use fleetkeeper_core::service::{Deployment, Launch, SchedulingStrategy, Service, ServiceArn};
use fleetkeeper_core::task::{
    DesiredStatus, HostRequirements, Task, TaskArn, TaskDefinition, TaskDefinitionArn, TaskProtection,
};
use fleetkeeper_core::task_needs::TaskNeeds;

use tokio::time::sleep;

use crate::ports::{Ecs, Mood, host};

/// An ACTIVE REPLICA service on EC2 that has the tasks it wants.
pub(crate) fn service(name: &str, definitions: &[&str], desired: u32) -> Service {
    Service {
        name: name.to_owned(),
        active: true,
        deployments: (0..)
            .zip(definitions)
            .map(|(number, arn)| Deployment {
                desired: if number == 0 { desired } else { 0 },
                running: if number == 0 { desired } else { 0 },
                ..deployment(arn)
            })
            .collect(),
        constraints: Vec::new(),
        spreads_over: Vec::new(),
        strategy: SchedulingStrategy::Replica,
        desired,
        running: desired,
        pending: 0,
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        events: Vec::new(),
    }
}

/// A deployment without a task.
pub(crate) fn deployment(definition: &str) -> Deployment {
    let definition = TaskDefinitionArn(definition.to_owned());
    Deployment { task_set: false, definition, launch: Launch::Ec2, desired: 0, running: 0, pending: 0 }
}

/// The same service with only this many of its tasks running.
pub(crate) fn running(mut service: Service, running: u32) -> Service {
    service.running = running;
    service.deployments[0].running = running;
    service
}

/// A task of service `web` on a host, desired RUNNING.
pub(crate) fn task(number: usize, on: usize) -> Task {
    Task {
        arn: TaskArn(format!("arn:task/{number:05}")),
        last_status: "RUNNING".to_owned(),
        desired_status: DesiredStatus::Running,
        group: "service:web".to_owned(),
        container_instance: host(on).arn,
        definition: TaskDefinitionArn("web:1".to_owned()),
        cpu: needs(0, 0).cpu,
        memory: needs(0, 0).memory,
        tcp_ports: [].into(),
        udp_ports: [].into(),
        network_interface: false,
        stopping_at: None,
        stopped_at: None,
        stop_code: None,
        stopped_reason: None,
    }
}

pub(crate) fn needs(cpu: u64, memory: u64) -> TaskNeeds {
    TaskNeeds { cpu: CpuUnits(cpu), memory: Mib(memory), ..TaskNeeds::default() }
}

impl Ecs {
    /// With a service, and what tasks of its definitions need.
    pub(crate) fn with(mut self, service: Service, needs: &TaskNeeds) -> Self {
        let definition = |arn: &TaskDefinitionArn| {
            let host = HostRequirements::default();
            (arn.clone(), TaskDefinition { arn: arn.clone(), needs: needs.clone(), host })
        };
        self.definitions.extend(service.definitions().into_iter().map(definition));
        self.services.push(service);
        self
    }
}

impl Services for Ecs {
    async fn list_services(
        &self,
        cluster: &Cluster,
        page: Option<&PageToken>,
    ) -> Result<Page<ServiceArn>, CallError> {
        self.service_calls.set(self.service_calls.get() + 1);
        self.services_mood.settle("ecs:ListServices", cluster.name()).await?;
        // Short pages.
        let from: usize = page.map_or(0, |token| token.0.parse().unwrap());
        let names = self.services.iter().map(|service| ServiceArn(service.name.clone()));
        let next = (from + 7 < self.services.len()).then(|| PageToken((from + 7).to_string()));
        Ok(Page { items: names.skip(from).take(7).collect(), next })
    }

    async fn describe_services(&self, _: &Cluster, names: &[String]) -> Result<Answer<Service>, CallError> {
        assert!((1..=SERVICES_MAX).contains(&names.len()), "AWS refuses {} services", names.len());
        self.service_calls.set(self.service_calls.get() + 1);
        if let Some(left) = self.services_missing_first.get().checked_sub(1) {
            self.services_missing_first.set(left);
            let missing = |name: &String| Failure {
                arn: name.clone(),
                reason: "MISSING".to_owned(),
                detail: String::new(),
            };
            return Ok(Answer { items: Vec::new(), failures: names.iter().map(missing).collect() });
        }
        let failure = |name: &String| {
            let reason = (*self.services_failing.get(name)?).to_owned();
            Some(Failure { arn: format!("arn:service/{name}"), reason, detail: String::new() })
        };
        let asked = |service: &&Service| {
            names.contains(&service.name) && !self.services_failing.contains_key(&service.name)
        };
        let placed = if self.service_calls.get() > 2 { self.placed_meanwhile } else { 0 };
        let items = self.services.iter().filter(asked);
        let items = items.map(|it| running(it.clone(), it.running + placed)).collect();
        Ok(Answer { items, failures: names.iter().filter_map(failure).collect() })
    }
}

impl TaskDefinitions for Ecs {
    async fn describe_task_definition(&self, arn: &TaskDefinitionArn) -> Result<TaskDefinition, CallError> {
        self.definitions_mood.settle("ecs:DescribeTaskDefinition", &arn.0).await?;
        self.defined.borrow_mut().push(arn.clone());
        let Some(definition) = self.definitions.get(arn) else {
            Mood::Fails(CallErrorKind::Refused).settle("ecs:DescribeTaskDefinition", &arn.0).await?;
            unreachable!("it was refused");
        };
        Ok(definition.clone())
    }
}

impl Tasks for Ecs {
    async fn list_tasks(
        &self,
        cluster: &Cluster,
        of: TasksOf<'_>,
        desired: DesiredStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<TaskArn>, CallError> {
        self.task_calls.set(self.task_calls.get() + 1);
        self.tasks_mood.settle("ecs:ListTasks", cluster.name()).await?;
        let (tasks, unlisted) = (self.tasks.borrow(), self.unlisted.borrow());
        let listed = tasks.iter().filter(|task| {
            let there = match of {
                TasksOf::Cluster => true,
                TasksOf::ContainerInstance(arn) => task.container_instance == *arn,
            };
            there && task.desired_status == desired && !unlisted.contains(&task.arn)
        });
        let listed: Vec<_> = listed.map(|task| task.arn.clone()).collect();
        let from: usize = page.map_or(0, |token| token.0.parse().unwrap());
        let next = (from + 100 < listed.len()).then(|| PageToken((from + 100).to_string()));
        Ok(Page { items: listed.into_iter().skip(from).take(100).collect(), next })
    }

    async fn describe_tasks(&self, _: &Cluster, arns: &[TaskArn]) -> Result<Answer<Task>, CallError> {
        assert!((1..=DESCRIBE_MAX).contains(&arns.len()), "AWS refuses {} ARNs", arns.len());
        self.task_calls.set(self.task_calls.get() + 1);
        self.tasks_described.borrow_mut().extend(arns.iter().cloned());
        sleep(self.describe_tasks_takes).await;
        let (tasks, undescribed) = (self.tasks.borrow(), self.undescribed.borrow());
        let asked: BTreeSet<_> = arns.iter().collect();
        let asked = tasks.iter().filter(|it| asked.contains(&it.arn) && !undescribed.contains(&it.arn));
        let missing = |arn: &TaskArn| Failure {
            arn: arn.0.clone(),
            reason: "MISSING".to_owned(),
            detail: String::new(),
        };
        let failures = arns.iter().filter(|arn| undescribed.contains(*arn)).map(missing).collect();
        Ok(Answer { items: asked.cloned().collect(), failures })
    }
}

impl TaskProtections for Ecs {
    async fn task_protection(
        &self,
        cluster: &Cluster,
        tasks: &[TaskArn],
    ) -> Result<Answer<TaskProtection>, CallError> {
        assert!((1..=DESCRIBE_MAX).contains(&tasks.len()), "AWS refuses {} ARNs", tasks.len());
        self.protection_asked.borrow_mut().push(tasks.len());
        self.protection_mood.settle("ecs:GetTaskProtection", cluster.name()).await?;
        let mut answer = Answer { items: Vec::new(), failures: Vec::new() };
        for task in tasks {
            match self.protection_failing.get(task) {
                Some(reason) => answer.failures.push(Failure {
                    arn: task.0.clone(),
                    reason: (*reason).to_owned(),
                    detail: String::new(),
                }),
                None => answer.items.push(TaskProtection {
                    task: task.clone(),
                    protected: self.protected.contains(task),
                    until: None,
                }),
            }
        }
        Ok(answer)
    }
}

impl CapacityProviders for Ecs {
    async fn describe_capacity_providers(
        &self,
        names: &[String],
        page: Option<&PageToken>,
    ) -> Result<Page<CapacityProvider>, CallError> {
        assert!(!names.is_empty(), "AWS describes every provider of the account");
        self.providers_asked.borrow_mut().push(names.to_vec());
        self.providers_mood.settle("ecs:DescribeCapacityProviders", &names.join(", ")).await?;
        // One a page.
        let found: Vec<_> = self.capacity_providers.iter().filter(|it| names.contains(&it.name)).collect();
        let number: usize = page.map_or(0, |token| token.0.parse().unwrap());
        let next = (number + 1 < found.len()).then(|| PageToken((number + 1).to_string()));
        Ok(Page { items: found.get(number).map(|it| (*it).clone()).into_iter().collect(), next })
    }
}
