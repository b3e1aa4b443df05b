//go:build tools

// Package tools keeps the Contour module required: its CRD file is what the playground takes from it.
package tools

import _ "github.com/projectcontour/contour/apis/projectcontour"
