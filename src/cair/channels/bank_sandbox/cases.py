"""Response cases of the standard: HTTP status and case code with their words, and how one is put into an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

WORDS: Mapping[tuple[int, str], str] = {
    (200, "00"): "Successful",
    (202, "00"): "Request In Progress",
    (400, "00"): "Bad Request",
    (400, "01"): "Invalid Field Format",
    (400, "02"): "Invalid Mandatory Field",
    (401, "00"): "Unauthorized.",
    (401, "01"): "Invalid Token (B2B)",
    (401, "03"): "Token Not Found (B2B)",
    (403, "02"): "Exceeds Transaction Amount Limit",
    (403, "03"): "Suspected Fraud",
    (403, "04"): "Activity Count Limit Exceeded",
    (403, "05"): "Do Not Honor",
    (403, "06"): "Feature Not Allowed At This Time",
    (403, "09"): "Dormant Account",
    (403, "14"): "Insufficient Funds",
    (403, "15"): "Transaction Not Permitted",
    (403, "16"): "Suspend Transaction",
    (403, "18"): "Inactive Card/Account/Customer",
    (403, "20"): "Merchant Limit Exceed",
    (403, "23"): "Account Limit Exceed",
    (404, "00"): "Invalid Transaction Status",
    (404, "01"): "Transaction Not Found",
    (404, "03"): "Bank Not Supported By Switch",
    (404, "08"): "Invalid Merchant",
    (404, "11"): "Invalid Card/Account/Customer Number/Virtual Account",
    (404, "18"): "Inconsistent Request",
    (405, "00"): "Requested Function Is Not Supported",
    (409, "00"): "Conflict",
    (409, "01"): "Duplicate partnerReferenceNo",
    (429, "00"): "Too Many Requests",
    (500, "00"): "General Error",
    (500, "01"): "Internal Server Error",
    (500, "02"): "External Server Error",
    (504, "00"): "Timeout",
}

STATES: Mapping[str, str] = {
    "00": "Success",
    "01": "Initiated",
    "02": "Paying",
    "03": "Pending",
    "04": "Refunded",
    "05": "Cancelled",
    "06": "Failed",
    "07": "Not found",
}


@dataclass(frozen=True, slots=True)
class Case:
    """How a request ends: HTTP status, case code, the field or reason it names, and further fields of the answer."""

    status: int
    code: str
    about: str = ""
    detail: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)

    def answer(self, service: str, words: Mapping[str, str]) -> dict[str, object]:
        """The body: `words` are a partner's own, by `403xx18`, `2004200` or `400xx01:field`, before the standard's."""
        general, exact = f"{self.status}xx{self.code}", f"{self.status}{service}{self.code}"
        own = (words[name] for name in (f"{general}:{self.about}", exact, general) if name in words)
        message = next(own, None) or f"{WORDS[self.status, self.code]} {self.about}".strip()
        body: dict[str, object] = {"responseCode": exact, "responseMessage": message, **self.fields}
        if self.detail:
            body["additionalInfo"] = {"resultMsg": self.detail}
        return body


SUCCESS = Case(200, "00")
IN_PROGRESS = Case(202, "00")


class Refused(Exception):
    """A request that is answered with this case, nothing booked."""

    def __init__(self, case: Case) -> None:
        super().__init__(f"{case.status}xx{case.code}")
        self.case = case
