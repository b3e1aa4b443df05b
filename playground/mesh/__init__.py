"""The pocket mesh: an HTTP forward proxy that stands where Linkerd's proxies stand, and the pods behind it.

    python -m playground.mesh --kubeconfig FILE --port 4140 --metrics-port 4191

Trail of a request: `proxy` asks `directory` which Service a host names, `routing` which backend its HTTPRoutes choose,
`directory` again for a ready pod, and hands the request to what that pod runs (`podinfo`, or the real load tester
through `forwarding`). `telemetry` counts as linkerd-proxy counts; `acceptance` writes the status of HTTPRoutes.
"""
