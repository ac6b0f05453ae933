package main

import (
	"context"
	"os/exec"
	"runtime"
)

// openBrowser opens a page in the user's browser, if this system has one: the address is
// on the terminal, too.
func openBrowser(ctx context.Context, url string) {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	cmd := exec.CommandContext(ctx, name, args...)
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }() // a helper that ends by itself, or with ctx
	}
}
