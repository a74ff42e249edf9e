"""Trusted execution environments: Linux's own interface to them, and a simulated one for machines without."""
