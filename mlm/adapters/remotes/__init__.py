"""Places where others can read blocks, each an implementation of ports.Blocks."""
