#!/usr/bin/env python3
"""Check the prose of pages, templates and the Terraform module.

    infra/prose.py [file ...]

It checks words and forms that CONTRIBUTING.md bans, the length of sentences and the width of lines. It
reads Markdown, comments and descriptions in YAML and Terraform, comments and docstrings in Python, and
comments and long names of functions in Rust code. Each finding names the file, the line and the better word.
infra/prose-exceptions.txt has at most ten exceptions, and one that is no longer found fails as well.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXCEPTIONS = Path(__file__).resolve().parent / "prose-exceptions.txt"
MOST_EXCEPTIONS = 10
MOST_WORDS = 25
WIDTH = 100

# A pattern, and the better word.
BANNED = [
    (r"\b(?:is|are|was|were|isn't|aren't) (?:not )?to (?!the\b|a\b|an\b|be found\b)[a-z]+", "must, can, may or will"),
    (r"\b(?:has|have|had) to\b", "must"),
    (r"\b(?:takes?|took|taken|taking) (?:it |them |hosts? |instances? )?away\b", "terminate, remove"),
    (
        r"\b(?:hosts?|instances?)(?: (?!go\b)\w+){0,4}? (?:(?:can|may|must|will|could|should) go|goes|go)\b"
        r"(?! (?:on|through|by|to|back|down|up|beyond|below|into|with|wrong)\b)",
        "terminate, scale in, remove",
    ),
    (r"\b(?:lets?|letting) (?:it |them |an? \w+ )?go\b", "complete the hook"),
    (r"\bhand(?:s|ed|ing)? (?:it |them )?on\b", "republish"),
    (r"\b(?:finds?|found|ha[sd]|have|gets?|gives?|needs?|without) (?:a|no|its|their|another|no other) place\b", "be placed"),
    (r"\b(?:gives?|giving|have|has|finds?|leaves?)(?: \w+){1,6} (?:a|no|its|their) place\b", "be placed"),
    (r"\b(?:a|the|each|every|last|next|first|one|two|its|their|older|fresh|another) looks?\b", "poll, snapshot"),
    (r"\bsights?\b", "poll, snapshot"),
    (r"\b(?:carriers?|convoys?|followers?)\b", "coordinator, delegated"),
    (r"\b(?:tells?|telling|told)\b", "report, log, publish, say"),
    (r"\b(?:try|tries|tried|trying) (?:it |them )?again\b", "retry"),
    (r"\bmend(?:s|ed|ing)?\b", "fix"),
    (r"\bby (?:itself|themselves)\b", "separately, on its own"),
    (r"\bbut for\b", "except"),
    (r"\bso many\b", "N, as many as"),
    (r"\b(?:taken|tak(?:es?|ing) (?:it|them|this|that|one|each)) for\b", "assume"),
    (r"(?<!state )(?<!this )(?<!your )\bmachines?\b", "host"),
    (r"\b(?:houses?|floors?)\b(?!\()", "architecture, layer, module"),
    (r"\bmade[ -]up\b", "fixture"),
    (r"\bfor ever\b", "forever"),
    (r"\bworst case\b", "worst-case container"),
    (r"\bslots?\b", "worst-case container"),
    (r"\bnot-yet\b(?!-)", "a full clause"),
]
# A clause is no subject: "What fails is retried" is "The drainer retries failed calls".
CLAUSE = re.compile(r"^(?:What|Who|Whoever|Whatever|Whether|Whichever)\b")
GENERATED = re.compile(r"<!-- .* from here -->")


class Prose:
    """A piece of prose: whole sentences, with the line that each word stands in."""

    def __init__(self, path):
        self.path, self.words = path, []

    def add(self, number, text):
        self.words += [(number, word) for word in text.split()]

    def sentences(self):
        """Yield each sentence: the line that it begins in, and its text."""
        start = 0
        for at, (_, word) in enumerate(self.words):
            last = at + 1 == len(self.words)
            ends = re.search(r"[.!?:][\")*_]*$", word) and not re.search(r"^(?:e\.g|i\.e|etc|vs)\.$", word)
            if last or ends:
                part = self.words[start : at + 1]
                yield part[0][0], " ".join(word for _, word in part)
                start = at + 1


def plain(text):
    """Drop the marks of Markdown. A piece of code is one word."""
    text = re.sub(r"`+[^`]*`+", "CODE", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<[^>]+>|\*\*|(?<!\w)\*|\*(?!\w)|(?<!\w)_|_(?!\w)", "", text)
    return re.sub(r"\$\{?\{?[\w.:]+\}?\}?|https?://\S+", "CODE", text)


def is_wide(line):
    """Return whether a line is too long and has a blank to break it at."""
    return len(line) > WIDTH and " " in line.strip()[: WIDTH - (len(line) - len(line.lstrip()))].lstrip("#-*/! ")


def markdown(path, lines):
    """Yield pieces of prose and lines that are too wide."""
    code = generated = False
    prose = Prose(path)
    for number, line in enumerate(lines, 1):
        if GENERATED.search(line) or "<!-- to here -->" in line:
            generated = GENERATED.search(line) is not None
        fence = line.lstrip().startswith("```")
        if fence:
            code = not code
        table = line.startswith("|")
        begins = re.match(r"\s*(?:[-*] |\d+\. |> |#+ )", line)
        if prose.words and (not line.strip() or code or fence or table or begins or generated):
            yield prose, None
            prose = Prose(path)
        if code or fence or generated or line.startswith("    ") and not prose.words and not begins:
            continue
        if table:
            for cell in re.split(r"(?<!\\)\|", line.strip("| ")):
                prose.add(number, plain(cell))
                yield prose, None
                prose = Prose(path)
            continue
        prose.add(number, plain(re.sub(r"^\s*(?:[-*] |\d+\. |> |#+ )", "", line)))
        if line.startswith("#"):
            yield prose, None
            prose = Prose(path)
        # A link or a command that is longer than a line cannot be broken.
        if is_wide(line) and not re.search(r"\S{60,}", line):
            yield None, number
    if prose.words:
        yield prose, None


def commented(path, lines):
    """Yield the comments of YAML, Terraform or Python, and lines that are too wide."""
    prose, indent = Prose(path), None
    for number, line in enumerate(lines, 1):
        comment = re.match(r"(\s*)#(?: (.*))?$", line)
        text = (comment[2] or "") if comment else ""
        # A figure, a heading or a command in a comment is no sentence.
        is_text = bool(text) and not re.match(r"(?:-{2,}|\s{2,}|!)", text)
        if prose.words and (not is_text or comment[1] != indent or re.match(r"- ", text)):
            yield prose, None
            prose = Prose(path)
        if is_text:
            indent = comment[1]
            prose.add(number, plain(re.sub(r"^- ", "", text)))
        if is_wide(line) and comment:
            yield None, number
    if prose.words:
        yield prose, None


def yaml(path, lines):
    """Comments, and descriptions with their continuation lines."""
    yield from commented(path, lines)
    number = 0
    key = r"(\s*)(?:- )?(?:Description|AlarmDescription|ConstraintDescription|GroupDescription): (?:!Sub )?(.*)$"
    while number < len(lines):
        found = re.match(key, lines[number])
        number += 1
        if not found:
            continue
        prose = Prose(path)
        if found[2] not in (">-", "|"):
            prose.add(number, plain(found[2].strip("\"'")))
        while found[2] == ">-" and number < len(lines) and lines[number].startswith(found[1] + "  "):
            prose.add(number + 1, plain(lines[number]))
            if is_wide(lines[number]):
                yield None, number + 1
            number += 1
        yield prose, None


def terraform(path, lines):
    yield from commented(path, lines)
    for number, line in enumerate(lines, 1):
        found = re.match(r'\s*(?:description|alarm_description|error_message)\s*= "(.*)"$', line)
        if found:
            prose = Prose(path)
            prose.add(number, plain(found[1].replace('\\"', '"')))
            yield prose, None


def python(path, lines):
    yield from commented(path, lines)
    text = "\n".join(lines)
    for found in re.finditer(r'"""(.*?)"""', text, re.DOTALL):
        first = text[: found.start(1)].count("\n") + 1
        prose = Prose(path)
        for offset, line in enumerate(found[1].split("\n")):
            if not line.strip() or line.startswith("    "):
                yield prose, None
                prose = Prose(path)
            if not line.startswith("     ") or not found[1].startswith("\n"):
                prose.add(first + offset, plain(line) if not line.startswith("    infra/") else "")
        yield prose, None


def rust(path, lines):
    """Comments without their tables, headings and examples."""
    prose, kind, code = Prose(path), None, False
    for number, line in enumerate(lines, 1):
        comment = re.match(r"\s*(//[/!]?)(?: (.*))?$", line)
        text = (comment[2] or "") if comment else ""
        fence = text.startswith("```")
        code = comment is not None and code != fence
        is_text = bool(text) and not code and not re.match(r"\||\s{2,}|```", text)
        begins = re.match(r"(?:[-*]|\d+\.|#+) ", text)
        if prose.words and (not is_text or comment[1] != kind or begins):
            yield prose, None
            prose = Prose(path)
        if is_text:
            kind = comment[1]
            prose.add(number, plain(text[begins.end() :] if begins else text))
        if comment and is_wide(line) and not text.startswith("|"):
            yield None, number
    if prose.words:
        yield prose, None


def named(path, lines):
    """Yield the line and the words of each name of a Rust function that reads like a sentence."""
    for number, line in enumerate(lines, 1):
        found = re.search(r"\bfn (\w+)", line) if path.suffix == ".rs" else None
        if found and found[1].count("_") > 2:
            yield number, found[1].replace("worst_case_container", "container").replace("_", " ")


def banned(line, text):
    """Yield the line and the message of each banned word or form in a text."""
    for pattern, better in BANNED:
        for found in re.finditer(pattern, text, re.IGNORECASE):
            yield line, f'"{found[0]}": say {better}'


READERS = {".md": markdown, ".yaml": yaml, ".yml": yaml, ".tf": terraform, ".py": python, ".rs": rust}


def findings(path):
    """Yield the line and the message of each finding in a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for prose, wide in READERS[path.suffix](path, lines):
        if wide:
            yield wide, f"longer than {WIDTH} columns"
            continue
        for line, sentence in prose.sentences():
            words = len([word for word in sentence.split() if re.search(r"\w", word)])
            if words > MOST_WORDS:
                yield line, f"a sentence of {words} words, at most {MOST_WORDS}: {sentence[:50]}..."
            if CLAUSE.match(sentence) and not sentence.rstrip("*_ ").endswith(("?", ":")):
                yield line, f"a clause as the subject, name the actor first: {sentence[:50]}"
            yield from banned(line, sentence)
    for line, name in named(path, lines):
        yield from banned(line, name)


