//! A second opinion on the ECS adapter: moto. It ignores the filter on `ec2InstanceId` and lists
//! every instance. So it also shows that the drainer touches only the instance of its notice.

use std::collections::BTreeSet;
use std::process::Command;

use chrono::Utc;
use fleetkeeper_aws::auto_scaling::AutoScaling;
use fleetkeeper_aws::clock::SystemClock;
use fleetkeeper_aws::ecs::Ecs;
use fleetkeeper_aws::embedded_metrics::StandardOutput;
use fleetkeeper_aws::sns::Sns;
use fleetkeeper_core::capacity::{WorstCaseContainer, figures};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{
    ContainerInstance, ContainerInstanceStatus, CpuUnits, Ec2InstanceId, Mib,
};
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::lifecycle::{
    AutoScalingGroup, GroupInstance, LifecycleAction, LifecycleActionResult, LifecycleActionState,
    LifecycleHook, ScalingActivity,
};
use fleetkeeper_core::ports::{
    AutoScalingGroups, CallError, ContainerInstanceDraining, ContainerInstanceQuery, ContainerInstances,
    LifecycleActions, Page, PageToken, Services, TaskDefinitions, TaskStopping, Tasks, TasksOf,
};
use fleetkeeper_core::read;
use fleetkeeper_core::service::SchedulingStrategy;
use fleetkeeper_core::setting::Settings;
use fleetkeeper_core::task::{DesiredStatus, Task, TaskDefinitionArn};
use fleetkeeper_core::task_needs::TaskNeeds;
use fleetkeeper_tests::http;
use fleetkeeper_tests::process::{Server, free_port};
use fleetkeeper_tests::repository::{sample_event, tool};
use fleetkeeper_tests::requests::{Relay, Requests};
use lifecycle_drainer::{Adapters, Config, Drainer};
use serde_json::{Value, json};

use crate::ports::sdk_at;

/// Moto behind a relay, whose requests are the adapters'.
struct Moto {
    url: String,
    requests: Requests,
    relay: Relay,
    _server: Server,
}

impl Moto {
    fn start() -> Self {
        let port = free_port().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(tool("moto_server").unwrap());
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let ready = || http::answers(&format!("{url}/moto-api/data.json"));
        let server = Server::start("moto", command, ready).unwrap();
        let requests = Requests::default();
        let relay = requests.relay(&url).unwrap();
        Self { url, requests, relay, _server: server }
    }

    fn ecs(&self, operation: &str, input: &Value) -> Value {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target.as_str()),
            ("authorization", &http::unsigned("ecs")),
        ];
        http::post(&self.url, &headers, &input.to_string()).unwrap().json(operation).unwrap()
    }

    fn auto_scaling(&self, form: &str) {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", &*http::unsigned("autoscaling")),
        ];
        http::post(&self.url, &headers, &format!("{form}&Version=2011-01-01")).unwrap().ok(form).unwrap();
    }

    /// Creates cluster `demo` with this many hosts, and returns their EC2 instance ids.
    fn cluster_of(&self, hosts: usize) -> Vec<String> {
        self.ecs("CreateCluster", &json!({"clusterName": "demo"}));
        let form = format!(
            "Action=RunInstances&Version=2016-11-15&ImageId=ami-12c6146b&MinCount={hosts}&MaxCount={hosts}"
        );
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", &*http::unsigned("ec2")),
        ];
        let answer = http::post(&self.url, &headers, &form).unwrap().ok("ec2:RunInstances").unwrap();
        let ids: Vec<String> = answer
            .split("<instanceId>")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once('<')?.0.to_owned()))
            .collect();
        assert_eq!(ids.len(), hosts);
        for id in &ids {
            let document =
                json!({"instanceId": id, "region": "us-east-1", "accountId": "123456789012"}).to_string();
            let registration = json!({"cluster": "demo", "instanceIdentityDocument": document});
            self.ecs("RegisterContainerInstance", &registration);
        }
        ids
    }

    fn group_of(&self, name: &str, hosts: usize) {
        self.auto_scaling(
            "Action=CreateLaunchConfiguration&LaunchConfigurationName=host&ImageId=ami-12c6146b\
             &InstanceType=t2.micro",
        );
        self.auto_scaling(&format!(
            "Action=CreateAutoScalingGroup&AutoScalingGroupName={name}&LaunchConfigurationName=host\
             &MinSize={hosts}&MaxSize={hosts}&AvailabilityZones.member.1=us-east-1a"
        ));
    }
}

