//go:build tools

// Package tools keeps the Kuma module required: its CRD file is what the playground takes from it.
package tools

import _ "github.com/kumahq/kuma/pkg/util/channels"
