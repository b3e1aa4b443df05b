"""The webhook service that a canary's hooks call: it makes traffic, and runs checks. Compatible with Flagger's."""
