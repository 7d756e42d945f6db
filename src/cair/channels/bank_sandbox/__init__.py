"""A bank and wallet sandbox: several made-up partners that speak SNAP, with books of their own and faults on demand.

It shares no code with the client that calls it, so that neither can hide the other's mistakes; its append-only ledger
judges whether anybody was paid twice or not at all.
"""
