//! `DescribeContainerInstances` and `DescribeTasks`.

use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::ports::{Answer, DESCRIBE_MAX, Failure};
use fleetkeeper_core::task::TaskArn;

use super::Cluster;
use super::container_instance::DescribedContainerInstance;
use super::task::Task;
use crate::world::{ACCOUNT, ApiError, REGION, World};

impl World {
    /// `DescribeContainerInstances`, by ids or ARNs. It shows a deregistered instance as INACTIVE
    /// for a while.
    pub fn describe_container_instances(
        &self,
        cluster: Option<&str>,
        named: &[String],
    ) -> Result<Answer<DescribedContainerInstance>, ApiError> {
        let cluster = self.view(&self.cluster_name(cluster)?)?;
        at_most(DESCRIBE_MAX, named, "Container instances")?;
        Ok(each(named, |named| {
            let arn = ContainerInstanceArn(cluster.full_arn("container-instance", named));
            cluster.container_instance(&arn).ok_or_else(|| missing(arn.0))
        }))
    }

    /// `DescribeTasks`, by ids or ARNs. It shows a stopped task for an hour.
    pub fn describe_tasks(&self, cluster: Option<&str>, named: &[String]) -> Result<Answer<Task>, ApiError> {
        let cluster = self.view(&self.cluster_name(cluster)?)?;
        at_most(DESCRIBE_MAX, named, "Tasks")?;
        Ok(each(named, |named| {
            let arn = TaskArn(cluster.full_arn("task", named));
            cluster.task(&arn).cloned().ok_or_else(|| missing(arn.0))
        }))
    }
}

impl Cluster {
    /// The ARN of what a caller names by ARN or by its last part.
    pub(crate) fn full_arn(&self, kind: &str, named: &str) -> String {
        if named.starts_with("arn:") {
            named.to_owned()
        } else {
            format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{}/{named}", self.name)
        }
    }
}

pub(crate) fn at_most(limit: usize, named: &[String], what: &str) -> Result<(), ApiError> {
    match named.len() {
        0 => Err(ApiError::invalid_parameter(format!("{what} cannot be empty."))),
        count if count > limit => {
            Err(ApiError::invalid_parameter(format!("{what} can have at most {limit} items.")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn each<T>(named: &[String], find: impl Fn(&str) -> Result<T, Failure>) -> Answer<T> {
    let mut answer = Answer { items: Vec::new(), failures: Vec::new() };
    for named in named {
        match find(named) {
            Ok(item) => answer.items.push(item),
            Err(failure) => answer.failures.push(failure),
        }
    }
    answer
}

/// ECS's failure for a resource that is not in the cluster.
pub(crate) fn missing(arn: String) -> Failure {
    Failure { arn, reason: "MISSING".to_owned(), detail: String::new() }
}
