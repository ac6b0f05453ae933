module github.com/gotgcall/gotgcall/examples/bot

go 1.25.0

replace (
	github.com/gotgcall/gotgcall => ../..
	github.com/gotgcall/gotgcall/adapters/gogram => ../../adapters/gogram
)
