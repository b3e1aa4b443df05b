//go:build tools

// Package tools keeps Knative Serving required: its CRD files are what the playground takes from it.
package tools

import _ "knative.dev/serving/config/core/300-resources"
