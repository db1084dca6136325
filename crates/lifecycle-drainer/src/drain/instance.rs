//! The instance that is drained: looked at, and set DRAINING.

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::drain::{Look, Sight};
use fleetkeeper_core::ports::{
    Answer, CallError, CallErrorKind, Clock, ContainerInstanceDraining, ContainerInstanceQuery,
    ContainerInstances, Tasks, UPDATE_STATE_MAX,
};
use fleetkeeper_core::read;
use fleetkeeper_core::task::{Task, TaskArn};
use fleetkeeper_core::time_left::within;

/// An EC2 instance in a cluster, and the calls on it. Each is bounded by `until`.
pub(super) struct Instance<'a, Ecs, C> {
    pub(super) ecs: &'a Ecs,
    pub(super) clock: &'a C,
    pub(super) until: DateTime<Utc>,
    pub(super) cluster: Cluster,
    pub(super) ec2_instance_id: Ec2InstanceId,
}

impl<Ecs, C> Instance<'_, Ecs, C>
where
    Ecs: ContainerInstances + ContainerInstanceDraining + Tasks,
    C: Clock,
{
    /// Takes the next look that `sight` asks for: one read, but for the first one and the last, and once a minute while
    /// tasks stop.
    pub(super) async fn look(&self, sight: &mut Sight) -> Result<(), CallError> {
        match sight.next_look(self.clock.now()) {
            Look::Find => return self.find(sight).await,
            Look::Tasks(arns) => return self.look_at_tasks(sight, &arns).await,
            Look::Instances(arns) => {
                let call = read::describe_container_instances(self.ecs, &self.cluster, &arns);
                let answer = self.in_time("ecs:DescribeContainerInstances", call).await?;
                sight.see_instances(self.ours(answer)?, self.clock.now());
            }
        }
        // An instance that is as it was leaves its tasks to be looked at.
        if let Look::Tasks(arns) = sight.next_look(self.clock.now()) {
            self.look_at_tasks(sight, &arns).await?;
        }
        Ok(())
    }

    async fn look_at_tasks(&self, sight: &mut Sight, arns: &[TaskArn]) -> Result<(), CallError> {
        let call = read::describe_tasks(self.ecs, &self.cluster, arns);
        let answer = self.in_time("ecs:DescribeTasks", call).await?;
        sight.see_unfinished_tasks(self.whole("ecs:DescribeTasks", answer)?);
        Ok(())
    }

    /// Asks the cluster for the instance.
    pub(super) async fn find(&self, sight: &mut Sight) -> Result<(), CallError> {
        let query = ContainerInstanceQuery::OfEc2Instances(vec![self.ec2_instance_id.clone()]);
        let call = read::container_instances(self.ecs, &self.cluster, &query);
        let answer = self.in_time("ecs:ListContainerInstances", call).await?;
        let missing = answer.failures.len();
        sight.find_instances(self.ours(answer)?, missing, self.clock.now());
        Ok(())
    }

    /// Reads all tasks of the instance.
    pub(super) async fn read_tasks(&self, sight: &mut Sight) -> Result<(), CallError> {
        let (mut tasks, mut missing): (Vec<Task>, usize) = (Vec::new(), 0);
        for instance in sight.instances() {
            let call = read::tasks(self.ecs, &self.cluster, &instance.arn);
            let answer = self.in_time("ecs:ListTasks", call).await?;
            missing += answer.failures.len();
            tasks.extend(self.whole("ecs:DescribeTasks", answer)?);
        }
        sight.see_tasks(tasks, missing);
        Ok(())
    }

    pub(super) async fn set_draining(&self, arns: &[ContainerInstanceArn]) -> Result<(), CallError> {
        const OPERATION: &str = "ecs:UpdateContainerInstancesState";
        for batch in arns.chunks(UPDATE_STATE_MAX) {
            let call = self.ecs.set_draining(&self.cluster, batch);
            let answer = self.in_time(OPERATION, call).await?;
            self.whole(OPERATION, answer)?;
        }
        let arns: Vec<_> = arns.iter().map(|arn| arn.0.as_str()).collect();
        tracing::info!(containerInstances = arns.join(","), "set DRAINING");
        Ok(())
    }

    /// The container instances of the EC2 instance that is to go, and no others: whatever a filter let through (an
    /// emulator may ignore it), nothing else is ever touched.
    fn ours(&self, answer: Answer<ContainerInstance>) -> Result<Vec<ContainerInstance>, CallError> {
        let mut instances = self.whole("ecs:DescribeContainerInstances", answer)?;
        let all = instances.len();
        instances.retain(|instance| instance.ec2_instance_id == self.ec2_instance_id.as_str());
        if instances.len() < all {
            tracing::warn!(
                others = all - instances.len(),
                "ECS listed other instances, too: they are left alone"
            );
        }
        Ok(instances)
    }

    /// The items of an answer whose failures tell only of what is no longer there. Any other failure is the call's.
    fn whole<T>(&self, operation: &'static str, answer: Answer<T>) -> Result<Vec<T>, CallError> {
        for failure in &answer.failures {
            tracing::warn!(operation, %failure, "ECS did not reach a resource");
        }
        match answer.failures.iter().find(|failure| !failure.is_missing()) {
            None => Ok(answer.items),
            Some(failure) => Err(CallError {
                operation,
                resource: format!("cluster {}", self.cluster),
                kind: CallErrorKind::Unavailable,
                source: Some(failure.to_string().into()),
            }),
        }
    }

    async fn in_time<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        within(self.clock, self.until, operation, &format!("cluster {}", self.cluster), call).await
    }
}
