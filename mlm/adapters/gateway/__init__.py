"""A trustless gateway over the blocks of this machine: core/shelf.py and core/access.py over HTTP."""
