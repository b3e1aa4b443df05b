//go:build tools

// Package tools keeps Open Service Mesh's module required: its definition of TrafficSplits is what the playground takes.
package tools

import _ "github.com/openservicemesh/osm/pkg/signals"
