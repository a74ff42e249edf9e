"""The named queries of the index in memory, a module for each topic; mlm/memory/state.py puts them together."""
