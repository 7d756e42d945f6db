"""Setting Django up on a database that is already open. Only what needs models imports this."""

import os
import secrets
from pathlib import Path
from typing import Any

from cair.store.database import Database
from cair.store.private_files import create_private, own_folder

SETTINGS = "cair.site.settings"
_OWN_NAMES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def configure(database: Database) -> None:
    """Set Django up, or turn it to another database. It connects when a query needs it, not now.

    Call it before the first query of the program; connections of the calling thread to another database are closed.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    import django
    from django.apps import apps
    from django.db import connections

    if not apps.ready:
        django.setup()
    given = _settings(database.parameters)
    connections.close_all()
    connections.settings["default"].update(given)
    # A connection that exists holds its own copy of the settings.
    connections["default"].settings_dict.update(given)


def _settings(parameters: dict[str, str]) -> dict[str, Any]:
    own = {name: parameters.get(ours, "") for ours, name in _OWN_NAMES.items()}
    return own | {"OPTIONS": {name: value for name, value in parameters.items() if name not in _OWN_NAMES}}


def read_secret_key(keys: Path) -> str:
    """The site's own signing key, made at first use.

    :raises cair.store.private_files.UnableToKeepPrivate: it cannot be made.
    """
    file = own_folder(keys, private=True) / "site.key"
    if not file.exists():
        create_private(file, secrets.token_urlsafe(50).encode() + b"\n")
    return file.read_text(encoding="ascii").strip()
