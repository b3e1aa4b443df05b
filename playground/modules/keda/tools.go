//go:build tools

// Package tools keeps the KEDA module required: its CRD files are what the playground takes from it.
package tools

import _ "github.com/kedacore/keda/v2/version"