async fn tasks_on(ecs: &Ecs, cluster: &Cluster, host: &ContainerInstance) -> Vec<Task> {
    let desired = [DesiredStatus::Running, DesiredStatus::Stopped];
    read::tasks_desired(ecs, cluster, TasksOf::ContainerInstance(&host.arn), &desired).await.unwrap().items
}

#[tokio::test]
async fn what_moto_says_is_read_alike_and_a_task_takes_its_room() {
    let moto = Moto::start();
    moto.cluster_of(120);
    let ecs = Ecs::new(&sdk_at(&moto.relay.url()).await);
    let cluster: Cluster = "demo".parse().unwrap();
    let all = read::container_instances(&ecs, &cluster, &ContainerInstanceQuery::All).await.unwrap();
    assert_eq!((all.items.len(), all.failures.len()), (120, 0));
    assert!(all.items.iter().all(ContainerInstance::takes_tasks));

    // moto knows statuses, and none of the filter's instances.
    let last = all.items[119].ec2_instance_id.parse().unwrap();
    let active = ContainerInstanceQuery::ActiveOfEc2Instances(vec![last]);
    let set = ecs.set_draining(&cluster, std::slice::from_ref(&all.items[119].arn)).await.unwrap();
    assert_eq!(set.items[0].status, ContainerInstanceStatus::Draining);
    let active = ecs.list_container_instances(&cluster, &active, None).await.unwrap();
    assert!(!active.items.contains(&all.items[119].arn));

    let host = &all.items[0];
    let (cpu, memory) = (host.registered.cpu.0, host.registered.memory.0);
    let definition = json!({
        "family": "web",
        "containerDefinitions": [{
            "name": "web", "image": "web", "cpu": cpu / 2, "memory": memory / 2,
            "portMappings": [{"containerPort": 80, "hostPort": 80}],
        }],
    });
    moto.ecs("RegisterTaskDefinition", &definition);
    let started = json!({"cluster": "demo", "taskDefinition": "web", "containerInstances": [host.arn.0]});
    moto.ecs("StartTask", &started);
    let busy =
        read::describe_container_instances(&ecs, &cluster, std::slice::from_ref(&host.arn)).await.unwrap();
    let busy = &busy.items[0];
    assert_eq!((busy.running_tasks, busy.remaining.cpu.0), (1, cpu - cpu / 2));
    assert_eq!(
        ecs.list_tasks(&cluster, TasksOf::ContainerInstance(&host.arn), DesiredStatus::Running, None)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    // moto moves a task on with every read of it. Only the reading of its status counts here.
    let tasks = tasks_on(&ecs, &cluster, host).await;
    assert!(tasks.len() == 1 && !tasks[0].last_status.is_empty(), "{tasks:?}");

    // Two of the worst-case containers on every host except this one, where one is left.
    let worst = WorstCaseContainer::new(TaskNeeds {
        cpu: CpuUnits(cpu / 2),
        memory: Mib(memory / 2),
        ..TaskNeeds::default()
    })
    .unwrap();
    let after = read::container_instances(&ecs, &cluster, &ContainerInstanceQuery::All).await.unwrap();
    let report = figures(&after.items, &worst).unwrap();
    assert_eq!((report.placeable_containers, report.hosts), (237, 119));
    moto.requests.check(&["ecs:ListContainerInstances", "ecs:DescribeContainerInstances"]).unwrap();
}

#[tokio::test]
async fn a_stopped_task_gives_its_room_back_and_a_groups_instances_are_read() {
    let moto = Moto::start();
    moto.cluster_of(1);
    let config = sdk_at(&moto.relay.url()).await;
    let ecs = Ecs::new(&config);
    let cluster: Cluster = "demo".parse().unwrap();
    let containers = json!([
        {"name": "web", "image": "web", "cpu": 256, "memory": 128},
        {"name": "log", "image": "log", "cpu": 128, "memory": 64},
    ]);
    let definition = json!({"family": "web", "containerDefinitions": containers});
    let registered = moto.ecs("RegisterTaskDefinition", &definition);
    let arn = registered["taskDefinition"]["taskDefinitionArn"].as_str().unwrap();
    let described = ecs.describe_task_definition(&TaskDefinitionArn(arn.to_owned())).await.unwrap();
    assert_eq!((described.arn.0.as_str(), described.needs.cpu), (arn, CpuUnits(384)));

    let all = || read::container_instances(&ecs, &cluster, &ContainerInstanceQuery::All);
    let host = all().await.unwrap().items.remove(0);
    moto.ecs(
        "StartTask",
        &json!({"cluster": "demo", "taskDefinition": "web", "containerInstances": [host.arn.0]}),
    );
    assert_eq!(all().await.unwrap().items[0].remaining.cpu.0, host.remaining.cpu.0 - 384);
    let task = tasks_on(&ecs, &cluster, &host).await.remove(0).arn;
    ecs.stop_task(&cluster, &task, "out of time").await.unwrap();
    assert_eq!(all().await.unwrap().items[0].remaining.cpu, host.remaining.cpu);

    moto.ecs(
        "CreateService",
        &json!({"cluster": "demo", "serviceName": "agent", "taskDefinition": "web", "schedulingStrategy": "DAEMON"}),
    );
    let agent = ecs.describe_services(&cluster, &["agent".to_owned()]).await.unwrap().items.remove(0);
    assert_eq!(agent.strategy, SchedulingStrategy::Daemon);
    assert_eq!((agent.minimum_healthy_percent, agent.maximum_percent), (0, 100), "as moto gives none");

    let group = AutoScaling::new(&config);
    moto.group_of("hosts", 2);
    let hosts = group.describe_group("hosts").await.unwrap().unwrap();
    assert_eq!((hosts.instances.len(), hosts.has_load_balancer), (2, false));
    assert!(hosts.instances.iter().all(|instance| instance.lifecycle_state == "InService"), "{hosts:?}");
    let form = "Action=CreateLoadBalancer&Version=2012-06-01&LoadBalancerName=web\
                &AvailabilityZones.member.1=us-east-1a&Listeners.member.1.Protocol=http\
                &Listeners.member.1.LoadBalancerPort=80&Listeners.member.1.InstancePort=80";
    let authorization = http::unsigned("elasticloadbalancing");
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("authorization", authorization.as_str())];
    http::post(&moto.url, &headers, form).unwrap().ok("CreateLoadBalancer").unwrap();
    moto.auto_scaling("Action=AttachLoadBalancers&AutoScalingGroupName=hosts&LoadBalancerNames.member.1=web");
    assert!(group.describe_group("hosts").await.unwrap().unwrap().has_load_balancer);
    assert_eq!(group.describe_group("none").await.unwrap(), None);
    for (hook, transition) in [("drain", "TERMINATING"), ("prepare", "LAUNCHING")] {
        moto.auto_scaling(&format!(
            "Action=PutLifecycleHook&AutoScalingGroupName=hosts&LifecycleHookName={hook}&HeartbeatTimeout=900\
             &LifecycleTransition=autoscaling%3AEC2_INSTANCE_{transition}"
        ));
    }
    let hooks = group.describe_termination_hooks("hosts").await.unwrap();
    let hooks: Vec<_> =
        hooks.iter().map(|hook| (hook.name.as_str(), hook.heartbeat_timeout.as_secs())).collect();
    assert_eq!(hooks, [("drain", 900)]);
}

