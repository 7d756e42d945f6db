"""The project's own files, for tests that look at how they are written."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cair"


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is part of the project, by the version control or, in an unpacked archive, by place."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
        names = [name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        places = ("src", "tests", "docs", "requirements", "benchmarks")
        names = [str(p.relative_to(ROOT)) for place in places for p in (ROOT / place).rglob("*") if p.is_file()]
        names = [name for name in names if "__pycache__" not in name]
    return tuple(ROOT / name for name in names if (ROOT / name).is_file())


@cache
def modules() -> tuple[Path, ...]:
    """Every Python file of the project."""
    return tuple(path for path in tracked() if path.suffix == ".py")


@cache
def tree(path: Path) -> ast.Module:
    """A Python file as its syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def shown(path: Path) -> str:
    """A path as seen from the project's root."""
    return str(path.relative_to(ROOT))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from its `def`, without its docstring."""
    first = function.body[0]
    is_told = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    told = (first.end_lineno or first.lineno) - first.lineno + 1 if is_told else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - told
