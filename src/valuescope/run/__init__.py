"""One run from a specification to a report, in a folder that survives being killed."""

from valuescope.lab.folder import RunError, RunFolder
from valuescope.lab.result import Result
from valuescope.lab.strict import SpecError
from valuescope.run.experiment import estimate, read_result, run, terminal_text, write_report
from valuescope.run.registry import Spec
from valuescope.run.spec_file import make_spec, read_spec
from valuescope.run.yaml_text import read_yaml

__all__ = [
    "Result",
    "RunError",
    "RunFolder",
    "Spec",
    "SpecError",
    "estimate",
    "make_spec",
    "read_result",
    "read_spec",
    "read_yaml",
    "run",
    "terminal_text",
    "write_report",
]
