"""A whole small world on one machine: a real Kubernetes control plane, Temporal, Prometheus and a pocket mesh.

For demos and tests; needs neither root, nor containers, nor a cluster, and writes only to its cache and data folders.
"""