/// A group of which one instance waits at the hook: moto has no lifecycle actions.
struct OneWaits(Ec2InstanceId);

impl LifecycleActions for OneWaits {
    async fn describe_termination_hooks(&self, _: &str) -> Result<Vec<LifecycleHook>, CallError> {
        Ok(Vec::new())
    }

    async fn record_heartbeat(&self, _: &LifecycleAction) -> Result<LifecycleActionState, CallError> {
        Ok(LifecycleActionState::Active)
    }

    async fn complete(
        &self,
        _: &LifecycleAction,
        _: LifecycleActionResult,
    ) -> Result<LifecycleActionState, CallError> {
        Ok(LifecycleActionState::Active)
    }
}

impl AutoScalingGroups for OneWaits {
    async fn describe_groups(&self, names: &[String]) -> Result<Vec<AutoScalingGroup>, CallError> {
        let instance = GroupInstance {
            ec2_instance_id: self.0.clone(),
            lifecycle_state: "Terminating:Wait".to_owned(),
            availability_zone: "us-east-1a".to_owned(),
            instance_type: "c5.large".to_owned(),
            weight: 1,
            protected: false,
            launch_template_version: None,
        };
        let group = |name: &String| AutoScalingGroup {
            name: name.clone(),
            minimum: 0,
            maximum: 1,
            desired: 1,
            mixed: false,
            suspended: BTreeSet::new(),
            instances: vec![instance.clone()],
            has_load_balancer: false,
            has_warm_pool: false,
        };
        Ok(names.iter().map(group).collect())
    }

