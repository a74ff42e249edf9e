"""Protocols between the rules and the world, one file each. No implementation lives here."""
