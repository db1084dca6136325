"""boto3 drives the HTTP face of the simulated world. Service models decide what AWS would answer.

    face.py URL served OPERATION...     the world that tests/contracts/world.rs builds
    face.py URL failing CODE            every call ends in this error of the service

Prints each fault found, and exits with 1 where there is one.
"""

import json
import re
import sys

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import ClientError

import service_model

CLUSTER = "demo"
# Of group 01, as tests/contracts/world.rs has it.
REFRESHES = 2
UNKNOWN = "ffffffffffffffffffffffffffffffff"


class Face:
    """Clients whose every answer is held to the model, and the faults found so far."""

    def __init__(self, url):
        self.faults, self.called = [], set()
        # boto3 would refuse odd input itself.
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        for name in ("ecs", "autoscaling"):
            client = boto3.client(
                name, endpoint_url=url, region_name="us-east-1", config=config,
                aws_access_key_id="test", aws_secret_access_key="test",
            )
            client.meta.events.register(f"before-parse.{name}.*", self.hold_to_model)
            setattr(self, name, client)

    def hold_to_model(self, operation_model, response_dict, **_):
        operation, body = operation_model, response_dict["body"]
        self.called.add(f"{operation.service_model.service_name}:{operation.name}")
        if response_dict["status_code"] == 200:
            self.faults += service_model.faults_of_answer(operation, body)
        if not response_dict["headers"].get("x-amzn-requestid"):
            self.faults.append(f"{operation.name}: no request id")

    def call(self, operation, **parameters):
        """The answer of a call that goes well."""
        try:
            return self.method(operation)(**parameters)
        except ClientError as error:
            self.faults.append(f"{operation} {shown(parameters)}: {error}")
            return None

    def refused(self, code, operation, **parameters):
        """A call that the service refuses, with this code. Returns the message."""
        try:
            self.method(operation)(**parameters)
        except ClientError as error:
            model = self.client(operation).meta.service_model.operation_model(operation)
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            found = error.response["Error"]["Code"]
            self.faults += service_model.faults_of_error(model, found, status)
            if found != code:
                self.faults.append(f"{operation} {shown(parameters)}: {found}, where AWS says {code}: {error}")
            return error.response["Error"]["Message"]
        self.faults.append(f"{operation} {shown(parameters)}: answered, where AWS says {code}")
        return ""

    def client(self, operation):
        in_ecs = operation in self.ecs.meta.service_model.operation_names
        return self.ecs if in_ecs else self.autoscaling

    def method(self, operation):
        return getattr(self.client(operation), botocore.xform_name(operation))

    def expect(self, what, found, wanted):
        if found != wanted:
            self.faults.append(f"{what}: {found!r}, not {wanted!r}")

    def pages(self, operation, member, token, **parameters):
        """All items, and the sizes of the pages that they came in."""
        items, sizes, following = [], [], {}
        while True:
            answer = self.call(operation, **parameters, **following) or {}
            items += answer.get(member, [])
            sizes.append(len(answer.get(member, [])))
            if token not in answer:
                return items, sizes
            following = {token[0].upper() + token[1:] if self.client(operation) is self.autoscaling else token: answer[token]}


def shown(parameters):
    text = json.dumps(parameters, default=str)
    return text if len(text) < 120 else text[:117] + "..."


