"""cair: evidence in, everyone decided and explained, paid once."""

__version__ = "0.1.0"
