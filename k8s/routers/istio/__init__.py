"""Istio (networking.istio.io/v1beta1): one VirtualService a Canary, and a DestinationRule for each side.

`router` reads and writes the objects; `rules` says what the routes shall be, from a Canary and a Split alone, made of
`matches`; `present` reads the routes that are there; `fit` refuses what cannot be expressed.
"""
