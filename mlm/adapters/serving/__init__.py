"""Serving a model over HTTP: Starlette and uvicorn around the rules of core/inference.py and core/serving.py."""
