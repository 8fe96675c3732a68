"""What single neurons do: the texts that move them most, what they write, what is lost without them, as pages."""

from valuescope.neurons.peaks import Peaks, read_peaks
from valuescope.neurons.portraits import Excerpt, Portrait, portraits

__all__ = ["Excerpt", "Peaks", "Portrait", "portraits", "read_peaks"]
