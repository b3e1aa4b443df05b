// Not for `go mod tidy`: a file is taken from the module, and none of its packages is built.
module playground/prometheus-operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
