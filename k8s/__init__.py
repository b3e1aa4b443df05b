"""The cluster's shapes: the CRDs as models, typed access, targets, routers, informers.

Knows Kubernetes and nothing of Temporal. Activities and the operator call it; it calls nobody above.
"""
