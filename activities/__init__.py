"""Every effect on the world: one effect each, idempotent, safe to run twice.

An activity reads what is secret itself, so that no secret ever enters a history. `registry.activities` is the list the
worker registers; `workflows.effects` is how workflows call them.
"""
