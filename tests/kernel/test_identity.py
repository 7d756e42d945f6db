"""Personal values that cannot be printed by accident, and the masks of raw lines."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cair.kernel.identity import LONGEST_MASKED, Secret, mask, mask_raw, show_raw


def test_a_secret_prints_masked_however_it_is_printed() -> None:
    nik = Secret("nik", "3174010101011234")
    assert {str(nik), repr(nik), f"{nik}", f"{nik!s}", "%s" % nik} == {"NIK(****1234)"}  # noqa: UP031
    assert str([Secret("name", "SITI AMINAH"), Secret("phone", "123")]) == "[NAME(****), PHONE(****)]"
    assert nik.reveal() == "3174010101011234"
    assert nik == Secret("nik", "3174010101011234") != Secret("phone", "3174010101011234")
    assert not hasattr(nik, "__dict__")
    with pytest.raises(TypeError, match="not written"):
        pickle.dumps(nik)


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        (b'3174,"Siti A.",+62\t\n', '9999,"xxxx x.",+99\t\n'),
        ("Ñandú ٣ 李明 – €".encode(), "xxxxx 9 xx – €"),
        (b"a\xffb\xe9\x80", r"x\xffx\xe9\x80"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        (b"a_b", "x_x"),
        (b"", ""),
    ],
)
def test_masks(raw: bytes, masked: str) -> None:
    assert mask_raw(raw) == masked


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.integers(1, 400))
def test_a_mask_has_no_letter_or_digit_of_its_own_and_an_end(piece: bytes, times: int) -> None:
    raw = piece * times
    masked = mask_raw(raw)
    assert len(masked) == min(len(show_raw(raw)), LONGEST_MASKED) <= LONGEST_MASKED
    masked.encode()
    whole = raw.decode("utf-8", "backslashreplace").replace("\0", r"\x00")[:LONGEST_MASKED]
    assert show_raw(raw) == whole
    if raw.isascii():
        assert masked == mask(whole)
        assert not any(each.isalnum() and each not in "9x" for each in masked)
