"""mlm: Git for machine-learning markets. Import nothing here: start-up is the hot path."""

__version__ = "0.1.0"
