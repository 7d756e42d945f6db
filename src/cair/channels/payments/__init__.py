"""Ways of sending money, all behind the words of `rail`."""
