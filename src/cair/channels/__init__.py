"""The outside world: files, banks, messages, registries."""
