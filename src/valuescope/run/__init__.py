"""One run from a specification to a report, in a folder that survives being killed."""

from valuescope.run.experiments import run
from valuescope.run.folder import RunError, RunFolder
from valuescope.run.spec import Spec
from valuescope.run.spec_file import AnySpec, make_spec, read_spec
from valuescope.run.spec_parts import SpecError
from valuescope.run.valueexploration import ValueExplorationSpec
from valuescope.run.yaml_text import read_yaml

__all__ = [
    "AnySpec",
    "RunError",
    "RunFolder",
    "Spec",
    "SpecError",
    "ValueExplorationSpec",
    "make_spec",
    "read_spec",
    "read_yaml",
    "run",
]
