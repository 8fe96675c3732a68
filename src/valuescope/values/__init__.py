"""Value systems as data: trees of human values with definitions, circular order and opposites."""

from valuescope.values.reader import available_value_systems, load_value_system
from valuescope.values.system import Value, ValueSystem, ValueSystemError

__all__ = ["Value", "ValueSystem", "ValueSystemError", "available_value_systems", "load_value_system"]
