"""Compare answers and requests with the service models that AWS publishes and botocore carries.

botocore reads answers leniently: it drops unknown members and misses none. This check reads the
answer as it is on the wire, and reports every difference from the model.
"""

import json
import re
import xml.etree.ElementTree as ElementTree
from functools import lru_cache

import botocore.session
from botocore.exceptions import ParamValidationError
from botocore.validate import validate_parameters

NUMBERS = ("integer", "long")
TEXT_NUMBER = re.compile(r"-?\d+")
TEXT_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@lru_cache(maxsize=None)
def service(name):
    return botocore.session.get_session().get_service_model(name)


def unprefixed(tag):
    """The name of an element without its namespace."""
    return tag.rpartition("}")[2]


def faults_of_json(shape, value, path):
    """What is wrong with a JSON value, of AWS JSON 1.1, as a shape of the model."""
    if value is None:
        return [f"{path}: null"]
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{path}: not a structure: {value!r}"]
        faults = [f"{path}.{name}: unknown to the model" for name in value if name not in shape.members]
        faults += [f"{path}.{name}: required, and not there" for name in shape.required_members if name not in value]
        for name in value.keys() & shape.members.keys():
            faults += faults_of_json(shape.members[name], value[name], f"{path}.{name}")
        return faults
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path}: not a list: {value!r}"]
        return [fault for at, item in enumerate(value) for fault in faults_of_json(shape.member, item, f"{path}[{at}]")]
    if kind == "map":
        if not isinstance(value, dict):
            return [f"{path}: not a map: {value!r}"]
        return [fault for key in value for fault in faults_of_json(shape.value, value[key], f"{path}.{key}")]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    right = {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": number and isinstance(value, int),
        "long": number and isinstance(value, int),
        "double": number,
        "float": number,
        # Seconds since 1970, as ECS writes them: not milliseconds.
        "timestamp": number and 0 < value < 1e11,
    }.get(kind, False)
    return faults_of_scalar(shape, value, path) if right else [f"{path}: not a {kind}: {value!r}"]


def faults_of_xml(shape, element, path):
    """What is wrong with an element, of the Query protocol, as a shape of the model."""
    kind, children, text = shape.type_name, list(element), element.text or ""
    if kind == "structure":
        by_name = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        faults, seen = [], set()
        for child in children:
            tag = unprefixed(child.tag)
            if tag not in by_name:
                faults.append(f"{path}.{tag}: unknown to the model")
                continue
            if tag in seen:
                faults.append(f"{path}.{tag}: there twice")
            seen.add(tag)
            faults += faults_of_xml(by_name[tag][1], child, f"{path}.{tag}")
        present = {by_name[tag][0] for tag in seen}
        return faults + [f"{path}.{name}: required, and not there" for name in shape.required_members if name not in present]
    if kind == "list":
        faults = []
        for at, child in enumerate(children):
            if unprefixed(child.tag) != "member":
                faults.append(f"{path}[{at}]: {unprefixed(child.tag)} where a member is expected")
            faults += faults_of_xml(shape.member, child, f"{path}[{at}]")
        return faults
    if children:
        return [f"{path}: elements in a {kind}"]
    value, right = text, True
    if kind in NUMBERS:
        right = bool(TEXT_NUMBER.fullmatch(text))
        value = int(text) if right else text
    elif kind == "boolean":
        right = text in ("true", "false")
    elif kind == "timestamp":
        right = bool(TEXT_TIME.fullmatch(text))
    elif kind != "string":
        right = False
    return faults_of_scalar(shape, value, path) if right else [f"{path}: not a {kind}: {text!r}"]


def faults_of_scalar(shape, value, path):
    """Enumerations, lengths, ranges and patterns."""
    faults = []
    if getattr(shape, "enum", None) and value not in shape.enum:
        if value not in BEYOND_THE_MODEL.get(shape.name, ()):
            faults.append(f"{path}: {value!r} is none of {shape.enum}")
    bounds = shape.metadata
    if shape.type_name in ("string", *NUMBERS):
        size = len(value) if isinstance(value, str) else value
        if size < bounds.get("min", size) or size > bounds.get("max", size):
            faults.append(f"{path}: {value!r} is not within {bounds.get('min')} and {bounds.get('max')}")
    if isinstance(value, str) and "pattern" in bounds and not matches(bounds["pattern"], value):
        faults.append(f"{path}: {value!r} does not match {bounds['pattern']}")
    return faults


def matches(pattern, value):
    """Java's patterns name what lies above U+FFFF by two halves, Python's by itself."""
    pattern = pattern.replace("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\U00010000-\\U0010FFFF")
    return re.fullmatch(pattern, value) is not None


