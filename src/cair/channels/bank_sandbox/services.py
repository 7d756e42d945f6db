"""The services of the standard that the sandbox answers: their codes, how their paths end, what a request must hold."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a service does."""

    TOKEN = "token"  # noqa: S105
    INQUIRY = "inquiry"
    TRANSFER = "transfer"
    STATUS = "status"
    BALANCE = "balance"
    ACKNOWLEDGE = "acknowledge"
    """Checked like every request and answered with success, nothing more: services that collect money."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service. `account` and `bank` name the fields of the receiving account; `must` are mandatory fields."""

    code: str
    ending: str
    role: Role
    must: tuple[str, ...] = ()
    account: str = ""
    bank: str = ""


_AMOUNT = ("amount.value", "amount.currency")
_REF = "partnerReferenceNo"

SERVICES = (
    Service("73", "access-token/b2b", Role.TOKEN),
    Service("11", "balance-inquiry", Role.BALANCE),
    Service("15", "account-inquiry-internal", Role.INQUIRY, ("beneficiaryAccountNo",), "beneficiaryAccountNo"),
    Service(
        "16",
        "account-inquiry-external",
        Role.INQUIRY,
        ("beneficiaryBankCode", "beneficiaryAccountNo"),
        "beneficiaryAccountNo",
        "beneficiaryBankCode",
    ),
    Service(
        "17",
        "transfer-intrabank",
        Role.TRANSFER,
        (_REF, *_AMOUNT, "beneficiaryAccountNo", "sourceAccountNo", "transactionDate"),
        "beneficiaryAccountNo",
    ),
    Service(
        "18",
        "transfer-interbank",
        Role.TRANSFER,
        (
            _REF,
            *_AMOUNT,
            "beneficiaryAccountName",
            "beneficiaryAccountNo",
            "beneficiaryBankCode",
            "sourceAccountNo",
            "transactionDate",
        ),
        "beneficiaryAccountNo",
        "beneficiaryBankCode",
    ),
    Service(
        "22",
        "transfer-rtgs",
        Role.TRANSFER,
        (_REF, *_AMOUNT, "beneficiaryAccountNo", "beneficiaryBankCode"),
        "beneficiaryAccountNo",
        "beneficiaryBankCode",
    ),
    Service(
        "23",
        "transfer-skn",
        Role.TRANSFER,
        (_REF, *_AMOUNT, "beneficiaryAccountNo", "beneficiaryBankCode"),
        "beneficiaryAccountNo",
        "beneficiaryBankCode",
    ),
    Service("36", "transfer/status", Role.STATUS, ("serviceCode",)),
    Service("37", "emoney/account-inquiry", Role.INQUIRY, ("customerNumber", *_AMOUNT), "customerNumber"),
    Service("38", "emoney/topup", Role.TRANSFER, (_REF, "customerNumber", *_AMOUNT), "customerNumber"),
    Service("39", "emoney/topup-status", Role.STATUS, ("serviceCode",)),
    Service(
        "42",
        "emoney/bank-account-inquiry",
        Role.INQUIRY,
        ("beneficiaryAccountNumber", *_AMOUNT),
        "beneficiaryAccountNumber",
        "additionalInfo.beneficiaryBankCode",
    ),
    Service(
        "43",
        "emoney/transfer-bank",
        Role.TRANSFER,
        (_REF, "beneficiaryAccountNumber", "beneficiaryBankCode", *_AMOUNT),
        "beneficiaryAccountNumber",
        "beneficiaryBankCode",
    ),
    Service("00", "emoney/transfer-bank-status", Role.STATUS, ("serviceCode",)),
    Service("27", "transfer-va/create-va", Role.ACKNOWLEDGE),
    Service("26", "transfer-va/status", Role.ACKNOWLEDGE),
    Service("31", "transfer-va/delete-va", Role.ACKNOWLEDGE),
    Service("47", "qr/qr-mpm-generate", Role.ACKNOWLEDGE),
    Service("51", "qr/qr-mpm-query", Role.ACKNOWLEDGE),
    Service("54", "debit/payment-host-to-host", Role.ACKNOWLEDGE),
    Service("55", "debit/status", Role.ACKNOWLEDGE),
)
_LONGEST_FIRST = sorted(SERVICES, key=lambda service: -len(service.ending))


def service_of(path: str) -> Service | None:
    """The service a path ends in, whatever stands before it: banks prefix freely, some add `.htm`."""
    path = path.removesuffix(".htm").rstrip("/")
    return next((service for service in _LONGEST_FIRST if path.endswith("/" + service.ending)), None)
