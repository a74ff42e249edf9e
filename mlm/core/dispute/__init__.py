"""Disputes over a trace: what a challenger or a provider does next, decided purely (docs/fault-proofs.md, 4)."""
