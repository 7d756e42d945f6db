"""The source: short functions, names of the field, no clock below the shells, nothing of the machine it was written on."""

import ast
import re

from tests.tidy.source import PACKAGE, ROOT, body_lines, modules, shown, tracked, tree

LONGEST = 70
FORBIDDEN_NAMES = frozenset(
    {"util", "utils", "helper", "helpers", "manager", "managers", "service", "services"}
    | {"data", "process", "processor", "common", "misc", "base"}
)
WORDS_OF_A_STANDARD = ("src/cair/channels/bank_sandbox/services.py",)
"""The payment standard calls its operations services, by number."""
CLOCKS = frozenset({"now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime"})
PURE = ("kernel", "programme", "rules", "ledger", "simulation")
_UNFINISHED = re.compile(r"#.*\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b")
_OF_A_MACHINE = re.compile(
    r"(?<![\w.])/(?:home|root|work|Users|mnt)/\w|(?<![\w.])/tmp/(?!cair-\{)[a-z]|[A-Z]:\\\\Users"
    r"|https?://(?:localhost|127\.|10\.|192\.168\.)[^\s\"']*/simple|index-url|extra-index",
)
_TEXT = frozenset({".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".in", ".sql", ".css", ".html", ".svg", ""})


def test_functions_are_short() -> None:
    long = [
        f"{shown(path)}: {node.name} has {body_lines(node)} lines"
        for path in modules()
        if "migrations" not in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > LONGEST
    ]
    assert not long


def test_modules_have_names_of_the_field() -> None:
    own = [path.relative_to(ROOT) for path in modules() if path.is_relative_to(PACKAGE)]
    named = [str(path) for path in own if FORBIDDEN_NAMES & {*path.parts[2:-1], path.stem}]
    assert not set(named) - set(WORDS_OF_A_STANDARD)


def test_modules_say_what_they_are() -> None:
    own = [path for path in modules() if path.is_relative_to(PACKAGE) and "migrations" not in path.parts]
    assert not [shown(path) for path in own if not ast.get_docstring(tree(path))]


def test_nothing_is_left_unfinished() -> None:
    lines = [(path, line) for path in modules() for line in path.read_text(encoding="utf-8").splitlines()]
    assert not [f"{shown(path)}: {line.strip()}" for path, line in lines if _UNFINISHED.search(line)]


def test_the_core_never_reads_the_clock() -> None:
    core = [path for path in modules() if path.is_relative_to(PACKAGE) and path.relative_to(PACKAGE).parts[0] in PURE]
    assert core
    assert not [f"{shown(path)}: {call}" for path in core for call in _calls_of_clocks(tree(path))]


def _calls_of_clocks(module: ast.Module) -> list[str]:
    """Calls such as `datetime.now()`, `date.today()`, `time.time()`; not `time(...)`, the time of a day."""
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    found = [ast.unparse(call.func) for call in calls if isinstance(call.func, ast.Attribute)]
    return [name for name in found if name.rsplit(".", 1)[1] in CLOCKS and name.split(".")[0] in _CLOCK_MODULES]


_CLOCK_MODULES = ("datetime", "date", "time", "dt", "ibis", "timezone")


def test_nothing_tells_of_the_machine_it_was_written_on() -> None:
    told = []
    for path in tracked():
        if path.suffix not in _TEXT or path.is_relative_to(ROOT / "tests" / "tidy"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        told += [f"{shown(path)}: {found.group()}" for found in _OF_A_MACHINE.finditer(text)]
    assert not told
