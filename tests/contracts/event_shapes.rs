//! Our own events, one in each shape that AWS sends, sent, or shows in its documents.

use serde_json::{Value, json};

/// An event, and what the functions make of it.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) event: Value,
    /// The drainer's outcome, and a part of its reason.
    pub(crate) drainer: (&'static str, &'static str),
    /// The same of the calculator.
    pub(crate) calculator: (&'static str, &'static str),
    /// True if AWS sends it so today.
    pub(crate) current: bool,
    /// True if a stack for the cluster `demo` must be woken by it, as far as the cluster goes.
    pub(crate) of_the_cluster: bool,
}

const ID: &str = "i-0a1b2c3d4e5f60718";
const TOKEN: &str = "5b3c1e2f-7a94-4d1b-9c86-2e0f4a6b8d13";
const GROUP: &str = "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:\
                     3f2a9c11-5d7e-4b60-8a2c-9e1d0f4b7c55:autoScalingGroupName/demo-asg";
const CLUSTER: &str = "arn:aws:ecs:us-east-1:111122223333:cluster/demo";
const NO_EVENT: &str = "direct invocation";

impl Shape {
    fn old(self) -> Self {
        Self { current: false, ..self }
    }

    fn elsewhere(self) -> Self {
        Self { of_the_cluster: false, ..self }
    }
}

/// `base` with the members of `changes`; null removes one.
fn changed(mut base: Value, changes: Value) -> Value {
    if let (Value::Object(members), Value::Object(changes)) = (&mut base, changes) {
        for (name, value) in changes {
            members.remove(&name);
            if !value.is_null() {
                members.insert(name, value);
            }
        }
    }
    base
}

fn shape(name: &'static str, event: Value, drainer: (&'static str, &'static str)) -> Shape {
    Shape { name, event, drainer, calculator: ("schedule", ""), current: true, of_the_cluster: true }
}

/// A message in an SNS record.
fn by_sns(name: &'static str, message: &Value, drainer: (&'static str, &'static str)) -> Shape {
    let text = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
    let event = json!({"Records": [{
        "EventSource": "aws:sns", "EventVersion": "1.0",
        "EventSubscriptionArn": "arn:aws:sns:us-east-1:111122223333:lifecycle:7d0c5e1a-2b3f-4c68-9a17-e4d2b6f80c39",
        "Sns": {
            "Type": "Notification", "MessageId": "c8e2a4b6-1d3f-5a79-8b0c-6e4f2d1a9b37",
            "TopicArn": "arn:aws:sns:us-east-1:111122223333:lifecycle", "Subject": null, "Message": text,
            "Timestamp": "2026-11-02T09:15:27.502Z", "SignatureVersion": "1", "Signature": "none",
            "SigningCertUrl": "https://sns.us-east-1.amazonaws.com/none.pem",
            "UnsubscribeUrl": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe", "MessageAttributes": {},
        },
    }]});
    let calculator = ("schedule", NO_EVENT);
    Shape { calculator, ..shape(name, event, drainer) }
}

/// The same with changes to the record's notification.
fn in_record(mut shape: Shape, changes: Value) -> Shape {
    let sns = shape.event["Records"][0]["Sns"].take();
    shape.event["Records"][0]["Sns"] = changed(sns, changes);
    shape
}

fn notice(changes: Value) -> Value {
    let notice = json!({
        "Origin": "AutoScalingGroup", "Destination": "EC2", "Action": "Terminate", "LifecycleHookName": "drain",
        "AccountId": "111122223333", "RequestId": "e1f0c2b4-93a5-4d6e-8f17-0b2c4d6e8f19",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "AutoScalingGroupName": "demo-asg",
        "Service": "AWS Auto Scaling", "Time": "2026-11-02T09:15:27.411Z", "EC2InstanceId": ID,
        "LifecycleActionToken": TOKEN,
    });
    changed(notice, changes)
}

fn event(of: (&str, &str), resource: &str, detail: impl Into<Value>) -> Value {
    let detail: Value = detail.into();
    json!({
        "version": "0", "id": "2d7b9e40-6c1f-4a83-b5d2-f09e8c7a6b51", "detail-type": of.1, "source": of.0,
        "account": "111122223333", "time": "2026-11-02T09:15:27Z", "region": "us-east-1", "resources": [resource],
        "detail": detail,
    })
}

