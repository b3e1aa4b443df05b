//go:build tools

// Package tools keeps the APISIX module required: its CRD file is what the playground takes from it.
package tools

import _ "github.com/apache/apisix-ingress-controller/pkg/kube/apisix/const"
