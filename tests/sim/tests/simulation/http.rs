//! Both protocols on the wire, through a client that knows nothing of AWS.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{Face, InstanceType, LifecycleHook, SharedWorld, TaskDefinition, World};
use serde_json::{Value, json};

use crate::scene::{
    TOPIC, arn_of, tasks_on, tokens, two_hosts_with_web, web, world_of_group, world_of_hosts,
};

/// An answer: status, head (in lower case) and body.
pub(crate) struct Answered {
    status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// As fast as the test: the world's time goes on, but not so far that anything more happens.
pub(crate) fn face(world: World) -> Face {
    Face::start(SharedWorld::in_scaled_time(world, 1.0)).unwrap()
}

fn try_post(face: &Face, headers: &str, body: &str) -> std::io::Result<Answered> {
    let mut stream = TcpStream::connect(face.address())?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: aws\r\nConnection: close\r\nAuthorization: AWS4-HMAC-SHA256 unchecked\r\n\
         Content-Length: {length}\r\n{headers}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Answered { status, head: head.to_lowercase(), body: body.to_owned() })
}

fn try_ecs(face: &Face, operation: &str, input: &Value) -> std::io::Result<Answered> {
    let headers = format!(
        "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AmazonEC2ContainerServiceV20141113.{operation}"
    );
    try_post(face, &headers, &input.to_string())
}

pub(crate) fn ecs(face: &Face, operation: &str, input: &Value) -> Answered {
    try_ecs(face, operation, input).unwrap()
}

pub(crate) fn auto_scaling(face: &Face, form: &[(&str, &str)]) -> Answered {
    let mut body = form_urlencoded::Serializer::new(String::new());
    let body = body.append_pair("Version", "2011-01-01").extend_pairs(form).finish();
    try_post(face, "Content-Type: application/x-www-form-urlencoded", &body).unwrap()
}

pub(crate) fn refused(answered: &Answered, code: &str) {
    assert_eq!((answered.status, &answered.json()["__type"]), (400, &json!(code)), "{}", answered.body);
    assert!(
        answered.head.contains(&format!("x-amzn-errortype: {}", code.to_lowercase())),
        "{}",
        answered.head
    );
}

#[test]
fn lists_come_in_pages_of_at_most_100() {
    let (world, _) = world_of_hosts(250);
    let face = face(world);
    let first = ecs(&face, "ListContainerInstances", &json!({"cluster": "demo"})).json();
    assert_eq!(first["containerInstanceArns"].as_array().unwrap().len(), 100);
    let mut found = 0;
    let mut input = json!({"cluster": "arn:aws:ecs:us-east-1:111122223333:cluster/demo", "maxResults": 40});
    for page in 1..=7 {
        let answer = ecs(&face, "ListContainerInstances", &input).json();
        found += answer["containerInstanceArns"].as_array().unwrap().len();
        assert_eq!(answer.get("nextToken").is_none(), page == 7);
        input["nextToken"] = answer["nextToken"].clone();
    }
    assert_eq!(found, 250);
    for max_results in [0, 101] {
        let input = json!({"cluster": "demo", "maxResults": max_results});
        refused(&ecs(&face, "ListContainerInstances", &input), "InvalidParameterException");
    }
}

#[test]
fn the_filter_is_an_expression_in_either_spelling() {
    let (world, hosts) = world_of_hosts(150);
    let arn = arn_of(&world, &hosts[0]).0;
    let face = face(world);
    let id = &hosts[0];
    for filter in [
        format!("ec2InstanceId == {id}"),
        format!("ec2InstanceId=={id}"),
        format!("ec2InstanceId == '{id}'"),
        format!("ec2InstanceId==\"{id}\""),
    ] {
        let input = json!({"cluster": "demo", "filter": filter});
        let answer = ecs(&face, "ListContainerInstances", &input).json();
        assert_eq!(answer["containerInstanceArns"], json!([arn]), "{filter}");
    }
    let input = json!({"cluster": "demo", "filter": "attribute:ecs.instance-type == t2.small"});
    let answer = ecs(&face, "ListContainerInstances", &input).json();
    assert_eq!(answer["containerInstanceArns"], json!([]));
    let input = json!({"cluster": "demo", "filter": "attribute:ecs.instance-type = c5.large"});
    refused(&ecs(&face, "ListContainerInstances", &input), "InvalidParameterException");
}

