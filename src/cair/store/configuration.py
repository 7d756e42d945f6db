"""Where the program's settings come from: the environment, else `cair.toml`, else the defaults."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE = "cair.toml"
NAMES = ("home", "database_url", "keys_folder")
"""Settings; in the environment each is `CAIR_` and the name in capitals."""


class UnableToReadSettings(Exception):
    """The settings file cannot be read; the message says where and what to do. It shows no value."""


@dataclass(frozen=True)
class Configuration:
    """What an installation is told from outside. `database_url` may hold a password: it is never shown."""

    home: Path
    keys: Path
    database_url: str | None = field(default=None, repr=False)


def read_configuration(environment: Mapping[str, str]) -> Configuration:
    """Read the settings; an empty variable counts as absent.

    The file is `CAIR_CONFIG`, else `cair.toml` in the home.

    :raises UnableToReadSettings: no such file, not TOML, an unknown name, or a value that is no text.
    """
    given = {name: environment.get(f"CAIR_{name.upper()}") or None for name in NAMES}
    named = environment.get("CAIR_CONFIG")
    file = Path(named).expanduser() if named else _home(given["home"]) / FILE
    written = _read(file) if named or file.exists() else {}
    chosen = {name: given[name] or written.get(name) for name in NAMES}
    home = _home(chosen["home"])
    keys = chosen["keys_folder"]
    return Configuration(home, Path(keys).expanduser() if keys else home / "keys", chosen["database_url"])


def _home(chosen: str | None) -> Path:
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_data_path

    return user_data_path("cair", appauthor=False)


def _read(file: Path) -> dict[str, str]:
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnableToReadSettings(f"The settings file {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UnableToReadSettings(f"The settings file {file} is not TOML in UTF-8. Correct it.") from error
    for name, value in written.items():
        if name not in NAMES:
            raise UnableToReadSettings(f"{file} has an unknown setting {name!r}. Known: {', '.join(NAMES)}.")
        if not isinstance(value, str):
            raise UnableToReadSettings(f"The setting {name} in {file} must be a text in quotes.")
    return written
