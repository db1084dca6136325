"""The calculator as "Docker on AWS" (2018, chapter 12) designs it, written anew in Python with boto3.

It does what that design says, faults included, so that it is what a user would otherwise run:

- one page of container instances is counted, a hundred of them;
- the worst case is fixed in the code;
- what a host has in all is taken from the instance that the event is about;
- only CPU, memory and static ports are known, and each is summed by itself, so that more may be promised than fits;
- a worst case larger than a host divides by zero;
- nothing says how many hosts are missing, or can go.

One thing is mended, as it would not run at all otherwise: CloudWatch refuses the namespace AWS/ECS.
"""

import json
import os

import boto3

CPU, MEMORY, PORTS = 512, 1024, set()
NAMESPACE = os.environ.get("METRIC_NAMESPACE", "ECS/Book")

ecs = boto3.client("ecs")
cloudwatch = boto3.client("cloudwatch")


def amount(resources, name):
    return next(resource["integerValue"] for resource in resources if resource["name"] == name)


def ports_in_use(resources):
    return next(set(resource["stringSetValue"]) for resource in resources if resource["name"] == "PORTS")


def active_instances(cluster):
    listed = ecs.list_container_instances(cluster=cluster, status="ACTIVE")["containerInstanceArns"]
    if not listed:
        return []
    return ecs.describe_container_instances(cluster=cluster, containerInstances=listed)["containerInstances"]


def capacities(instances, host):
    """For each resource how many containers fit in all, and how many on an empty host."""
    remaining = [instance["remainingResources"] for instance in instances]
    yield sum(amount(it, "CPU") // CPU for it in remaining), amount(host, "CPU") // CPU
    yield sum(amount(it, "MEMORY") // MEMORY for it in remaining), amount(host, "MEMORY") // MEMORY
    if PORTS:
        yield sum(not PORTS & ports_in_use(it) for it in remaining), 1


def handler(event, context):
    cluster = event["detail"]["clusterArn"]
    found = list(capacities(active_instances(cluster), event["detail"]["registeredResources"]))
    container_capacity = min(fit for fit, _ in found)
    idle_host_capacity = min(fit / per_host for fit, per_host in found)
    dimensions = [{"Name": "ClusterName", "Value": cluster.rpartition("/")[2]}]
    cloudwatch.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {"MetricName": "ContainerCapacity", "Dimensions": dimensions, "Value": container_capacity},
            {"MetricName": "IdleHostCapacity", "Dimensions": dimensions, "Value": idle_host_capacity},
        ],
    )
    answer = {"containerCapacity": container_capacity, "idleHostCapacity": idle_host_capacity}
    print(json.dumps({"level": "INFO", **answer}))
    return answer
