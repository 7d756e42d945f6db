"""Money: whole rupiah, an int. No fractions, no floats, no other currency."""


def rupiah_text(amount_idr: int, *, lang: str = "id") -> str:
    """Write an amount as people read it: `Rp600.000` in Indonesian, `Rp600,000` in English."""
    text = f"{amount_idr:,}"
    return "Rp" + (text.replace(",", ".") if lang == "id" else text)
