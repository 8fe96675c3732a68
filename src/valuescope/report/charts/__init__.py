"""The figures of the report, one file each: from a read summary to SVG."""
