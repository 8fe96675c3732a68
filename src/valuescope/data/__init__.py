"""What a model is asked and shown: records, readers of published sets, checks, and the sources of a run's material."""

from collections.abc import Callable

from valuescope.data.conva import conva_material
from valuescope.data.files import files_material
from valuescope.data.findings import DataError, Finding, Place
from valuescope.data.item_questions import ITEM_FORMS, item_questions
from valuescope.data.organism import organism_material
from valuescope.data.overview import Overview, overview
from valuescope.data.readers import READERS, Dataset, read_data
from valuescope.data.records import (
    ContrastPair,
    Description,
    Dilemma,
    LabelledText,
    Material,
    MultipleChoice,
    Question,
    QuestionnaireItem,
    RatedText,
    Record,
    label,
)
from valuescope.data.social_organism import social_organism
from valuescope.data.starter_material import starter_material
from valuescope.data.starter_set import read_part, starter_folder

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
    "LabelledText",
    "Material",
    "MultipleChoice",
    "Overview",
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
