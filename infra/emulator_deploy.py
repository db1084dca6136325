#!/usr/bin/env python3
"""Deploy the template, with both functions' real packages, into an emulator of AWS.

    infra/emulator_deploy.py --endpoint http://127.0.0.1:4566 \\
        --drainer target/lambda/lifecycle-drainer/bootstrap.zip \\
        --calculator target/lambda/capacity-calculator/bootstrap.zip \\
        --parameters '{"ClusterName": "demo", "AutoScalingGroupName": "demo-asg", ...}' \\
        --environment '{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_ECS": ...}'

On success it prints one line of JSON: the stack's outputs, and the physical id of each resource by
its logical id. On failure it prints one line to standard error, and the exit code is 1.

It differs from a deployment to AWS as follows. Packages and template come from the emulator's own S3.
Both functions get the extra variables. The architecture is this machine's. --drainer-timeout shortens
the drainer's timeout, so a drain takes several invocations within seconds. --no-schedules disables
the schedules, so a caller can invoke the functions in its own rhythm.

Start the emulator with MINISTACK_ACCOUNT_ID=111122223333. Otherwise unsigned requests find no
function.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from translate import TranslateError, load, translate

FUNCTIONS = ("LifecycleDrainer", "CapacityCalculator")
BUCKET = "fleetkeeper-packages"
# The emulator assumes that an access key of twelve digits is the account. The sample events use it.
ACCOUNT = "111122223333"
ARCHITECTURES = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
# Lambda sets these for a function with a LoggingConfig of JSON. The emulator does not.
LOGGING = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": {"Ref": "LogLevel"}}


class DeployError(Exception):
    """The stack cannot be deployed. The message says why, in one line."""


def json_object(text):
    """Read an argument: a JSON object of strings or numbers, or @file with one."""
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise argparse.ArgumentTypeError(f"cannot read {text[1:]}: {error.strerror}") from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error
    if not isinstance(value, dict) or not all(isinstance(v, (str, int, float)) for v in value.values()):
        raise argparse.ArgumentTypeError("expected a JSON object of strings and numbers")
    return {key: str(v) for key, v in value.items()}


def package(path):
    """Read a package, which must be a zip file."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {error.strerror}") from error
    if not data.startswith(b"PK"):
        raise argparse.ArgumentTypeError(f"{path} is not a zip file")
    return data


class Parser(argparse.ArgumentParser):
    def error(self, message):
        sys.exit(f"{self.prog}: {message}")


def arguments():
    parser = Parser(prog="emulator_deploy", description="Deploy the template into an emulator of AWS.")
    parser.add_argument("--endpoint", required=True, help="the emulator's URL")
    parser.add_argument("--drainer", required=True, type=package, help="zip of lifecycle-drainer")
    parser.add_argument("--calculator", required=True, type=package, help="zip of capacity-calculator")
    parser.add_argument("--parameters", required=True, type=json_object, help="the template's parameters, or @file")
    parser.add_argument("--environment", default={}, type=json_object, help="variables for both functions, or @file")
    parser.add_argument("--drainer-timeout", type=int, help="seconds, in place of the template's")
    parser.add_argument("--no-schedules", action="store_true", help="disable every schedule")
    parser.add_argument("--stack", default="fleetkeeper", help="default: %(default)s")
    parser.add_argument("--region", default="us-east-1", help="default: %(default)s")
    parser.add_argument("--account", default=ACCOUNT, help="default: %(default)s")
    parser.add_argument("--wait", default=60, type=int, help="seconds to wait for the stack; default: %(default)s")
    return parser.parse_args()


def clients(options):
    """Return a factory of clients that reach only the emulator, whatever credentials exist here."""
    session = boto3.session.Session(
        aws_access_key_id=options.account, aws_secret_access_key="none", region_name=options.region
    )
    config = Config(
        connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}
    )
    return lambda service: session.client(service, endpoint_url=options.endpoint, config=config)


def upload(s3, stack, packages):
    s3.create_bucket(Bucket=BUCKET)
    uris = {}
    for name, data in packages.items():
        key = f"{stack}/{name}.zip"
        s3.put_object(Bucket=BUCKET, Key=key, Body=data)
        uris[name] = f"s3://{BUCKET}/{key}"
    return uris


def upload_template(s3, options, body):
    """Upload the template, as SAM does."""
    key = f"{options.stack}/template.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())
    return f"{options.endpoint.rstrip('/')}/{BUCKET}/{key}"


def template_body(options, uris):
    template = load()
    for name in FUNCTIONS:
        properties = template["Resources"][name]["Properties"]
        properties["Environment"]["Variables"].update({**LOGGING, **options.environment})
        for event in properties["Events"].values():
            if options.no_schedules and event["Type"] == "Schedule":
                event["Properties"]["State"] = "DISABLED"
    if options.drainer_timeout:
        template["Resources"]["LifecycleDrainer"]["Properties"]["Timeout"] = options.drainer_timeout
    unknown = sorted(set(options.parameters) - set(template["Parameters"]))
    if unknown:
        raise DeployError(f"the template has no parameter {', '.join(unknown)}")
    return json.dumps(translate(template, uris))


def wait(cloudformation, stack, seconds):
    """Wait until the stack is created, and return it."""
    until = time.monotonic() + seconds
    while True:
        state = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if state["StackStatus"] == "CREATE_COMPLETE":
            return state
        if state["StackStatus"] != "CREATE_IN_PROGRESS":
            raise DeployError(f"stack {stack} is {state['StackStatus']}: {reason(cloudformation, stack, state)}")
        if time.monotonic() >= until:
            raise DeployError(f"stack {stack} is still {state['StackStatus']} after {seconds} s")
        time.sleep(0.1)


def reason(cloudformation, stack, state):
    """Return why a stack failed: the first failed resource, or the stack's own reason."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    for event in sorted(events, key=lambda event: event["Timestamp"]):
        if event["ResourceStatus"] == "CREATE_FAILED":
            return f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
    return state.get("StackStatusReason", "no reason given")


def deploy(options):
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        raise DeployError(f"Lambda has no architecture {platform.machine()}")
    parameters = {**options.parameters, "Architecture": architecture}
    client = clients(options)
    s3 = client("s3")
    uris = upload(s3, options.stack, dict(zip(FUNCTIONS, (options.drainer, options.calculator))))
    template_url = upload_template(s3, options, template_body(options, uris))
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=options.stack,
        TemplateURL=template_url,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = wait(cloudformation, options.stack, options.wait)
    resources = cloudformation.describe_stack_resources(StackName=options.stack)["StackResources"]
    physical = {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in resources}
    return {**physical, **{output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}}


def main():
    options = arguments()
    try:
        outputs = deploy(options)
    except (DeployError, TranslateError, BotoCoreError, ClientError) as error:
        sys.exit("emulator_deploy: " + " ".join(str(error).split()))
    print(json.dumps(outputs))


if __name__ == "__main__":
    main()