#[test]
fn a_container_instance_has_the_shape_of_awss() {
    let (world, hosts) = two_hosts_with_web(100, 200);
    let arn = arn_of(&world, &hosts[0]).0;
    let face = face(world);
    let absent = "f".repeat(32);
    let input = json!({"cluster": "demo", "containerInstances": [arn, absent], "include": ["TAGS"]});
    let answer = ecs(&face, "DescribeContainerInstances", &input);
    assert!(answer.head.contains("content-type: application/x-amz-json-1.1"), "{}", answer.head);
    let answer = answer.json();
    let host = &answer["containerInstances"][0];
    assert_eq!((&host["ec2InstanceId"], &host["status"]), (&json!(hosts[0].as_str()), &json!("ACTIVE")));
    assert_eq!((&host["runningTasksCount"], &host["agentConnected"]), (&json!(2), &json!(true)));
    assert_eq!(host["registeredAt"], json!(1_795_341_600.0));
    assert_eq!(
        host["remainingResources"][0],
        json!({
            "name": "CPU", "type": "INTEGER",
            "integerValue": 1024, "longValue": 0, "doubleValue": 0.0, "stringSetValue": [],
        })
    );
    assert_eq!(
        host["remainingResources"][2]["stringSetValue"],
        json!(["22", "2375", "2376", "51678", "51679"])
    );
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
}

#[test]
fn limits_and_unknown_things_are_errors() {
    let (world, _) = world_of_hosts(1);
    let face = face(world);
    let ids = |count: usize| (0..count).map(|id| format!("{id:032x}")).collect::<Vec<_>>();
    let describe = |count| json!({"cluster": "demo", "containerInstances": ids(count)});
    let update = |count| json!({"cluster": "demo", "containerInstances": ids(count), "status": "DRAINING"});
    let invalid = "InvalidParameterException";
    refused(&ecs(&face, "DescribeContainerInstances", &describe(101)), invalid);
    assert_eq!(ecs(&face, "DescribeContainerInstances", &describe(100)).status, 200);
    refused(&ecs(&face, "UpdateContainerInstancesState", &update(11)), invalid);
    assert_eq!(ecs(&face, "UpdateContainerInstancesState", &update(10)).status, 200);
    refused(&ecs(&face, "DescribeTasks", &json!({"cluster": "demo", "tasks": ids(101)})), invalid);
    refused(&ecs(&face, "ListTasks", &json!({"cluster": "demo", "family": "web"})), invalid);
    refused(&ecs(&face, "ListTasks", &json!({"cluster": "none"})), "ClusterNotFoundException");
    refused(&ecs(&face, "ListTasks", &json!({})), "ClusterNotFoundException");
    refused(&ecs(&face, "RunTask", &json!({})), "UnknownOperationException");
    refused(&try_post(&face, "X-Amz-Target: Logs_20140328.X", "{}").unwrap(), "UnknownOperationException");
    let target = "X-Amz-Target: AmazonEC2ContainerServiceV20141113.ListTasks";
    refused(&try_post(&face, target, "{").unwrap(), "SerializationException");
}

