package instances

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/models"
)

var phaseNames = map[string]phase{
	"restoring": restoring, "created": created, "connecting": connecting, "connected": connected,
	"rejoinAsked": rejoinAsked, "rejoining": rejoining, "idle": idle, "retrying": retrying, "ended": ended,
}

// TestMoveTakesTheEdgesOfTheTable: and no other, of all pairs of phases. The error
// names both.
func TestMoveTakesTheEdgesOfTheTable(t *testing.T) {
	t.Parallel()
	for _, from := range phaseNames {
		edges := make(map[phase]bool)
		for _, to := range from.next() {
			edges[to] = true
		}
		require.Equal(t, from != ended, edges[ended], "%s: every phase but the last leads to it", from)
		for _, to := range phaseNames {
			c := &Call{phase: from}
			err := c.move(to, from)
			if edges[to] {
				require.NoError(t, err)
				require.Equal(t, to, c.phase)
				continue
			}
			require.Equal(t, from, c.phase)
			require.ErrorContains(t, err, from.String())
			require.ErrorContains(t, err, to.String())
			want := models.ErrConnectionExists
			if from == ended {
				want = models.ErrConnectionNotFound
			}
			require.ErrorIs(t, err, want)
		}
		for _, to := range from.next() {
			c := &Call{phase: from}
			require.Error(t, c.move(to), "%s to %s without a permission", from, to)
		}
	}
}

// TestTableHasTheEdgesThatAreTaken: the code's moves and the table are the same.
func TestTableHasTheEdgesThatAreTaken(t *testing.T) {
	t.Parallel()
	type edge struct{ from, to phase }
	taken, table := make(map[edge]bool), make(map[edge]bool)
	visit := func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if fn, ok := call.Fun.(*ast.SelectorExpr); !ok || fn.Sel.Name != "move" {
			return true
		}
		to := call.Args[0].(*ast.Ident).Name
		for _, arg := range call.Args[1:] {
			name := arg.(*ast.Ident).Name
			if from, ok := phaseNames[name]; ok {
				taken[edge{from, phaseNames[to]}] = true
				continue
			}
			require.Equal(t, "ended", to, "only the end comes from any phase")
			for _, from := range phaseNames {
				if from != ended {
					taken[edge{from, ended}] = true
				}
			}
		}
		return true
	}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, visit)
	}
	for _, from := range phaseNames {
		for _, to := range from.next() {
			table[edge{from, to}] = true
		}
	}
	require.Equal(t, table, taken)
}

// TestDocShowsTheTable: doc.go lists where each phase leads.
func TestDocShowsTheTable(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	names := make(map[phase]string)
	for name, p := range phaseNames {
		names[p] = name
	}
	for name, p := range phaseNames {
		if p == ended {
			continue
		}
		line := "//\t" + name + strings.Repeat(" ", 12-len(name)) + "->"
		for _, to := range p.next() {
			line += " " + names[to]
		}
		require.Contains(t, string(doc), line+"\n")
	}
}
