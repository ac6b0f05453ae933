package groupcall

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var states = []State{Out, Resolving, Joining, Connecting, In, Muted, Recovering, Parked, Leaving}

type edge struct{ from, to State }

func table() map[edge]bool {
	edges := make(map[edge]bool)
	for _, from := range states {
		for _, to := range from.next() {
			edges[edge{from, to}] = true
		}
	}
	return edges
}

// TestTableHasTheMovesThatAreMade: the code's moves and the table are the same.
func TestTableHasTheMovesThatAreMade(t *testing.T) {
	t.Parallel()
	byName := make(map[string]State)
	for _, s := range states {
		byName[s.String()] = s
	}
	made := make(map[edge]bool)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if fn, ok := call.Fun.(*ast.SelectorExpr); !ok || fn.Sel.Name != "move" {
				return true
			}
			to := byName[call.Args[0].(*ast.Ident).Name]
			for _, from := range call.Args[1:] {
				s, ok := byName[from.(*ast.Ident).Name]
				require.True(t, ok, "%s", name)
				made[edge{s, to}] = true
			}
			return true
		})
	}
	require.Equal(t, table(), made)
}

// TestDocShowsTheTable: doc.go lists where each state leads.
func TestDocShowsTheTable(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, s := range states {
		line := "//\t" + s.String() + strings.Repeat(" ", 11-len(s.String())) + "->"
		for _, to := range s.next() {
			line += " " + to.String()
		}
		require.Contains(t, string(doc), line+"\n")
	}
}

// TestEveryStateLeadsOut: Leave is possible everywhere.
func TestEveryStateLeadsOut(t *testing.T) {
	t.Parallel()
	for _, s := range states[1:] {
		require.Contains(t, s.next(), Out, "%s", s)
	}
}
