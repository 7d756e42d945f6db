"""A made-up population, shaped like July 2020, and the files that partners would have sent about it."""

from cair.simulation.make import write_files
from cair.simulation.scenario import Scenario, UnableToSimulate

__all__ = ["Scenario", "UnableToSimulate", "write_files"]
