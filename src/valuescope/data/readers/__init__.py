"""Readers of published data sets, of the papers' formats and of our own, into one family of records."""

from valuescope.data.readers.data_sets import FORMATS, READERS, Dataset, read_data
from valuescope.data.readers.rows import Format, Shape

__all__ = ["FORMATS", "READERS", "Dataset", "Format", "Shape", "read_data"]
