//! The services, task definitions and tasks that the ECS of these tests holds.

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{CpuUnits, Mib};
use fleetkeeper_core::ports::{
    Answer, CallError, DESCRIBE_MAX, Failure, Page, PageToken, SERVICES_MAX, Services, TaskDefinitions,
    Tasks, TasksOf,
};
use fleetkeeper_core::service::{Deployment, Launch, SchedulingStrategy, Service, ServiceArn};
use fleetkeeper_core::task::{
    DesiredStatus, HostRequirements, Task, TaskArn, TaskDefinition, TaskDefinitionArn,
};
use fleetkeeper_core::task_needs::TaskNeeds;

use crate::ports::Ecs;

/// An ACTIVE REPLICA service on EC2 that has the tasks it wants.
pub(crate) fn service(name: &str, definitions: &[&str], desired: u32) -> Service {
    Service {
        name: name.to_owned(),
        active: true,
        deployments: definitions.iter().map(|arn| deployment(arn)).collect(),
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

pub(crate) fn needs(cpu: u64, memory: u64) -> TaskNeeds {
    TaskNeeds { cpu: CpuUnits(cpu), memory: Mib(memory), ..TaskNeeds::default() }
}

impl Ecs {
    /// With a service, and what tasks of its definitions need.
    pub(crate) fn with(mut self, service: Service, needs: &TaskNeeds) -> Self {
        self.needs.extend(service.definitions().into_iter().map(|arn| (arn.clone(), needs.clone())));
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
        let asked = |service: &&Service| names.contains(&service.name);
        Ok(Answer { items: self.services.iter().filter(asked).cloned().collect(), failures: Vec::new() })
    }
}

impl TaskDefinitions for Ecs {
    async fn describe_task_definition(&self, arn: &TaskDefinitionArn) -> Result<TaskDefinition, CallError> {
        self.definitions_mood.settle("ecs:DescribeTaskDefinition", &arn.0).await?;
        self.defined.borrow_mut().push(arn.clone());
        let needs = self.needs[arn].clone();
        Ok(TaskDefinition { arn: arn.clone(), needs, host: HostRequirements::default() })
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
        assert_eq!((of, page), (TasksOf::Cluster, None));
        self.task_calls.set(self.task_calls.get() + 1);
        self.tasks_mood.settle("ecs:ListTasks", cluster.name()).await?;
        let of_status = self.tasks.iter().filter(|task| task.desired_status == desired);
        Ok(Page { items: of_status.map(|task| task.arn.clone()).collect(), next: None })
    }

    async fn describe_tasks(&self, _: &Cluster, arns: &[TaskArn]) -> Result<Answer<Task>, CallError> {
        assert!((1..=DESCRIBE_MAX).contains(&arns.len()), "AWS refuses {} ARNs", arns.len());
        self.task_calls.set(self.task_calls.get() + 1);
        let asked = self.tasks.iter().filter(|task| arns.contains(&task.arn));
        Ok(Answer { items: asked.cloned().collect(), failures: Vec::new() })
    }
}
