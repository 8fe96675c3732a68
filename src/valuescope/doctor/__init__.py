"""Doctor: what this installation has, what it lacks, and what the machine under it can do."""

from valuescope.doctor.diagnosis import Diagnosis, diagnose
from valuescope.doctor.packages import Extra, Package
from valuescope.doctor.places import CacheFolder, NamedModel

__all__ = ["CacheFolder", "Diagnosis", "Extra", "NamedModel", "Package", "diagnose"]
