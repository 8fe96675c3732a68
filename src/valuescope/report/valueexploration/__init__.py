"""The report of a ValueExploration run."""
