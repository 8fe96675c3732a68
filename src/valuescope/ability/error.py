"""What goes wrong where general ability is measured."""


class AbilityError(ValueError):
    """Questions or texts that ability cannot be measured with."""
