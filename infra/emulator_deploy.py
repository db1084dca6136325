#!/usr/bin/env python3
"""Deploy the template, with both functions' real packages, into an emulator of AWS.

    infra/emulator_deploy.py --endpoint http://127.0.0.1:4566 \\
        --drainer target/lambda/lifecycle-drainer/bootstrap.zip \\
        --calculator target/lambda/capacity-calculator/bootstrap.zip \\
        --parameters '{"ClusterName": "demo", "AutoScalingGroupName": "demo-asg", ...}' \\
        --environment '{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_ECS": ...}'

On success the stack's outputs go to standard output as one line of JSON, and nothing else does. On failure one line on
standard error says why, and the exit code is 1.

What differs from a deployment to AWS, and nothing else does: packages and template come from the emulator's own S3, the extra
variables are added to both functions' environment, the architecture is this machine's, the drainer's timeout can be
made short, so that a drain takes several invocations within seconds, and services are not scaled.

Start the emulator with MINISTACK_ACCOUNT_ID=111122223333, or requests without a signature find no function.
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
# An access key of twelve digits is what the emulator takes for the account. It is the one of the sample events.
ACCOUNT = "111122223333"
ARCHITECTURES = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
# What Lambda sets for a function whose LoggingConfig says JSON, and the emulator does not.
LOGGING = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": {"Ref": "LogLevel"}}


class DeployError(Exception):
    """The stack could not be deployed; the message says why, in one line."""


def json_object(text):
    """Read an argument that is a JSON object of strings or numbers, or @file with one."""
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
        raise argparse.ArgumentTypeError("wanted a JSON object of strings and numbers")
    return {key: str(v) for key, v in value.items()}


def package(path):
    """Read a package that Lambda could run."""
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
    parser.add_argument("--stack", default="fleetkeeper", help="default: %(default)s")
    parser.add_argument("--region", default="us-east-1", help="default: %(default)s")
    parser.add_argument("--account", default=ACCOUNT, help="default: %(default)s")
    parser.add_argument("--wait", default=60, type=int, help="seconds to wait for the stack; default: %(default)s")
    return parser.parse_args()


def clients(options):
    """A maker of clients that can reach the emulator only, whatever credentials this machine has."""
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
    """Upload the template as SAM does: CloudFormation takes at most 51,200 bytes with a request."""
    key = f"{options.stack}/template.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())
    return f"{options.endpoint.rstrip('/')}/{BUCKET}/{key}"


def without_nested_stacks(template):
    """Take out what scales services, with its conditions.

    The emulator has no Application Auto Scaling; and although it would create none of these stacks where no service is
    named, it evaluates every condition, and can't split a list in one.
    """
    resources, conditions = template["Resources"], template["Conditions"]
    for name in [name for name, it in resources.items() if it["Type"] == "AWS::CloudFormation::Stack"]:
        conditions.pop(resources.pop(name)["Condition"])


def template_body(options, uris):
    template = load()
    if options.parameters.get("ScaledServices"):
        raise DeployError("the emulator has no Application Auto Scaling: leave ScaledServices empty")
    without_nested_stacks(template)
    for name in FUNCTIONS:
        properties = template["Resources"][name]["Properties"]
        properties["Environment"]["Variables"].update({**LOGGING, **options.environment})
    if options.drainer_timeout:
        template["Resources"]["LifecycleDrainer"]["Properties"]["Timeout"] = options.drainer_timeout
    unknown = sorted(set(options.parameters) - set(template["Parameters"]))
    if unknown:
        raise DeployError(f"the template has no parameter {', '.join(unknown)}")
    return json.dumps(translate(template, uris))


def wait(cloudformation, stack, seconds):
    """Wait for the stack's creation to end and return it."""
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
    """Why a stack failed: the first resource that did, or what the stack itself says."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    for event in sorted(events, key=lambda event: event["Timestamp"]):
        if event["ResourceStatus"] == "CREATE_FAILED":
            return f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
    return state.get("StackStatusReason", "no reason given")


def deploy(options):
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        raise DeployError(f"Lambda knows no architecture {platform.machine()}")
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
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def main():
    options = arguments()
    try:
        outputs = deploy(options)
    except (DeployError, TranslateError, BotoCoreError, ClientError) as error:
        sys.exit("emulator_deploy: " + " ".join(str(error).split()))
    print(json.dumps(outputs))


if __name__ == "__main__":
    main()