def faults_of_answer(operation, body):
    """What is wrong with the body of a good answer."""
    shape, name = operation.output_shape, operation.name
    if operation.service_model.protocol == "query":
        root = ElementTree.fromstring(body)
        namespace = operation.service_model.metadata["xmlNamespace"]
        faults = []
        if root.tag != f"{{{namespace}}}{name}Response":
            faults.append(f"{name}: the answer is a {root.tag}")
        by_name = {unprefixed(child.tag): child for child in root}
        wrapper = operation.output_shape and operation.output_shape.serialization.get("resultWrapper")
        expected = {wrapper, "ResponseMetadata"} - {None}
        if set(by_name) != expected:
            faults.append(f"{name}: it holds {sorted(by_name)}, not {sorted(expected)}")
        if wrapper in by_name:
            faults += faults_of_xml(shape, by_name[wrapper], name)
        return faults
    return faults_of_json(shape, json.loads(body), name)


# Values that AWS sends and its model lacks. Recorded in 2026: a termination at its hook.
BEYOND_THE_MODEL = {"ScalingActivityStatusCode": {"MidTerminatingLifecycleAction"}}

# Errors that every operation can return (CommonErrors pages). ECS throttles with
# ThrottlingException, which the model lists for none of these operations.
COMMON = {
    "ecs": {"ThrottlingException": 400, "UnknownOperationException": 400, "SerializationException": 400, "ValidationException": 400},
    "autoscaling": {"AccessDenied": 403, "ValidationError": 400, "Throttling": 400, "InvalidAction": 400, "InternalFailure": 500, "ServiceUnavailable": 503},
}


def faults_of_error(operation, code, status):
    """Whether the operation, or the service's page of common errors, has this code and status."""
    known = dict(COMMON[operation.service_model.service_name])
    for shape in operation.error_shapes:
        error = shape.metadata.get("error", {})
        default = 500 if shape.metadata.get("fault") or shape.name == "ServerException" else 400
        known[error.get("code", shape.name)] = error.get("httpStatusCode", default)
    if code not in known:
        return [f"{operation.name}: {code} is none of its errors: {sorted(known)}"]
    if status != known[code]:
        return [f"{operation.name}: {code} has status {known[code]}, not {status}"]
    return []


def faults_of_request(operation, parameters):
    """Faults of a request: botocore's validation, then enumerations, patterns and maxima."""
    try:
        validate_parameters(parameters, operation.input_shape)
        faults = []
    except ParamValidationError as error:
        faults = [f"{operation.name}: {error}"]
    return faults + faults_of_value(operation.input_shape, parameters, operation.name)


def faults_of_value(shape, value, path):
    if shape.type_name == "structure" and isinstance(value, dict):
        known = value.keys() & shape.members.keys()
        return [fault for name in sorted(known) for fault in faults_of_value(shape.members[name], value[name], f"{path}.{name}")]
    if shape.type_name == "map" and isinstance(value, dict):
        return [fault for key in value for fault in faults_of_value(shape.value, value[key], f"{path}.{key}")]
    if shape.type_name == "list" and isinstance(value, list):
        limit = LIMITS.get(path, shape.metadata.get("max"))
        faults = [f"{path}: {len(value)} items, of {limit} at most"] if limit and len(value) > limit else []
        return faults + [fault for item in value for fault in faults_of_value(shape.member, item, path + "[]")]
    faults = faults_of_scalar(shape, value, path) if isinstance(value, (str, int)) and not isinstance(value, bool) else []
    if path in RANGES and value not in RANGES[path]:
        faults.append(f"{path}: {value!r} is not within {RANGES[path]}")
    return faults


# What the models say in their documentation strings only (botocore, of the same members).
LIMITS = {
    "DescribeContainerInstances.containerInstances": 100,
    "UpdateContainerInstancesState.containerInstances": 10,
    "DescribeTasks.tasks": 100,
    "DescribeServices.services": 10,
    "GetTaskProtection.tasks": 100,
    "DescribeCapacityProviders.capacityProviders": 100,
    "DescribeAutoScalingGroups.AutoScalingGroupNames": 50,
    "DescribeScalingActivities.ActivityIds": 50,
    "PutMetricData.MetricData": 1000,
    "PutMetricData.MetricData[].Dimensions": 30,
    "PutMetricData.MetricData[].Values": 150,
}
RANGES = {
    "ListContainerInstances.maxResults": range(1, 101),
    "ListTasks.maxResults": range(1, 101),
    "ListServices.maxResults": range(1, 101),
    "DescribeCapacityProviders.maxResults": range(1, 11),
    "DescribeAutoScalingGroups.MaxRecords": range(1, 101),
    "DescribeScalingActivities.MaxRecords": range(1, 101),
    "PutMetricData.MetricData[].StorageResolution": (1, 60),
}
