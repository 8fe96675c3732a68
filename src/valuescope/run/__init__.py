"""One run from a specification to a report, in a folder that survives being killed."""

from valuescope.run.experiment import run
from valuescope.run.folder import RunError, RunFolder
from valuescope.run.spec import Spec, SpecError
from valuescope.run.spec_file import make_spec, read_spec
from valuescope.run.yaml_text import read_yaml

__all__ = ["RunError", "RunFolder", "Spec", "SpecError", "make_spec", "read_spec", "read_yaml", "run"]
