"""An attester's server, what it has signed, and how providers ask it."""
