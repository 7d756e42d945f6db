"""The vault, opened with the keys that the database's personal values were sealed with."""

from pathlib import Path

from cair.store.database import Database, without_values
from cair.store.vault import Vault


def open_vault(database: Database, keys: Path) -> Vault:
    """Open the vault; the first time, note in the database which keys are used.

    :raises cair.store.vault.UnableToOpenVault: keys are missing, damaged, readable by others, or of another database.
    """
    with without_values(), database.connect(autocommit=True) as connection:
        row = connection.execute("SELECT fingerprint FROM key_check").fetchone()
        vault = Vault.open(keys, check=bytes(row[0]) if row else None)
        if row is None or bytes(row[0]) != vault.key_check():
            connection.execute(
                "INSERT INTO key_check (number, fingerprint) VALUES (1, %s) "
                "ON CONFLICT (number) DO UPDATE SET fingerprint = excluded.fingerprint",
                [vault.key_check()],
            )
    return vault
