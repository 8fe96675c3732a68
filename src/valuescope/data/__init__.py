"""What a model is asked and shown: records, readers of published sets, checks, and the sources of a run's material."""

from collections.abc import Callable

from valuescope.data.files_material import conva_material, files_material
from valuescope.data.findings import DataError, Finding, Place
from valuescope.data.material import Material
from valuescope.data.organism_material import organism_material, social_organism
from valuescope.data.overview import Overview, overview
from valuescope.data.phrasing import ITEM_FORMS, ItemForm, item_questions
from valuescope.data.readers import READERS, Dataset, read_data
from valuescope.data.records import (
    ContrastPair,
    Description,
    Dilemma,
    LabelledText,
    MultipleChoice,
    Persona,
    Question,
    QuestionnaireItem,
    RatedText,
    Record,
    label,
)
from valuescope.data.starter import read_part, starter_folder, starter_material

SOURCES: dict[str, Callable[..., Material]] = {
    "organism": organism_material,
    "starter": starter_material,
    "files": files_material,
    "conva": conva_material,
}
"""name -> function(values, *, seed, ...) that reads or draws the material of a run."""

__all__ = [
    "ITEM_FORMS",
    "READERS",
    "SOURCES",
    "ContrastPair",
    "DataError",
    "Dataset",
    "Description",
    "Dilemma",
    "Finding",
    "ItemForm",
    "LabelledText",
    "Material",
    "MultipleChoice",
    "Overview",
    "Persona",
    "Place",
    "Question",
    "QuestionnaireItem",
    "RatedText",
    "Record",
    "conva_material",
    "files_material",
    "item_questions",
    "label",
    "organism_material",
    "overview",
    "read_data",
    "read_part",
    "social_organism",
    "starter_folder",
    "starter_material",
]
