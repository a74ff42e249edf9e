"""The Prover port over ezkl. Only `child.py`, in a process of its own, imports ezkl."""
