//go:build tools

// Package tools keeps the Traefik module required: its CRD file is what the playground takes from it.
package tools

import _ "github.com/traefik/traefik/v3/pkg/ping"
