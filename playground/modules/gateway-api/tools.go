//go:build tools

// Package tools keeps the Gateway API module required: its CRD files are what the playground takes from it.
package tools

import _ "sigs.k8s.io/gateway-api/pkg/consts"
