"""Gateway API (gateway.networking.k8s.io, v1 and v1beta1): one HTTPRoute a Canary.

`router` reads and writes the object; `rules` says what its rules shall be, from a Canary and a Split alone, made of
`matches`, `filters` and `affinity`; `present` reads and changes the rules that are there; `linkerd` knows what one mesh
does not do. What cannot be expressed raises `UnfitRoute`, whose text names field, value and remedy.
"""