fn lifecycle_event(detail_type: &str, changes: Value) -> Value {
    let detail = notice(changes).as_object().unwrap().clone().into_iter();
    let only_of_sns = ["AccountId", "RequestId", "Service", "Time"];
    let detail: Value = detail.filter(|(name, _)| !only_of_sns.contains(&name.as_str())).collect();
    event(("aws.autoscaling", detail_type), GROUP, detail)
}

const TERMINATE: &str = "EC2 Instance-terminate Lifecycle Action";
const LAUNCH: &str = "EC2 Instance-launch Lifecycle Action";

fn lifecycle() -> Vec<Shape> {
    let launching = json!({"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "Origin": "EC2",
        "Destination": "AutoScalingGroup", "Action": null, "NotificationMetadata": "{\n  \"a\": \"b\"\n}\n"});
    let before_2021 = json!({"Origin": null, "Destination": null, "Action": null});
    let old = |changes| changed(before_2021.clone(), changes);
    let test = json!({
        "AccountId": "111122223333", "RequestId": "a90b1c2d-3e4f-4567-89ab-cdef01234567",
        "AutoScalingGroupARN": GROUP, "AutoScalingGroupName": "demo-asg", "Service": "AWS Auto Scaling",
        "Event": "autoscaling:TEST_NOTIFICATION", "Time": "2026-11-02T09:15:27.411Z",
    });
    let as_test = json!({"LifecycleTransition": "autoscaling:TEST_NOTIFICATION", "Event": "autoscaling:TEST_NOTIFICATION"});
    let root_volume = json!({"Destination": "AutoScalingGroup", "Action": "ReplaceRootVolume"});
    let to_pool = json!({"Destination": "WarmPool", "Action": null});
    let from_pool =
        json!({"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "Origin": "WarmPool"});
    vec![
        by_sns("notice", &notice(json!({})), ("drain", ID)),
        by_sns("notice of 2018", &notice(old(json!({}))), ("drain", ID)).old(),
        by_sns("notice of 2014", &notice(old(json!({"EC2InstanceId": "i-4d98fa74"}))), ("drain", "i-4d98fa74")).old(),
        by_sns("notice as a queue has it", &notice(old(json!({"AccountId": null, "Service": null}))), ("drain", ID)).old(),
        by_sns("notice without a token", &notice(old(json!({"LifecycleActionToken": ""}))), ("error", "LifecycleActionToken")).old(),
        in_record(
            by_sns("notice in a record with URLs in capitals", &notice(json!({})), ("drain", ID)),
            json!({"SigningCertUrl": null, "UnsubscribeUrl": null, "SigningCertURL": "", "UnsubscribeURL": ""}),
        ).old(),
        in_record(
            by_sns("notice with a subject and an attribute", &notice(json!({})), ("drain", ID)),
            json!({"Subject": "Auto Scaling:  Lifecycle action 'TERMINATING'", "MessageAttributes": {"n": {"Type": "String", "Value": "x"}}}),
        ),
        in_record(by_sns("notice in a record without texts", &notice(json!({})), ("drain", ID)), json!({"TopicArn": "", "MessageId": "", "Signature": ""})).old(),
        by_sns("launch hook's notice", &notice(launching.clone()), ("ignored", "EC2_INSTANCE_LAUNCHING")),
        by_sns("test notification", &test, ("ignored", "test notification")),
        by_sns("test notification in a notice's form", &notice(old(as_test.clone())), ("ignored", "test notification")).old(),
        by_sns("text that is no JSON", &json!("no JSON"), ("error", "not a JSON object")),
        shape("terminate", lifecycle_event(TERMINATE, json!({})), ("drain", ID)),
        shape("terminate of 2015", lifecycle_event(TERMINATE, before_2021.clone()), ("drain", ID)).old(),
        shape("terminate with metadata", lifecycle_event(TERMINATE, json!({"NotificationMetadata": "additional-info"})), ("drain", "metadata_not_understood: Some")),
        shape("terminate by a root volume", lifecycle_event(TERMINATE, root_volume), ("drain", "root_volume_replacement: Some(true)")),
        shape("terminate to a warm pool", lifecycle_event(TERMINATE, to_pool), ("drain", "WarmPool")),
        shape("terminate as a test", lifecycle_event(TERMINATE, old(as_test)), ("ignored", "test notification")).old(),
        shape("terminate at no time", changed(lifecycle_event(TERMINATE, json!({})), json!({"time": "yyyy-mm-ddThh:mm:ssZ"})), ("error", "RFC 3339")).old(),
        shape("launch of old", lifecycle_event(LAUNCH, old(json!({"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}))), ("ignored", "launch Lifecycle Action")).old(),
        shape("launch", lifecycle_event(LAUNCH, launching), ("ignored", "launch Lifecycle Action")),
        shape("launch from a warm pool", lifecycle_event(LAUNCH, from_pool), ("ignored", "launch Lifecycle Action")),
    ]
}

fn of_auto_scaling() -> Vec<Shape> {
    let activity = |status: &str, details: Value| {
        json!({
            "StatusCode": status, "Description": "Launching a new EC2 instance", "AutoScalingGroupName": "demo-asg",
            "ActivityId": "6f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9", "Details": details,
            "RequestId": "6f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9", "StatusMessage": "", "Cause": "At 2026-11-02T09:15:00Z",
            "StartTime": "2026-11-02T09:15:02Z", "EndTime": "2026-11-02T09:15:27Z", "EC2InstanceId": ID,
        })
    };
    let zone = json!({"Availability Zone": "us-east-1b", "Subnet ID": "subnet-0f1e2d3c"});
    let mut shapes: Vec<Shape> = [
        ("EC2 Instance Launch Successful", "InProgress"),
        ("EC2 Instance Launch Unsuccessful", "Failed"),
        ("EC2 Instance Terminate Successful", "InProgress"),
        ("EC2 Instance Terminate Unsuccessful", "Failed"),
    ]
    .into_iter()
    .map(|(name, status)| {
        let event = event(("aws.autoscaling", name), GROUP, activity(status, zone.clone()));
        shape(name, event, ("ignored", name))
    })
    .collect();
    for name in [
        "EC2 Auto Scaling Instance Refresh Checkpoint Reached",
        "EC2 Auto Scaling Instance Refresh Started",
        "EC2 Auto Scaling Instance Refresh Succeeded",
        "EC2 Auto Scaling Instance Refresh Failed",
        "EC2 Auto Scaling Instance Refresh Cancelled",
    ] {
        let detail = json!({
            "InstanceRefreshId": "0a9b8c7d-6e5f-4a3b-9c2d-1e0f9a8b7c6d", "AutoScalingGroupName": "demo-asg",
        });
        shapes.push(shape(name, event(("aws.autoscaling", name), GROUP, detail), ("ignored", name)));
    }
    for name in ["EC2_INSTANCE_LAUNCH", "EC2_INSTANCE_TERMINATE", "EC2_INSTANCE_LAUNCH_ERROR"] {
        let more = json!({"Progress": 50, "AccountId": "111122223333", "AutoScalingGroupARN": GROUP,
            "Service": "AWS Auto Scaling", "Time": "2026-11-02T09:15:27.411Z", "Event": format!("autoscaling:{name}")});
        shapes.push(by_sns(name, &changed(activity("InProgress", zone.clone()), more), ("ignored", name)));
    }
    shapes
}

fn of_ec2_and_others() -> Vec<Shape> {
    const SPOT: (&str, &str) = ("aws.ec2", "EC2 Spot Instance Interruption Warning");
    const REFUSED: (&str, &str) = ("error", "is not accepted");
    let instance = "arn:aws:ec2:us-east-1b:instance/i-0a1b2c3d4e5f60718";
    let spot = |action: &str| event(SPOT, instance, json!({"instance-id": ID, "instance-action": action}));
    let of = |id: &str| event(SPOT, instance, json!({"instance-id": id, "instance-action": "terminate"}));
    let rebalance =
        event(("aws.ec2", "EC2 Instance Rebalance Recommendation"), instance, json!({"instance-id": ID}));
    let state = event(
        ("aws.ec2", "EC2 Instance State-change Notification"),
        instance,
        json!({"instance-id": ID, "state": "pending"}),
    );
    let health = json!({"eventArn": "arn:aws:health:us-east-1::event/EC2/none", "service": "EC2",
        "eventTypeCode": "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED", "eventTypeCategory": "scheduledChange"});
    let alarm = json!({"AlarmName": "cpu", "AlarmDescription": null, "AWSAccountId": "111122223333", "NewStateValue": "ALARM",
        "Trigger": {"MetricName": "CPUUtilization", "Namespace": "AWS/EC2", "Dimensions": []}});
    let minimal = json!({"source": SPOT.0, "detail-type": SPOT.1, "detail": {"instance-id": "i-dead"}});
    vec![
        shape("interruption, terminate", spot("terminate"), ("warning", ID)),
        shape("interruption, stop", spot("stop"), ("warning", ID)),
        shape("interruption, hibernate", spot("hibernate"), ("warning", ID)),
        shape(
            "interruption, time with milliseconds",
            changed(spot("terminate"), json!({"time": "2026-11-02T09:15:27.000Z"})),
            ("warning", ID),
        ),
        shape(
            "interruption, time with an offset",
            changed(spot("terminate"), json!({"time": "2026-11-02T11:15:27+02:00"})),
            ("warning", ID),
        ),
        by_sns("interruption through a topic", &spot("terminate"), ("warning", ID)),
        // No instance has such an id. A rule's pattern cannot see that, so this is not one of the
        // shapes for rules.
        by_sns(
            "interruption, letters that are no digits",
            &of("i-0abcd1234efgh5678"),
            ("error", "an EC2 instance id"),
        )
        .old(),
        shape("rebalance", rebalance, ("warning", ID)),
        shape("state change of an instance", state, REFUSED),
        shape("health", event(("aws.health", "AWS Health Event"), "i-0a1b2c3d4e5f60718", health), REFUSED),
        shape(
            "scheduled event",
            event(
                ("aws.events", "Scheduled Event"),
                "arn:aws:events:us-east-1:111122223333:rule/r",
                json!({}),
            ),
            REFUSED,
        ),
        Shape {
            calculator: ("schedule", NO_EVENT),
            ..shape("sweep", json!({"sweep": {"group": "demo-asg", "hook": "drain"}}), ("sweep", "drain"))
        },
        Shape {
            calculator: ("schedule", NO_EVENT),
            ..shape(
                "queue",
                json!({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}),
                ("error", "SQS is not accepted"),
            )
        },
        by_sns("alarm", &alarm, ("error", "missing LifecycleTransition")),
        by_sns("typed interruption", &minimal, ("error", "missing detail.instance-action")).old(),
    ]
}

fn of_ecs() -> Vec<Shape> {
    const REFUSED: (&str, &str) = ("error", "is not accepted");
    let resources = json!([
        {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "2375"]},
    ]);
    let instance =
        "arn:aws:ecs:us-east-1:111122223333:container-instance/demo/6d5c4b3a29180f7e6d5c4b3a29180f7e";
    let change = json!({
        "agentConnected": true, "attributes": [{"name": "ecs.os-type", "value": "linux"}], "clusterArn": CLUSTER,
        "containerInstanceArn": instance, "ec2InstanceId": ID, "registeredAt": "2026-11-01T08:00:00.000Z",
        "registeredResources": resources, "remainingResources": resources, "runningTasksCount": 1,
        "pendingTasksCount": 0, "status": "ACTIVE", "version": 14, "updatedAt": "2026-11-02T09:15:26.9Z",
        "versionInfo": {"agentHash": "4023248", "agentVersion": "1.86.0", "dockerVersion": "DockerVersion: 25.0.8"},
    });
    let of = |changes| {
        event(("aws.ecs", "ECS Container Instance State Change"), instance, changed(change.clone(), changes))
    };
    let changes = |name, changes| Shape { calculator: ("change", "14"), ..shape(name, of(changes), REFUSED) };
    let task = json!({"clusterArn": CLUSTER, "containerInstanceArn": instance, "containers": [], "desiredStatus": "RUNNING",
        "lastStatus": "RUNNING", "taskArn": "arn:aws:ecs:us-east-1:111122223333:task/demo/0f", "version": 4});
    let task =
        event(("aws.ecs", "ECS Task State Change"), "arn:aws:ecs:us-east-1:111122223333:task/demo/0f", task);
    let action = |changes: Value| {
        let detail = json!({"eventType": "ERROR", "eventName": "SERVICE_TASK_PLACEMENT_FAILURE", "clusterArn": CLUSTER,
            "reason": "RESOURCE:MEMORY", "createdAt": "2026-11-02T09:15:26.9Z"});
        let service = "arn:aws:ecs:us-east-1:111122223333:service/demo/web";
        event(("aws.ecs", "ECS Service Action"), service, changed(detail, changes))
    };
    let failure = |name, changes| Shape {
        calculator: ("change", "PLACEMENT_FAILURE"),
        ..shape(name, action(changes), REFUSED)
    };
    let deployment = |name, service: &str, event_name: &str| {
        let detail = json!({"eventType": "INFO", "eventName": event_name, "deploymentId": "ecs-svc/123",
            "updatedAt": "2026-11-02T09:15:26.9Z", "reason": "ECS deployment ecs-svc/123 in progress."});
        let service = format!("arn:aws:ecs:us-east-1:111122223333:service/{service}");
        let event = event(("aws.ecs", "ECS Deployment State Change"), &service, detail);
        Shape { calculator: ("change", "deployment: true"), ..shape(name, event, REFUSED) }
    };
    let other = |name, event: &str| {
        shape(name, action(json!({"eventName": event, "eventType": "INFO", "reason": null})), REFUSED)
    };
    vec![
        changes("change of a container instance", json!({})),
        changes("change of 2016", json!({"attributes": [{"name": "ecs.capability"}], "runningTasksCount": null, "pendingTasksCount": null,
            "containerInstanceArn": "arn:aws:ecs:us-east-1:111122223333:container-instance/7c6b5a49-3827-4160-9f8e-7d6c5b4a3928"})).old(),
        changes("change in another cluster", json!({"clusterArn": "arn:aws:ecs:us-east-1:111122223333:cluster/other"})).elsewhere(),
        changes("change in a cluster of nearly its name", json!({"clusterArn": format!("{CLUSTER}-2")})).elsewhere(),
        // The instance's ARN names no cluster. A rule for the task's cluster cannot distinguish it
        // from the instance's own.
        Shape { calculator: ("change", "4"), ..shape("change of a task", task, REFUSED) }.elsewhere(),
        failure("placement failure", json!({})),
        failure("placement failure on Fargate", json!({"capacityProviderArns": ["arn:aws:ecs:us-east-1:111122223333:capacity-provider/FARGATE"]})).old(),
        failure("placement failure without a reason", json!({"eventType": "INFO", "reason": null})).old(),
        failure("placement failure in another cluster", json!({"clusterArn": "arn:aws:ecs:us-east-1:111122223333:cluster/other"})).elsewhere(),
        failure("placement failure without a cluster", json!({"clusterArn": null})).elsewhere().old(),
        Shape { calculator: ("error", "clusterArn"), ..shape("placement failure of a service's ARN",
            action(json!({"clusterArn": "arn:aws:ecs:us-east-1:111122223333:service/demo/web"})), REFUSED) }.old(),
        deployment("deployment that began", "demo/web", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
        deployment("deployment that ended", "demo/web", "SERVICE_DEPLOYMENT_COMPLETED"),
        deployment("deployment that failed", "demo/web", "SERVICE_DEPLOYMENT_FAILED"),
        deployment("deployment in another cluster", "other/web", "SERVICE_DEPLOYMENT_COMPLETED").elsewhere(),
        deployment("deployment in a cluster of nearly its name", "demo-2/web", "SERVICE_DEPLOYMENT_COMPLETED").elsewhere(),
        deployment("deployment of a service with an old ARN", "web", "SERVICE_DEPLOYMENT_COMPLETED").elsewhere().old(),
        other("steady service", "SERVICE_STEADY_STATE"),
        other("service that cannot start", "SERVICE_TASK_START_IMPAIRED"),
        other("steady capacity provider", "CAPACITY_PROVIDER_STEADY_STATE"),
    ]
}

/// All of them.
pub(crate) fn all() -> Vec<Shape> {
    [lifecycle(), of_auto_scaling(), of_ec2_and_others(), of_ecs()].into_iter().flatten().collect()
}