def lists(face):
    """Pages: what a list holds by default and at most, and that tokens lead through all of it."""
    def paged(operation, member, sizes, token="nextToken", **parameters):
        found, pages = face.pages(operation, member, token, **parameters)
        face.expect(f"{operation} {shown(parameters)}: pages of", pages, sizes)
        names = [json.dumps(item, default=str, sort_keys=True) for item in found]
        face.expect(f"{operation} {shown(parameters)}: items there twice", len(names) - len(set(names)), 0)
        return found

    instances = paged("ListContainerInstances", "containerInstanceArns", [100, 5], cluster=CLUSTER)
    paged("ListContainerInstances", "containerInstanceArns", [60, 45], cluster=CLUSTER, maxResults=60)
    paged("ListContainerInstances", "containerInstanceArns", [1], cluster=CLUSTER, status="DRAINING")
    paged("ListContainerInstances", "containerInstanceArns", [0], cluster=CLUSTER, status="DEREGISTERING")
    paged("ListContainerInstances", "containerInstanceArns", [0], cluster=CLUSTER, filter="ec2InstanceId == i-0")
    paged("ListContainerInstances", "containerInstanceArns", [0], cluster="empty")
    tasks = paged("ListTasks", "taskArns", [100, 41], cluster=CLUSTER)
    paged("ListTasks", "taskArns", [100, 41], cluster=f"arn:aws:ecs:us-east-1:111122223333:cluster/{CLUSTER}", desiredStatus="RUNNING")
    stopped = paged("ListTasks", "taskArns", [1], cluster=CLUSTER, desiredStatus="STOPPED")
    # Nothing is ever desired to be pending (ecs:ListTasks.desiredStatus).
    paged("ListTasks", "taskArns", [0], cluster=CLUSTER, desiredStatus="PENDING")
    # 10 by default (ecs:ListServices.maxResults).
    services = paged("ListServices", "serviceArns", [10, 4], cluster=CLUSTER)
    paged("ListServices", "serviceArns", [14], cluster=CLUSTER, maxResults=100)
    paged("ListServices", "serviceArns", [1], cluster=CLUSTER, schedulingStrategy="DAEMON")
    paged("DescribeCapacityProviders", "capacityProviders", [10, 2])
    paged("DescribeCapacityProviders", "capacityProviders", [5, 5, 2], maxResults=5)
    # 50 by default, 100 at most (autoscaling:DescribeAutoScalingGroups.MaxRecords).
    groups = paged("DescribeAutoScalingGroups", "AutoScalingGroups", [50, 5], token="NextToken")
    paged("DescribeAutoScalingGroups", "AutoScalingGroups", [55], token="NextToken", MaxRecords=100)
    paged("DescribeAutoScalingGroups", "AutoScalingGroups", [2, 1], token="NextToken", MaxRecords=2, AutoScalingGroupNames=["hosts", "group 00", "no such", "group 01"])
    paged("DescribeAutoScalingGroups", "AutoScalingGroups", [0], token="NextToken", AutoScalingGroupNames=["no such"])
    paged("DescribeScalingActivities", "Activities", [100, 6], token="NextToken", AutoScalingGroupName="hosts")
    paged("DescribeScalingActivities", "Activities", [53, 53], token="NextToken", AutoScalingGroupName="hosts", MaxRecords=53)

    # 50 by default, 100 at most (autoscaling:DescribeInstanceRefreshes.MaxRecords).
    paged("DescribeInstanceRefreshes", "InstanceRefreshes", [REFRESHES], token="NextToken", AutoScalingGroupName="group 01")
    paged("DescribeInstanceRefreshes", "InstanceRefreshes", [1] * REFRESHES, token="NextToken", AutoScalingGroupName="group 01", MaxRecords=1)
    paged("DescribeInstanceRefreshes", "InstanceRefreshes", [0], token="NextToken", AutoScalingGroupName="hosts")

    for operation in ("ListContainerInstances", "ListTasks", "ListServices"):
        for size in (0, 101, -1):
            face.refused("InvalidParameterException", operation, cluster=CLUSTER, maxResults=size)
        face.refused("InvalidParameterException", operation, cluster=CLUSTER, nextToken="no token of this list")
        face.refused("ClusterNotFoundException", operation, cluster="misspelt")
    for size in (0, 11):
        face.refused("InvalidParameterException", "DescribeCapacityProviders", maxResults=size)
    for size in (0, 101, "many"):
        face.refused("ValidationError", "DescribeAutoScalingGroups", MaxRecords=size)
        face.refused("ValidationError", "DescribeScalingActivities", AutoScalingGroupName="hosts", MaxRecords=size)
        face.refused("ValidationError", "DescribeInstanceRefreshes", AutoScalingGroupName="hosts", MaxRecords=size)
    face.refused("InvalidNextToken", "DescribeAutoScalingGroups", NextToken="none")
    face.refused("InvalidNextToken", "DescribeScalingActivities", AutoScalingGroupName="hosts", NextToken="none")
    face.refused("InvalidNextToken", "DescribeInstanceRefreshes", AutoScalingGroupName="hosts", NextToken="none")
    face.refused("InvalidParameterException", "ListContainerInstances", cluster=CLUSTER, status="INACTIVE")
    face.refused("InvalidParameterException", "ListContainerInstances", cluster=CLUSTER, filter="ec2InstanceId ==")
    face.refused("InvalidParameterException", "ListTasks", cluster=CLUSTER, desiredStatus="STOPPING")
    face.refused("InvalidParameterException", "ListServices", cluster=CLUSTER, schedulingStrategy="BOTH")
    return instances, tasks, stopped, services, [group["AutoScalingGroupName"] for group in groups]


