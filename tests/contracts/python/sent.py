"""Requests that functions sent, held to the service models.

    sent.py FILE OPERATION...

FILE has one request on a line, as tests/src/requests.rs keeps it. Each of the operations must be among them, such
as ecs:ListTasks. Prints each fault found, and exits with 1 where there is one.
"""

import gzip
import json
import re
import sys
from urllib.parse import parse_qsl

import cbor2

import service_model

# By the service's name in the signature.
SERVICES = {"ecs": "ecs", "autoscaling": "autoscaling", "sns": "sns", "monitoring": "cloudwatch"}
CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")


def from_query(shape, form, prefix, used):
    """Read the parameters of a Query request. `used` receives the keys that the model knows."""
    def below(start):
        return any(key == start or key.startswith(start + ".") for key in form)

    def numbered(start):
        number = 1
        while below(f"{start}.{number}"):
            yield f"{start}.{number}"
            number += 1

    kind = shape.type_name
    if kind == "structure":
        named = {name: f"{prefix}.{name}".lstrip(".") for name in shape.members}
        return {name: from_query(shape.members[name], form, at, used) for name, at in named.items() if below(at)}
    if kind == "list":
        used.add(prefix)
        return [from_query(shape.member, form, at, used) for at in numbered(f"{prefix}.member")]
    if kind == "map":
        key, value = (side.serialization.get("name", name) for side, name in ((shape.key, "key"), (shape.value, "value")))
        entries = list(numbered(f"{prefix}.entry"))
        used.update(f"{at}.{key}" for at in entries)
        return {form[f"{at}.{key}"]: from_query(shape.value, form, f"{at}.{value}", used) for at in entries}
    used.add(prefix)
    text = form[prefix]
    if kind in ("integer", "long"):
        return int(text)
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text.encode() if kind == "blob" else text


def parameters_of(request):
    """The operation's model, the parameters, and what of them the model does not know."""
    signed = CREDENTIAL.search(request["authorization"])
    model = service_model.service(SERVICES[signed.group(1)])
    body = bytes.fromhex(request["body"])
    if request["encoding"] == "gzip":
        body = gzip.decompress(body)
    if model.service_name == "ecs":
        return model.operation_model(request["target"].rpartition(".")[2]), json.loads(body), []
    if model.service_name == "cloudwatch":
        return model.operation_model(request["path"].rpartition("/")[2]), cbor2.loads(body), []
    form = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
    operation, version = model.operation_model(form.pop("Action")), form.pop("Version")
    used = set()
    parameters = from_query(operation.input_shape, form, "", used)
    unknown = [f"{operation.name}: {key} is unknown to the model" for key in form if key not in used]
    if version != model.api_version:
        unknown.append(f"{operation.name}: version {version}")
    return operation, parameters, unknown


def main():
    path, *expected = sys.argv[1:]
    faults, seen = [], set()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            operation, parameters, unknown = parameters_of(json.loads(line))
            seen.add(f"{operation.service_model.service_name}:{operation.name}")
            faults += unknown + service_model.faults_of_request(operation, parameters)
    faults += [f"{operation}: there is no request" for operation in expected if operation not in seen]
    print("\n".join(dict.fromkeys(faults)))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
