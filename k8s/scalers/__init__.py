"""Autoscalers whose copy scales the primary: one file a kind."""
