"""Which events each rule of the templates matches, by moto's reading of event patterns.

    patterns.py EVENTS.json

Prints, for each rule with a pattern, the function that it wakes and the indexes of the events that it matches. The
stacks are of the cluster demo.
"""

import json
import sys
from pathlib import Path

INFRA = Path(__file__).resolve().parents[3] / "infra"
sys.path.insert(0, str(INFRA))

from moto.events.models import EventPattern
from translate import load, translate

import permissions


def plain(value):
    """A pattern with its references resolved for the cluster demo."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
        return permissions.text(value, {}, {"ClusterName": "demo", "AutoScalingGroupName": "demo-asg"})
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def main():
    events = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rules = {}
    for path in sorted(INFRA.rglob("*.yaml")):
        resources = translate(load(path)).get("Resources", {})
        for name, resource in resources.items():
            if resource["Type"] == "AWS::Events::Rule" and "EventPattern" in resource["Properties"]:
                pattern = EventPattern.load(json.dumps(plain(resource["Properties"]["EventPattern"])))
                (target,) = resource["Properties"]["Targets"]
                rules[f"{path.relative_to(INFRA)}: {name}"] = {
                    "Function": target["Arn"]["Fn::GetAtt"][0],
                    "Matched": [at for at, event in enumerate(events) if pattern.matches_event(event)],
                }
    print(json.dumps(rules))


if __name__ == "__main__":
    main()
