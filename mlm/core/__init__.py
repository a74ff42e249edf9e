"""Pure rules: no I/O, clock, randomness or environment. Everything here can be tested with values alone."""
