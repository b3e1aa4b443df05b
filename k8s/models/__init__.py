"""The kinds of `flagger.app/v1beta1` as pydantic models: one file a concern, `canary` and its siblings on top.

Readers are lenient (unknown fields are ignored, null means absent); the CRDs made from the same models are strict.
"""
