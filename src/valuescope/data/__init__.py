"""What a model is asked and shown: records, and the sources that yield them."""

from collections.abc import Callable

from valuescope.data.conva import DataError, conva_material
from valuescope.data.organism import organism_material
from valuescope.data.records import ContrastPair, LabelledText, Material, Question, label

SOURCES: dict[str, Callable[..., Material]] = {"organism": organism_material, "conva": conva_material}
"""name -> function(values, *, seed, ...) that reads or draws the material of a run."""

__all__ = [
    "SOURCES",
    "ContrastPair",
    "DataError",
    "LabelledText",
    "Material",
    "Question",
    "conva_material",
    "label",
    "organism_material",
]
