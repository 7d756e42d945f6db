"""Words everyone shares: money, days, identity, states, reasons. Imports nothing of ours."""
