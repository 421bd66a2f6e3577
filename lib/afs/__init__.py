"""AFS: from agents' logs to private, clean, portable training data."""

__version__ = "0.1.0"
