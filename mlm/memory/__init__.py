"""In-memory implementations of the ports, shipped for unit tests and templates."""
