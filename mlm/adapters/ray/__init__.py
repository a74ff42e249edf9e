"""Execution and proving on a Ray cluster: `runner` and `prover` are the ports, `cluster` this process's end of them.

`driver` is the process that talks to Ray, `task` what runs on a node: the same confined adapters as on one machine.
"""
