"""A trustless gateway over the blocks of this machine: Starlette and uvicorn around core/shelf.py and core/access.py."""
