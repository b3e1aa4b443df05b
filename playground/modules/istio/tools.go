//go:build tools

// Package tools keeps Istio's API module required: its CRD file is what the playground takes from it.
package tools

import _ "istio.io/api/annotation"