#[test]
fn a_drain_over_http() {
    let (mut world, hosts) = two_hosts_with_web(100, 200);
    let arn = arn_of(&world, &hosts[0]).0;
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let token = tokens(&mut world).remove(0);
    let face = Face::start(SharedWorld::in_scaled_time(world, 100.0)).unwrap();
    let input = json!({"cluster": "demo", "containerInstances": [arn], "status": "DRAINING"});
    let set = ecs(&face, "UpdateContainerInstancesState", &input).json();
    assert_eq!(set["containerInstances"][0]["status"], "DRAINING");

    // 100 times faster: the services' replacements and the tasks' end take half a second, and the
    // hook waits for six.
    loop {
        let listed = ["RUNNING", "STOPPED"].map(|desired| {
            let input = json!({"cluster": "demo", "containerInstance": arn, "desiredStatus": desired});
            ecs(&face, "ListTasks", &input).json()["taskArns"].as_array().unwrap().clone()
        });
        // A task that begins to stop between the two lists is on both.
        let tasks: BTreeSet<_> = listed.iter().flatten().filter_map(Value::as_str).collect();
        let tasks = json!({"cluster": "demo", "tasks": tasks});
        let described = ecs(&face, "DescribeTasks", &tasks).json();
        let described = described["tasks"].as_array().unwrap();
        assert_eq!(described.len(), 2);
        if described.iter().all(|task| task["lastStatus"] == "STOPPED") {
            assert_eq!(described[0]["stopCode"], "ServiceSchedulerInitiated");
            assert_eq!(described[0]["cpu"], "512");
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let action = [
        ("AutoScalingGroupName", "hosts"),
        ("LifecycleHookName", "drain"),
        ("LifecycleActionToken", token.as_str()),
    ];
    let heartbeat = [&[("Action", "RecordLifecycleActionHeartbeat")], action.as_slice()].concat();
    let complete =
        [&[("Action", "CompleteLifecycleAction"), ("LifecycleActionResult", "CONTINUE")], action.as_slice()]
            .concat();
    assert_eq!(auto_scaling(&face, &heartbeat).status, 200);
    let done = auto_scaling(&face, &complete);
    assert_eq!(done.status, 200);
    assert!(done.body.contains("<CompleteLifecycleActionResult></CompleteLifecycleActionResult>"));
    for form in [&heartbeat, &complete] {
        let again = auto_scaling(&face, form);
        assert_eq!(again.status, 400);
        assert!(again.body.contains("<Type>Sender</Type><Code>ValidationError</Code>"), "{}", again.body);
        let said = format!("<Message>No active Lifecycle Action found with token {token}</Message>");
        assert!(again.body.contains(&said), "{}", again.body);
    }
    face.world().with(|world| {
        assert!(world.history().killed_tasks().is_empty());
        assert_eq!(world.lifecycle_state("hosts", &hosts[0]), None);
    });
}

#[test]
fn hooks_are_described_in_xml() {
    let (mut world, _) = world_of_hosts(0);
    let hook = LifecycleHook::new("other", TOPIC).heartbeat_timeout(7200).metadata(r#"{"cluster":"demo"}"#);
    world.put_lifecycle_hook("hosts", hook).unwrap();
    let face = face(world);
    let named = auto_scaling(
        &face,
        &[
            ("Action", "DescribeLifecycleHooks"),
            ("AutoScalingGroupName", "hosts"),
            ("LifecycleHookNames.member.1", "other"),
        ],
    );
    assert!(named.head.contains("content-type: text/xml"), "{}", named.head);
    for part in [
        "<DescribeLifecycleHooksResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">",
        "<LifecycleHooks><member><AutoScalingGroupName>hosts</AutoScalingGroupName>",
        "<HeartbeatTimeout>7200</HeartbeatTimeout><GlobalTimeout>172800</GlobalTimeout>",
        "<NotificationMetadata>{&quot;cluster&quot;:&quot;demo&quot;}</NotificationMetadata>",
    ] {
        assert!(named.body.contains(part), "{part} in {}", named.body);
    }
    assert!(!named.body.contains("drain"));
    let unknown = auto_scaling(&face, &[("Action", "AttachInstances")]);
    assert!(unknown.status == 400 && unknown.body.contains("<Code>InvalidAction</Code>"), "{}", unknown.body);
    let incomplete = auto_scaling(&face, &[("Action", "CompleteLifecycleAction")]);
    assert!(incomplete.body.contains("<Code>ValidationError</Code>"), "{}", incomplete.body);
}

#[test]
fn faults_reach_the_wire() {
    let (world, _) = world_of_hosts(1);
    let face = face(world);
    let list = json!({"cluster": "demo"});
    face.world().faults(|faults| {
        faults.plant_on_all(When::Every(2), Fault::Throttled);
        faults.plant(Operation::ListTasks, When::Nth(1), Fault::Hang);
    });
    assert_eq!(ecs(&face, "ListContainerInstances", &list).status, 200);
    refused(&ecs(&face, "ListContainerInstances", &list), "ThrottlingException");
    assert!(try_ecs(&face, "ListTasks", &list).is_err(), "no answer");
    let hooks = [("Action", "DescribeLifecycleHooks"), ("AutoScalingGroupName", "hosts")];
    let throttled = auto_scaling(&face, &hooks);
    assert_eq!(throttled.status, 400);
    assert!(throttled.body.contains("<Code>Throttling</Code><Message>Rate exceeded</Message>"));
    assert_eq!(auto_scaling(&face, &hooks).status, 200);

    face.world().faults(|faults| {
        faults.clear();
        faults.plant_on_all(When::Always, Fault::Unavailable);
    });
    let unavailable = ecs(&face, "ListContainerInstances", &list);
    assert_eq!((unavailable.status, unavailable.json()["__type"].as_str()), (500, Some("ServerException")));
    assert_eq!(auto_scaling(&face, &hooks).status, 500);
}

#[test]
fn services_protections_and_definitions_have_the_shapes_of_awss() {
    let (mut world, hosts) = two_hosts_with_web(50, 150);
    let task = tasks_on(&world, &hosts[0], "RUNNING").remove(0);
    world.protect_task("demo", &task, "2026-11-22T12:00:00Z".parse().unwrap()).unwrap();
    // Deployed on the spot: nothing of it has happened yet.
    world.set_scheduler_delay("demo", 3600).unwrap();
    world.update_service("demo", "web", web()).unwrap();
    let face = face(world);
    let services = json!({"cluster": "demo", "services": ["web", "none"], "include": ["TAGS"]});
    let answer = ecs(&face, "DescribeServices", &services).json();
    let service = &answer["services"][0];
    assert_eq!((&service["serviceName"], &service["schedulingStrategy"]), (&json!("web"), &json!("REPLICA")));
    let percents = json!({"minimumHealthyPercent": 50, "maximumPercent": 150});
    assert_eq!((&service["deploymentConfiguration"], &service["runningCount"]), (&percents, &json!(4)));
    assert_eq!(service["events"][0]["message"], "(service web) has reached a steady state.");
    assert!(service["events"][0]["createdAt"].as_f64().unwrap() > 1_795_341_600.0);
    let deployment = |status: &str, revision: u32, running: u32| {
        let arn = format!("arn:aws:ecs:us-east-1:111122223333:task-definition/web:{revision}");
        json!({
            "status": status,
            "taskDefinition": arn,
            "desiredCount": 4,
            "runningCount": running,
            "pendingCount": 0,
            "launchType": "EC2",
        })
    };
    assert_eq!(service["taskDefinition"], deployment("PRIMARY", 2, 0)["taskDefinition"]);
    assert_eq!(service["deployments"], json!([deployment("PRIMARY", 2, 0), deployment("ACTIVE", 1, 4)]));
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    let too_many = json!({"cluster": "demo", "services": vec!["web"; 11]});
    refused(&ecs(&face, "DescribeServices", &too_many), "InvalidParameterException");

    let asked = json!({"cluster": "demo", "tasks": [task.0]});
    let answer = ecs(&face, "GetTaskProtection", &asked).json();
    assert_eq!(
        answer["protectedTasks"],
        json!([{"taskArn": task.0, "protectionEnabled": true, "expirationDate": 1_795_348_800.0}])
    );
    let definition = ecs(&face, "DescribeTaskDefinition", &json!({"taskDefinition": "web:1"})).json();
    assert_eq!(definition["taskDefinition"]["containerDefinitions"][0]["name"], "web");
    refused(&ecs(&face, "DescribeTaskDefinition", &json!({"taskDefinition": "none"})), "ClientException");

    let stop = json!({"cluster": "demo", "task": task.0, "reason": "out of time"});
    let stopped = ecs(&face, "StopTask", &stop).json();
    let stopped = &stopped["task"];
    assert_eq!(
        (&stopped["desiredStatus"], &stopped["lastStatus"]),
        (&json!("STOPPED"), &json!("DEACTIVATING"))
    );
    assert_eq!(
        (&stopped["stopCode"], &stopped["stoppedReason"]),
        (&json!("UserInitiated"), &json!("out of time"))
    );
    refused(
        &ecs(&face, "StopTask", &json!({"cluster": "demo", "task": "none"})),
        "InvalidParameterException",
    );
}

#[test]
fn gpus_have_the_shapes_of_awss() {
    let (mut world, hosts) = world_of_hosts(1);
    let of_type = InstanceType::new("g5.12xlarge", 4096, 15_000).gpus(4);
    let host = world.launch_now_of_type("hosts", of_type).unwrap();
    world.run_task("demo", &TaskDefinition::new("model", 128, 128).gpus(1)).unwrap();
    world.run_task("demo", &TaskDefinition::new("web", 128, 128)).unwrap();
    let arns = [&host, &hosts[0]].map(|host| arn_of(&world, host).0);
    let face = face(world);
    let asked = json!({"cluster": "demo", "containerInstances": arns});
    let answer = ecs(&face, "DescribeContainerInstances", &asked).json();
    let [with, without] = &answer["containerInstances"].as_array().unwrap()[..] else { panic!("{answer}") };
    let gpu = |host: &Value, resources: &str| {
        let resources = host[resources].as_array().unwrap();
        resources.iter().find(|resource| resource["name"] == "GPU").cloned()
    };
    let set = |ids: &[&str]| {
        Some(json!({
            "name": "GPU", "type": "STRINGSET",
            "integerValue": 0, "longValue": 0, "doubleValue": 0.0, "stringSetValue": ids,
        }))
    };
    assert_eq!(gpu(with, "registeredResources"), set(&["GPU-0", "GPU-1", "GPU-2", "GPU-3"]));
    assert_eq!(gpu(with, "remainingResources"), set(&["GPU-0", "GPU-1", "GPU-2"]));
    assert_eq!((gpu(without, "registeredResources"), gpu(without, "remainingResources")), (None, None));

    for (family, needs) in [("model:1", json!([{"type": "GPU", "value": "1"}])), ("web:1", json!([]))] {
        let told = ecs(&face, "DescribeTaskDefinition", &json!({"taskDefinition": family})).json();
        assert_eq!(told["taskDefinition"]["containerDefinitions"][0]["resourceRequirements"], needs);
    }
}

#[test]
fn a_group_behind_a_load_balancer_has_a_target_group() {
    let mut world = world_of_group(|group| group.connection_draining(300).status_reason("A reason."));
    let host = world.launch_now("hosts").unwrap();
    world.terminate_instance("hosts", &host, true).unwrap();
    let face = face(world);
    let told = auto_scaling(&face, &[("Action", "DescribeAutoScalingGroups")]).body;
    let arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/hosts/0123456789abcdef";
    for part in [
        &format!("<TargetGroupARNs><member>{arn}</member></TargetGroupARNs>"),
        "<LifecycleState>Terminating</LifecycleState>",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let form = [("Action", "DescribeScalingActivities"), ("AutoScalingGroupName", "hosts")];
    let told = auto_scaling(&face, &form).body;
    for part in [
        &format!("<Description>Terminating EC2 instance: {host}.  Status Reason: A reason.</Description>"),
        "<StatusCode>WaitingForELBConnectionDraining</StatusCode>",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }

    let without = self::face(world_of_hosts(1).0);
    let told = auto_scaling(&without, &[("Action", "DescribeAutoScalingGroups")]).body;
    assert!(told.contains("<TargetGroupARNs></TargetGroupARNs>"), "{told}");
}

#[test]
fn groups_and_activities_are_described_in_xml() {
    let (mut world, hosts) = world_of_hosts(2);
    world.set_page_limit(2);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let face = face(world);
    let groups = |name| {
        auto_scaling(
            &face,
            &[("Action", "DescribeAutoScalingGroups"), ("AutoScalingGroupNames.member.1", name)],
        )
    };
    let told = groups("hosts").body;
    for part in [
        "<AutoScalingGroups><member><AutoScalingGroupName>hosts</AutoScalingGroupName>",
        &format!("<InstanceId>{}</InstanceId>", hosts[0]),
        "<LifecycleState>Terminating:Wait</LifecycleState>",
        "<LifecycleState>InService</LifecycleState>",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(groups("none").body.contains("<AutoScalingGroups></AutoScalingGroups>"));

    let activities = |more: &[(&str, &str)]| {
        let form = [("Action", "DescribeScalingActivities"), ("AutoScalingGroupName", "hosts")];
        auto_scaling(&face, &[&form, more].concat())
    };
    let told = activities(&[]).body;
    for part in [
        &format!("<Description>Terminating EC2 instance: {}</Description>", hosts[0]),
        "<StartTime>2026-11-22T10:00:00.000Z</StartTime><StatusCode>MidTerminatingLifecycleAction</StatusCode>\
         <Progress>60</Progress>",
        "<NextToken>ended:2</NextToken>",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let last = activities(&[("NextToken", "ended:2"), ("MaxRecords", "100")]).body;
    assert!(
        last.contains("<EndTime>2026-11-22T10:00:00.000Z</EndTime>") && !last.contains("NextToken"),
        "{last}"
    );
    for wrong in [("MaxRecords", "101"), ("MaxRecords", "all"), ("NextToken", "x")] {
        assert_eq!(activities(&[wrong]).status, 400, "{wrong:?}");
    }
    face.world().faults(|faults| {
        faults.plant(Operation::DescribeScalingActivities, When::Nth(1), Fault::Throttled);
    });
    assert!(activities(&[]).body.contains("<Code>Throttling</Code>"));
}