def described(face, instances, tasks, stopped, services):
    """What is described by name: batch limits, what is missing, ids of a wrong form."""
    for operation, member, found, limit in (
        ("DescribeContainerInstances", "containerInstances", instances, 100),
        ("DescribeTasks", "tasks", tasks + stopped, 100),
        ("GetTaskProtection", "tasks", tasks, 100),
    ):
        answered = "protectedTasks" if operation == "GetTaskProtection" else member
        answer = face.call(operation, cluster=CLUSTER, **{member: found[:limit]}) or {}
        face.expect(f"{operation}: of {limit}", (len(answer.get(answered, [])), answer.get("failures")), (limit, []))
        # By id, which is as good as the ARN; and one that is not there.
        answer = face.call(operation, cluster=CLUSTER, **{member: [found[-1].rpartition("/")[2], UNKNOWN]}) or {}
        failures = [(failure["arn"].rpartition("/")[2], failure["reason"]) for failure in answer.get("failures", [])]
        face.expect(f"{operation}: failures", failures, [(UNKNOWN, "MISSING")])
        face.expect(f"{operation}: beside a failure", len(answer.get(answered, [])), 1)
        face.refused("InvalidParameterException", operation, cluster=CLUSTER, **{member: (found * 2)[: limit + 1]})
        face.refused("ClusterNotFoundException", operation, cluster="misspelt", **{member: found[:1]})
        # "taskId length should be one of [32,36]", as AWS says to callers who found no task and
        # pass on "None".
        for odd in ("None", "", found[0] + "0"):
            message = face.refused("InvalidParameterException", operation, cluster=CLUSTER, **{member: [odd]})
            if "length should be one of [32,36]" not in message:
                face.faults.append(f"{operation} of {odd!r}: {message}")
    for operation, member in (("DescribeContainerInstances", "containerInstances"), ("DescribeTasks", "tasks"), ("DescribeServices", "services")):
        face.refused("InvalidParameterException", operation, cluster=CLUSTER, **{member: []})

    names = [arn.rpartition("/")[2] for arn in services]
    for first in (0, 10):
        answer = face.call("DescribeServices", cluster=CLUSTER, services=names[first : first + 10]) or {}
        face.expect("DescribeServices: failures", answer.get("failures"), [])
    answer = face.call("DescribeServices", cluster=CLUSTER, services=["none", services[0]]) or {}
    face.expect("DescribeServices: failures", [it["reason"] for it in answer.get("failures", [])], ["MISSING"])
    face.refused("InvalidParameterException", "DescribeServices", cluster=CLUSTER, services=names[:11])
    face.refused("ClusterNotFoundException", "DescribeServices", cluster="misspelt", services=names[:1])

    for definition in ("web:1", "gpu:1", "arn:aws:ecs:us-east-1:111122223333:task-definition/built-for:1"):
        face.call("DescribeTaskDefinition", taskDefinition=definition, include=["TAGS"])
    face.refused("ClientException", "DescribeTaskDefinition", taskDefinition="none:1")
    plain = face.call("DescribeTaskDefinition", taskDefinition="web:1") or {}
    containers = plain.get("taskDefinition", {}).get("containerDefinitions", [{}])
    # A container whose definition names no stop timeout shows none.
    face.expect("DescribeTaskDefinition: stopTimeout", "stopTimeout" in containers[0], False)

    answer = face.call("DescribeCapacityProviders", capacityProviders=["p00", "none"]) or {}
    face.expect("DescribeCapacityProviders: failures", [it["reason"] for it in answer.get("failures", [])], ["MISSING"])


