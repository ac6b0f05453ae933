module github.com/gotgcall/gotgcall/adapters/gogram

go 1.25.0

replace github.com/gotgcall/gotgcall => ../..

require (
	github.com/amarnathcjd/gogram v1.7.1
	github.com/stretchr/testify v1.12.1
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
