"""The rails an office has: a folder with `iso20022.toml`, `csv.yaml` (or one a partner), `<partner>/profile.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from cair.channels.payments.csv.mapping import BankForm, read_mapping
from cair.channels.payments.iso20022.payments_out import Debtor
from cair.channels.payments.snap.profile import SnapKeys, SnapProfile, read_profile

ISO20022 = "iso20022.toml"
CSV = "csv.yaml"
_SETTINGS = ("initiator", "debtor_name", "debtor_account", "debtor_bank")


class UnableToUseRail(Exception):
    """A rail is not set up, or its settings cannot be read; the message says which file and what it needs."""


@dataclass(frozen=True, slots=True)
class IsoSettings:
    """Who asks the bank to pay, and from which account."""

    initiator: str
    debtor: Debtor


def iso_settings(folder: Path) -> IsoSettings:
    """Read whose account pays by files of ISO 20022.

    :raises UnableToUseRail: the file is missing, unreadable, or lacks a setting.
    """
    path = folder / ISO20022
    needs = f"It needs the texts {', '.join(_SETTINGS)}"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnableToUseRail(f"The rail iso20022 is not set up: write {path}. {needs}.") from None
    except (OSError, ValueError) as error:
        raise UnableToUseRail(f"{path} is not a readable TOML file ({type(error).__name__}). {needs}.") from None
    if wrong := sorted(set(table) ^ set(_SETTINGS)) or [name for name in _SETTINGS if not isinstance(table[name], str)]:
        raise UnableToUseRail(f"{path}: {wrong[0]} is missing, unknown, or no text. {needs}.")
    debtor = Debtor(name=table["debtor_name"], account=table["debtor_account"], bank=table["debtor_bank"])
    return IsoSettings(table["initiator"], debtor)


def csv_form(folder: Path, partner: str = "") -> BankForm:
    """Read the mapping of a bank's own bulk files: the partner's (`<partner>/csv.yaml`), else the one for all.

    :raises UnableToUseRail: there is none.
    :raises cair.channels.payments.csv.mapping.UnableToReadMapping: it is not of the form this needs.
    """
    own, path = folder / partner / CSV, folder / CSV
    if partner and own.exists():
        return read_mapping(own)
    if not path.exists():
        raise UnableToUseRail(f"The rail csv is not set up: write the bank's mapping to {path}.")
    return read_mapping(path)


def snap_partners(folder: Path) -> dict[str, tuple[SnapProfile, SnapKeys]]:
    """Read the profiles of all SNAP partners in the folder, by name; one that is switched off has no profile here.

    :raises cair.channels.payments.snap.profile.UnableToUseProfile: one cannot be used.
    """
    read = [read_profile(path) for path in sorted(folder.glob("*/profile.toml"))]
    return {profile.name: (profile, keys) for profile, keys in read}
