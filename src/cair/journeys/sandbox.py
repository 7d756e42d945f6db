"""The bank sandbox, served until it is stopped."""

from pathlib import Path

from cair.channels.bank_sandbox.server import serve


def serve_bank(folder: Path, *, host: str, port: int, profiles: Path | None) -> None:
    """Serve banks and wallets over HTTP.

    :raises cair.channels.bank_sandbox.partners.UnableToSetUp: the folder or a profile cannot be used.
    """
    serve(folder, host=host, port=port, profiles=profiles)
