module playground/smi

go 1.26.0

require github.com/openservicemesh/osm v1.2.4
