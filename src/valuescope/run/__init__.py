"""One run from a specification to a report, in a folder that survives being killed."""

from valuescope.run.experiment import run
from valuescope.run.folder import RunError, RunFolder
from valuescope.run.spec import Spec, SpecError
from valuescope.run.spec_file import read_spec

__all__ = ["RunError", "RunFolder", "Spec", "SpecError", "read_spec", "run"]
