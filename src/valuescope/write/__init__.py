"""New data written by any model, to each paper's construction, checked in code and kept with a data card."""

from valuescope.write.estimate import PartEstimate, estimate
from valuescope.write.job import Job
from valuescope.write.kinds import KINDS, Kind, SetPart
from valuescope.write.outcome import SetOutcome
from valuescope.write.output import write_set
from valuescope.write.writer import Writer
from valuescope.write.writer_prompt import WriteError

__all__ = [
    "KINDS",
    "Job",
    "Kind",
    "PartEstimate",
    "SetOutcome",
    "SetPart",
    "WriteError",
    "Writer",
    "estimate",
    "write_set",
]