def changes(face, instances, tasks):
    """Operations that change something, and those of lifecycle actions."""
    answer = face.call("UpdateContainerInstancesState", cluster=CLUSTER, containerInstances=[instances[0], UNKNOWN], status="DRAINING") or {}
    face.expect("UpdateContainerInstancesState", [it["status"] for it in answer.get("containerInstances", [])], ["DRAINING"])
    face.expect("UpdateContainerInstancesState: failures", [it["reason"] for it in answer.get("failures", [])], ["MISSING"])
    face.call("UpdateContainerInstancesState", cluster=CLUSTER, containerInstances=instances[:1], status="ACTIVE")
    face.refused("InvalidParameterException", "UpdateContainerInstancesState", cluster=CLUSTER, containerInstances=instances[:11], status="DRAINING")
    face.refused("InvalidParameterException", "UpdateContainerInstancesState", cluster=CLUSTER, containerInstances=instances[:1], status="DEREGISTERING")
    face.refused("InvalidParameterException", "UpdateContainerInstancesState", cluster=CLUSTER, containerInstances=["None"], status="DRAINING")

    for reason in ({}, {"reason": "drain timeout"}):
        answer = face.call("StopTask", cluster=CLUSTER, task=tasks[0], **reason) or {}
        face.expect("StopTask", answer.get("task", {}).get("desiredStatus"), "STOPPED")
    face.refused("InvalidParameterException", "StopTask", cluster=CLUSTER, task=UNKNOWN)
    face.refused("InvalidParameterException", "StopTask", cluster=CLUSTER, task="None")
    face.refused("ClusterNotFoundException", "StopTask", cluster="misspelt", task=tasks[0])

    answer = face.call("DescribeLifecycleHooks", AutoScalingGroupName="hosts") or {}
    face.expect("DescribeLifecycleHooks", len(answer.get("LifecycleHooks", [])), 2)
    face.call("DescribeLifecycleHooks", AutoScalingGroupName="hosts", LifecycleHookNames=["drain", "none"])
    face.call("DescribeLifecycleHooks", AutoScalingGroupName="group 00")
    face.refused("ValidationError", "DescribeLifecycleHooks", AutoScalingGroupName="none")
    face.refused("ValidationError", "DescribeLifecycleHooks")
    waiting = [
        instance["InstanceId"]
        for group in face.call("DescribeAutoScalingGroups", AutoScalingGroupNames=["hosts"])["AutoScalingGroups"]
        for instance in group["Instances"] if instance["LifecycleState"] == "Terminating:Wait"
    ]
    face.expect("instances in Terminating:Wait", len(waiting), 1)
    action = {"AutoScalingGroupName": "hosts", "LifecycleHookName": "drain"}
    token = "00000000-0000-4000-8000-000000000000"
    for named in ({"InstanceId": "i-00000000000000000"}, {"LifecycleActionToken": token}):
        for operation, more in (("RecordLifecycleActionHeartbeat", {}), ("CompleteLifecycleAction", {"LifecycleActionResult": "CONTINUE"})):
            message = face.refused("ValidationError", operation, **action, **named, **more)
            if "No active Lifecycle Action found" not in message:
                face.faults.append(f"{operation} {named}: {message}")
    face.call("RecordLifecycleActionHeartbeat", **action, InstanceId=waiting[0])
    face.refused("ValidationError", "RecordLifecycleActionHeartbeat", **action, LifecycleActionToken="short")
    face.refused("ValidationError", "CompleteLifecycleAction", **action, InstanceId=waiting[0], LifecycleActionResult="RETRY")
    face.refused("ValidationError", "CompleteLifecycleAction", **action, InstanceId=waiting[0])
    face.call("CompleteLifecycleAction", **action, InstanceId=waiting[0], LifecycleActionResult="CONTINUE")
    group_scaling(face)


