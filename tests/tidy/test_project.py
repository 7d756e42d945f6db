"""The project as a whole: its commands are explained, its floors hold, its migrations are a line without gaps."""

import os
import re
import subprocess
import sys
from pathlib import Path

import typer.main

from cair.cli.main import app
from tests.tidy.source import PACKAGE, ROOT, modules, tracked

MIGRATIONS = PACKAGE / "store" / "migrations"
_CHANGES = """
import django
from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

django.setup()
loader = MigrationLoader(None)
changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(graph=loader.graph)
print({app: [str(m.operations) for m in migrations] for app, migrations in changes.items()})
"""


def _commands(group: typer.main.TyperGroup, before: str = "") -> list[str]:
    found = []
    for name, command in group.commands.items():
        own = f"{before} {name}".strip()
        found += _commands(command, own) if isinstance(command, typer.main.TyperGroup) else [own]
    return found


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = _commands(typer.main.get_command(app))
    assert commands
    assert not [name for name in commands if f"cair {name}" not in readme]


def test_every_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(re.findall(r"^([a-z-]+):.*## \w", makefile, re.MULTILINE))


def test_floors_hold() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-3000:]


def test_the_newest_migration_is_named() -> None:
    last = max(path.stem for path in MIGRATIONS.glob("0*.py"))
    assert (MIGRATIONS / "max_migration.txt").read_text(encoding="utf-8").strip() == last


def test_models_have_their_migrations(tmp_path: Path) -> None:
    """What `makemigrations --check` says, without a database."""
    environment = {**os.environ, "CAIR_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "cair.site.settings"}
    told = subprocess.run(
        [sys.executable, "-c", _CHANGES], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "{}", f"no migration for {told.stdout}"


def test_links_between_pages_lead_somewhere() -> None:
    pages = [path for path in tracked() if path.suffix == ".md" and "conformance" not in path.parts]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def test_rooms_that_are_named_exist() -> None:
    """Files of the source that the pages name are there."""
    names = {str(path.relative_to(ROOT)) for path in tracked()} | {str(path.relative_to(ROOT)) for path in modules()}
    pages = [path for path in tracked() if path.suffix == ".md" and path.is_relative_to(ROOT)]
    told = {
        (page.name, name)
        for page in pages
        for name in re.findall(r"`((?:src|tests|docs)/[\w/.-]+\.\w+)`", page.read_text(encoding="utf-8"))
    }
    assert not [(page, name) for page, name in told if name not in names]
