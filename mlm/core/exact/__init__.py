"""Exact graphs: operators on whole numbers whose every output cell anybody can recompute. Pure.

docs/fault-proofs.md specifies it; devnet/contracts/exact/ holds the same in Solidity.
"""
