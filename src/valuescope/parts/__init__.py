"""The parts of a run, one file each; a file that is put here is a part (see docs/add-a-part.md)."""
