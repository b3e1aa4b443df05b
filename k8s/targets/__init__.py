"""Workloads that can be released: one file a kind."""
