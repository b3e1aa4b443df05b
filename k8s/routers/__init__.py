"""Traffic routing: one file a mesh or ingress. A router only translates between a `Split` and objects."""