    async fn describe_scaling_activities(
        &self,
        _: &str,
        _: Option<&PageToken>,
    ) -> Result<Page<ScalingActivity>, CallError> {
        Ok(Page { items: Vec::new(), next: None })
    }
}

#[tokio::test]
async fn among_all_that_a_filter_let_through_only_the_right_one_is_drained() {
    let moto = Moto::start();
    let ids = moto.cluster_of(105);
    moto.group_of("demo-asg", 0);
    let config = sdk_at(&moto.relay.url()).await;
    let ports = Adapters {
        ecs: Ecs::new(&config),
        auto_scaling: OneWaits(ids[73].parse().unwrap()),
        sns: Sns::new(&config),
        log: StandardOutput::new(&Settings::new(&|_: &str| None)),
        clock: SystemClock,
    };
    let variables = |name: &str| (name == "POLL_INTERVAL_SECONDS").then(|| "1".to_owned());
    let drainer = Drainer::new(ports, Config::read(&Settings::new(&variables)).unwrap());

    let mut event = sample_event("sns-lifecycle-terminating.json").unwrap();
    let mut message: Value =
        serde_json::from_str(event["Records"][0]["Sns"]["Message"].as_str().unwrap()).unwrap();
    message["EC2InstanceId"] = json!(ids[73]);
    message["Time"] = json!(Utc::now().to_rfc3339());
    event["Records"][0]["Sns"]["Message"] = json!(message.to_string());
    let now = Utc::now();
    let in_20_s = u64::try_from(now.timestamp_millis()).unwrap() + 20_000;
    drainer.handle(event, Invocation::new(in_20_s, now)).await.unwrap();

    let cluster: Cluster = "demo".parse().unwrap();
    let all =
        read::container_instances(&Ecs::new(&config), &cluster, &ContainerInstanceQuery::All).await.unwrap();
    let draining: Vec<_> = all
        .items
        .iter()
        .filter(|host| host.status == ContainerInstanceStatus::Draining)
        .map(|host| host.ec2_instance_id.as_str())
        .collect();
    assert_eq!(draining, [ids[73].as_str()]);
    assert_eq!(all.items.len(), 105);
    moto.requests.check(&["ecs:UpdateContainerInstancesState"]).unwrap();
}
