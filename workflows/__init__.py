"""What happens next: the rollout as a workflow, and the pure decisions it takes.

Deterministic: no I/O, no clock, no client. Start reading at `rollout.py`.
"""
