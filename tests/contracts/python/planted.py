"""Plants faults in answers and requests, and fails where the check overlooks one."""

import json
import sys

import service_model

GROUP = (
    "<AutoScalingGroupName>hosts</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>1</MaxSize>"
    "<DesiredCapacity>0</DesiredCapacity><DefaultCooldown>300</DefaultCooldown><AvailabilityZones/>"
    "<HealthCheckType>EC2</HealthCheckType><CreatedTime>2026-01-01T00:00:00.000Z</CreatedTime>"
)
TASK = {"taskArn": "arn", "lastStatus": "RUNNING", "launchType": "EC2", "createdAt": 1.8e9, "version": 1}
# A part of a right answer, what it becomes, and what the check must say of it.
GROUPS = [
    ("", "", None),
    ("<MinSize>0</MinSize>", "", "MinSize: required"),
    ("<MinSize>0</MinSize>", "<MinSize>none</MinSize>", "MinSize: not a integer"),
    ("<MinSize>0</MinSize>", "<MinSize>0</MinSize><MinSize>0</MinSize>", "MinSize: there twice"),
    ("MinSize>", "Minimum>", "Minimum: unknown"),
    ("2026-01-01T00:00:00.000Z", "1767225600", "CreatedTime: not a timestamp"),
    ("<AvailabilityZones/>", "<AvailabilityZones><zone>a</zone></AvailabilityZones>", "zone where a member"),
]
TASKS = [
    ({}, None),
    ({"cpus": "256"}, "cpus: unknown"),
    ({"stoppedReason": None}, "stoppedReason: null"),
    ({"launchType": "EC3"}, "launchType: 'EC3' is none of"),
    ({"createdAt": 1.8e12}, "createdAt: not a timestamp"),
    ({"createdAt": "2026-01-01T00:00:00Z"}, "createdAt: not a timestamp"),
    ({"version": "1"}, "version: not a long"),
    ({"containers": {}}, "containers: not a list"),
]
HEARTBEAT = {"AutoScalingGroupName": "hosts", "LifecycleHookName": "drain"}
REQUESTS = [
    ("ecs", "DescribeTasks", {"tasks": ["a"]}, None),
    ("ecs", "DescribeTasks", {"tasks": ["a"] * 101}, "101 items, of 100"),
    ("ecs", "DescribeTasks", {}, "Missing required parameter"),
    ("ecs", "DescribeTasks", {"tasks": ["a"], "task": "b"}, "Unknown parameter"),
    ("ecs", "DescribeTasks", {"tasks": ["a"], "include": ["TAG"]}, "'TAG' is none of"),
    ("ecs", "ListTasks", {"desiredStatus": "STOPPING"}, "'STOPPING' is none of"),
    ("ecs", "ListTasks", {"maxResults": 101}, "101 is not within"),
    ("autoscaling", "RecordLifecycleActionHeartbeat", HEARTBEAT, None),
    ("autoscaling", "RecordLifecycleActionHeartbeat", {**HEARTBEAT, "LifecycleHookName": "a b"}, "does not match"),
    ("autoscaling", "RecordLifecycleActionHeartbeat", {**HEARTBEAT, "LifecycleActionToken": "a"}, "is not within"),
    ("autoscaling", "RecordLifecycleActionHeartbeat", {**HEARTBEAT, "InstanceId": "i-" + "0" * 18}, "is not within"),
]
ERRORS = [
    ("ecs", "StopTask", "ClusterNotFoundException", 400, None),
    ("ecs", "StopTask", "ServerException", 400, "has status 500"),
    ("ecs", "StopTask", "ServiceNotFoundException", 400, "none of its errors"),
]


def cases():
    operation = service_model.service("autoscaling").operation_model("DescribeAutoScalingGroups")
    namespace = operation.service_model.metadata["xmlNamespace"]
    for part, planted, expected in GROUPS:
        groups = f"<AutoScalingGroups><member>{GROUP.replace(part, planted)}</member></AutoScalingGroups>"
        body = (
            f'<DescribeAutoScalingGroupsResponse xmlns="{namespace}"><DescribeAutoScalingGroupsResult>{groups}'
            "</DescribeAutoScalingGroupsResult><ResponseMetadata/></DescribeAutoScalingGroupsResponse>"
        )
        yield planted, service_model.faults_of_answer(operation, body), expected
    operation = service_model.service("ecs").operation_model("DescribeTasks")
    for planted, expected in TASKS:
        body = json.dumps({"tasks": [{**TASK, **planted}], "failures": []})
        yield planted, service_model.faults_of_answer(operation, body), expected
    for service, name, parameters, expected in REQUESTS:
        operation = service_model.service(service).operation_model(name)
        yield parameters, service_model.faults_of_request(operation, parameters), expected
    for service, name, code, status, expected in ERRORS:
        operation = service_model.service(service).operation_model(name)
        yield code, service_model.faults_of_error(operation, code, status), expected


overlooked = [
    f"{planted}: {found}, not {expected!r}"
    for planted, found, expected in cases()
    if bool(found) != bool(expected) or (expected and expected not in "\n".join(found))
]
print("\n".join(overlooked))
sys.exit(1 if overlooked else 0)