def group_scaling(face):
    """Setting a capacity, and terminating an instance by its id."""
    def group(name):
        return face.call("DescribeAutoScalingGroups", AutoScalingGroupNames=[name])["AutoScalingGroups"][0]

    # 1,000 is the greatest of the world's groups, and 0 the least.
    face.refused("ValidationError", "SetDesiredCapacity", AutoScalingGroupName="group 00", DesiredCapacity=1001)
    face.refused("ValidationError", "SetDesiredCapacity", AutoScalingGroupName="none", DesiredCapacity=1)
    face.refused("ValidationError", "SetDesiredCapacity", AutoScalingGroupName="group 00")
    for honor in ({}, {"HonorCooldown": False}, {"HonorCooldown": True}):
        face.call("SetDesiredCapacity", AutoScalingGroupName="group 00", DesiredCapacity=4, **honor)
    face.expect("SetDesiredCapacity", group("group 00")["DesiredCapacity"], 4)

    before = group("hosts")
    chosen = next(it["InstanceId"] for it in before["Instances"] if it["LifecycleState"] == "InService")
    answer = face.call("TerminateInstanceInAutoScalingGroup", InstanceId=chosen, ShouldDecrementDesiredCapacity=True) or {}
    face.expect("TerminateInstanceInAutoScalingGroup", chosen in answer.get("Activity", {}).get("Description", ""), True)
    face.expect("TerminateInstanceInAutoScalingGroup: DesiredCapacity", group("hosts")["DesiredCapacity"], before["DesiredCapacity"] - 1)
    unknown = {"InstanceId": "i-00000000000000000", "ShouldDecrementDesiredCapacity": True}
    message = face.refused("ValidationError", "TerminateInstanceInAutoScalingGroup", **unknown)
    if "Instance Id not found" not in message:
        face.faults.append(f"TerminateInstanceInAutoScalingGroup: {message}")
    face.refused("ValidationError", "TerminateInstanceInAutoScalingGroup", InstanceId=chosen)


# Members that the world takes. It must refuse every other member that a model has: an answer that
# overlooked one would be wrong.
TAKEN = {
    "ListContainerInstances": {"cluster", "filter", "status", "maxResults", "nextToken"},
    "DescribeContainerInstances": {"cluster", "containerInstances", "include"},
    "UpdateContainerInstancesState": {"cluster", "containerInstances", "status"},
    "ListTasks": {"cluster", "containerInstance", "desiredStatus", "maxResults", "nextToken"},
    "DescribeTasks": {"cluster", "tasks", "include"},
    "StopTask": {"cluster", "task", "reason"},
    "DescribeTaskDefinition": {"taskDefinition", "include"},
    "ListServices": {"cluster", "schedulingStrategy", "maxResults", "nextToken"},
    "DescribeServices": {"cluster", "services", "include"},
    "DescribeCapacityProviders": {"capacityProviders", "include", "maxResults", "nextToken"},
    "GetTaskProtection": {"cluster", "tasks"},
    "DescribeLifecycleHooks": {"AutoScalingGroupName", "LifecycleHookNames"},
    "RecordLifecycleActionHeartbeat": {"AutoScalingGroupName", "LifecycleHookName", "LifecycleActionToken", "InstanceId"},
    "CompleteLifecycleAction": {"AutoScalingGroupName", "LifecycleHookName", "LifecycleActionToken", "InstanceId", "LifecycleActionResult"},
    "DescribeAutoScalingGroups": {"AutoScalingGroupNames", "IncludeInstances", "MaxRecords", "NextToken"},
    "DescribeScalingActivities": {"AutoScalingGroupName", "MaxRecords", "NextToken"},
    "SetDesiredCapacity": {"AutoScalingGroupName", "DesiredCapacity", "HonorCooldown"},
    "TerminateInstanceInAutoScalingGroup": {"InstanceId", "ShouldDecrementDesiredCapacity"},
    "DescribeInstanceRefreshes": {"AutoScalingGroupName", "MaxRecords", "NextToken"},
}
ODD = {"string": "x", "integer": 1, "boolean": True}