def files():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if Path(name).suffix in READERS]
    # The handlers in Python of the benchmark keep the wording of their model.
    return [
        path for path in paths if path.exists() and (path.suffix == ".rs" or ROOT / "tests" not in path.parents)
    ]


def exceptions():
    lines = EXCEPTIONS.read_text(encoding="utf-8").splitlines()
    found = [tuple(line.split(None, 1)) for line in lines if line.strip() and not line.startswith("#")]
    if len(found) > MOST_EXCEPTIONS:
        sys.exit(f"prose: {EXCEPTIONS.name} has {len(found)} exceptions, at most {MOST_EXCEPTIONS}")
    return found


def main():
    named = [Path(name).resolve() for name in sys.argv[1:]]
    excepted = [] if named else exceptions()
    used, failed = set(), 0
    for path in named or files():
        name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
        for line, message in sorted(set(findings(path))):
            exception = next((it for it in excepted if it[0] == name and it[1] in message), None)
            if exception:
                used.add(exception)
                continue
            failed += 1
            print(f"{name}:{line}: {message}", file=sys.stderr)
    for name, message in set(excepted) - used:
        failed += 1
        print(f"prose: {name} has no longer a finding with {message!r}: remove the exception", file=sys.stderr)
    if failed:
        sys.exit(f"prose: {failed} findings")


if __name__ == "__main__":
    main()
