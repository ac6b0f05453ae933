module github.com/gotgcall/gotgcall/adapters/gogram

go 1.25.0

replace github.com/gotgcall/gotgcall => ../..
