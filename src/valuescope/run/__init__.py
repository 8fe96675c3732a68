"""One run from a specification to a report, in a folder that survives being killed."""

from valuescope.lab.folder import RunError, RunFolder
from valuescope.lab.result import Result
from valuescope.lab.strict import SpecError
from valuescope.run.budget import BudgetError, detectable, seconds_of, within_budget
from valuescope.run.estimate import Cost
from valuescope.run.estimator import Estimator, estimate
from valuescope.run.experiment import read_result, rewrite_report, run, terminal_text, write_report
from valuescope.run.ready import ready
from valuescope.run.registry import Spec
from valuescope.run.settled import Settled, settled
from valuescope.run.spec_file import make_spec, read_recipe, read_spec
from valuescope.run.yaml_text import read_yaml

__all__ = [
    "BudgetError",
    "Cost",
    "Estimator",
    "Result",
    "RunError",
    "RunFolder",
    "Settled",
    "Spec",
    "SpecError",
    "detectable",
    "estimate",
    "make_spec",
    "read_recipe",
    "read_result",
    "read_spec",
    "read_yaml",
    "ready",
    "rewrite_report",
    "run",
    "seconds_of",
    "settled",
    "terminal_text",
    "within_budget",
    "write_report",
]
