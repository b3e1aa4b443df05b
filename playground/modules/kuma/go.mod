module playground/kuma

go 1.26.0

require github.com/kumahq/kuma v1.8.1
