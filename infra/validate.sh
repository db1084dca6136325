#!/bin/sh
# Check the templates, offline: translate those that use SAM as CloudFormation would, then lint both
# the source and the result.
#
#     infra/validate.sh [template.yaml ...]
#
# The source is linted for what translation hides: misspelt SAM properties, unused parameters,
# parameters that a nested template lacks. The result is linted because the linter sees few resources
# of a SAM template. Every error and warning fails. No rule is disabled. Informational findings are
# ignored: they ask for a DeletionPolicy on logs and queues, which must be deleted with their stack.
#
# PYTHON names an interpreter that has infra/requirements.lock installed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}
[ "$#" -gt 0 ] || set -- "$here"/*.yaml "$here/example/template.yaml"

if ! "$python" -c 'import samtranslator, cfnlint' 2>/dev/null; then
    echo "validate: $python has no aws-sam-translator or cfn-lint: pip install -r infra/requirements.lock" >&2
    exit 2
fi

translated=$(mktemp "${TMPDIR:-/tmp}/translated.XXXXXX")
trap 'rm -f "$translated"' EXIT

lint() {
    "$python" -c 'import sys; from cfnlint.runner import main; sys.exit(main())' --format parseable -- "$1" || status=1
}

status=0
for template in "$@"; do
    lint "$template"
    if grep -q '^Transform: AWS::Serverless-' "$template"; then
        "$python" "$here/translate.py" "$template" -o "$translated" && lint "$translated" || status=1
    fi
done

for event in "$here"/events/*.json; do
    "$python" -m json.tool "$event" >/dev/null || { echo "validate: $event is not JSON" >&2; status=1; }
done

[ "$status" -eq 0 ] && echo "validate: $* and what they translate to are sound"
exit "$status"
