"""The drainer as "Docker on AWS" (2018, chapter 11) designs it, written anew in Python with boto3.

It does what that design says, faults included, so that it is what a user would otherwise run:

- one page of container instances is looked through: an instance beyond the first hundred is not found;
- an instance whose running count is 0 counts as drained, while its tasks may still be stopping;
- nothing tells Auto Scaling that the drain goes on: it ends with the hook's heartbeat timeout;
- any exception abandons the hook, which terminates the instance with what runs on it.
"""

import json
import os
import time

import boto3

CLUSTER = os.environ["ECS_CLUSTER"]
POLL_SECONDS = 5
MARGIN_MILLISECONDS = 10_000

ecs = boto3.client("ecs")
autoscaling = boto3.client("autoscaling")
sns = boto3.client("sns")


def container_instance_of(ec2_instance_id):
    listed = ecs.list_container_instances(cluster=CLUSTER)["containerInstanceArns"]
    described = ecs.describe_container_instances(cluster=CLUSTER, containerInstances=listed)
    return next(
        instance["containerInstanceArn"]
        for instance in described["containerInstances"]
        if instance["ec2InstanceId"] == ec2_instance_id
    )


def running_tasks(arn):
    described = ecs.describe_container_instances(cluster=CLUSTER, containerInstances=[arn])
    return described["containerInstances"][0]["runningTasksCount"]


def complete(notice, result):
    autoscaling.complete_lifecycle_action(
        LifecycleHookName=notice["LifecycleHookName"],
        AutoScalingGroupName=notice["AutoScalingGroupName"],
        LifecycleActionToken=notice["LifecycleActionToken"],
        LifecycleActionResult=result,
    )


def drain(notice, topic, message, context):
    """Returns what came of it."""
    arn = container_instance_of(notice["EC2InstanceId"])
    ecs.update_container_instances_state(cluster=CLUSTER, containerInstances=[arn], status="DRAINING")
    while running_tasks(arn) > 0:
        if context.get_remaining_time_in_millis() <= MARGIN_MILLISECONDS:
            sns.publish(TopicArn=topic, Subject="Draining goes on", Message=message)
            return "republished"
        time.sleep(POLL_SECONDS)
    complete(notice, "CONTINUE")
    return "completed"


def handler(event, context):
    outcomes = []
    for record in event["Records"]:
        topic, message = record["Sns"]["TopicArn"], record["Sns"]["Message"]
        notice = json.loads(message)
        if notice.get("LifecycleTransition") != "autoscaling:EC2_INSTANCE_TERMINATING":
            outcomes.append("ignored")
            continue
        try:
            outcome = drain(notice, topic, message, context)
        except Exception as error:  # the design's own way out
            print(json.dumps({"level": "ERROR", "instance": notice["EC2InstanceId"], "error": repr(error)}))
            complete(notice, "ABANDON")
            outcome = "abandoned"
        print(json.dumps({"level": "INFO", "instance": notice["EC2InstanceId"], "outcome": outcome}))
        outcomes.append(outcome)
    return outcomes
