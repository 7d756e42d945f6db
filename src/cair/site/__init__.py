"""The wiring: Django settings and entry points, nothing else."""
