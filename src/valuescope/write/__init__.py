"""New data written by any model, to each paper's construction, checked in code and kept with a data card."""

from valuescope.write.error import WriteError
from valuescope.write.estimate import Estimate, estimate
from valuescope.write.job import Job
from valuescope.write.kinds import KINDS, Kind, Part
from valuescope.write.outcome import Outcome
from valuescope.write.output import write_set
from valuescope.write.writer import Writer

__all__ = [
    "KINDS",
    "Estimate",
    "Job",
    "Kind",
    "Outcome",
    "Part",
    "WriteError",
    "Writer",
    "estimate",
    "write_set",
]
