"""Everything a journey works with: the home, the database, the keys."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cair.store.configuration import Configuration
from cair.store.database import Database, open_database
from cair.store.keys import open_vault
from cair.store.schema import bring_up_to_date
from cair.store.vault import Vault


@dataclass(frozen=True)
class Office:
    """An open office: where it keeps its files, its database, and, once asked for, its keys."""

    home: Path
    database: Database
    keys: Path

    @cached_property
    def vault(self) -> Vault:
        """The keys to personal values.

        :raises cair.store.vault.UnableToOpenVault: they are missing or of another database.
        """
        return open_vault(self.database, self.keys)


@contextmanager
def open_office(configuration: Configuration, *, announce: Callable[[str], None]) -> Iterator[Office]:
    """Open the database, make or migrate its tables where needed, and close everything at the end.

    :raises cair.store.database.UnableToReachDatabase: the database does not answer.
    :raises cair.store.embedded.UnableToStartServer: the embedded one cannot be started.
    """
    with open_database(configuration.home, configuration.database_url, announce=announce) as database:
        if bring_up_to_date(database):
            announce("The tables of the database are up to date.")
        yield Office(configuration.home, database, configuration.keys)
