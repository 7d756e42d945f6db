"""Commands that decide start without the libraries that only compile rules, write to the database or serve pages."""

import subprocess
import sys

HEAVY = ("ibis", "pandas", "holidays", "django", "matplotlib", "sqlglot")
MODULES = "cair.cli.main, cair.journeys.export_rows"


def test_export_starts_without_heavy_libraries() -> None:
    asked = f"import sys, {MODULES}; print(*(name for name in {HEAVY} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