def untaken(face, examples):
    """No member is passed over in silence."""
    for operation, taken in TAKEN.items():
        model = face.client(operation).meta.service_model.operation_model(operation)
        for name, shape in model.input_shape.members.items():
            if name in taken:
                continue
            value = ODD.get(shape.type_name) or [ODD.get(shape.member.type_name) or {"Name": "x", "Values": ["x"]}]
            code = "ValidationError" if face.client(operation) is face.autoscaling else "InvalidParameterException"
            face.refused(code, operation, **examples[operation], **{name: value})


def served(face, operations):
    instances, tasks, stopped, services, groups = lists(face)
    face.expect("groups", len(groups), 55)
    described(face, instances, tasks, stopped, services)
    without = face.call("DescribeAutoScalingGroups", AutoScalingGroupNames=["hosts"], IncludeInstances=False) or {}
    face.expect("IncludeInstances=false", [it["Instances"] for it in without.get("AutoScalingGroups", [])], [[]])
    untaken(face, examples(instances, tasks, services))
    changes(face, instances, tasks)
    face.expect("operations driven", sorted(face.called), sorted(operations))


def examples(instances=(UNKNOWN,), tasks=(UNKNOWN,), services=("web",)):
    """One plain call of each operation."""
    cluster = {"cluster": CLUSTER}
    action = {"AutoScalingGroupName": "hosts", "LifecycleHookName": "drain", "InstanceId": "i-00000000000000000"}
    return {
        "ListContainerInstances": cluster,
        "DescribeContainerInstances": {**cluster, "containerInstances": list(instances[:1])},
        "UpdateContainerInstancesState": {**cluster, "containerInstances": list(instances[:1]), "status": "ACTIVE"},
        "ListTasks": cluster,
        "DescribeTasks": {**cluster, "tasks": list(tasks[:1])},
        "StopTask": {**cluster, "task": tasks[0]},
        "DescribeTaskDefinition": {"taskDefinition": "web:1"},
        "ListServices": cluster,
        "DescribeServices": {**cluster, "services": list(services[:1])},
        "DescribeCapacityProviders": {},
        "GetTaskProtection": {**cluster, "tasks": list(tasks[:1])},
        "DescribeLifecycleHooks": {"AutoScalingGroupName": "hosts"},
        "RecordLifecycleActionHeartbeat": action,
        "CompleteLifecycleAction": {**action, "LifecycleActionResult": "CONTINUE"},
        "DescribeAutoScalingGroups": {},
        "DescribeScalingActivities": {"AutoScalingGroupName": "hosts"},
        "SetDesiredCapacity": {"AutoScalingGroupName": "group 00", "DesiredCapacity": 1},
        "TerminateInstanceInAutoScalingGroup": {"InstanceId": "i-00000000000000000", "ShouldDecrementDesiredCapacity": True},
        "DescribeInstanceRefreshes": {"AutoScalingGroupName": "hosts"},
    }


def failing(face, by_service):
    """Every operation fails, with the service's own code."""
    for operation, parameters in examples().items():
        service = "ecs" if face.client(operation) is face.ecs else "autoscaling"
        face.refused(by_service[service], operation, **parameters)


def main():
    url, what, *arguments = sys.argv[1:]
    face = Face(url)
    if what == "served":
        served(face, arguments)
    else:
        failing(face, dict(zip(("ecs", "autoscaling"), arguments)))
    # The same of each item of a list is one fault.
    print("\n".join(dict.fromkeys(re.sub(r"\[\d+\]", "[]", fault) for fault in face.faults)))
    sys.exit(1 if face.faults else 0)


if __name__ == "__main__":
    main()
