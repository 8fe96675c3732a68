"""The error of the writers."""


class WriteError(RuntimeError):
    """A set that cannot be written as asked; the message names the parameter, its value and the fix."""
