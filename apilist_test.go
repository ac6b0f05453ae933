package gotgcall_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var updateAPI = flag.Bool("update-api", false, "write the listings in testdata/api")

// TestPublicAPIIsListed compares the exported declarations of each public package
// with the listing in testdata/api, so that every change of the API shows in review.
// After an intended change run
//
//	go test -run TestPublicAPIIsListed . -update-api
//
// and name the change in CHANGELOG.md.
func TestPublicAPIIsListed(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{
		"gotgcall": ".", "jsonparams": "jsonparams", "media": "media", "models": "models", "sfutest": "sfutest",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listing := filepath.Join("testdata", "api", name+".txt")
			api := strings.Join(exportedAPI(t, dir), "\n") + "\n"
			if *updateAPI {
				require.NoError(t, os.WriteFile(listing, []byte(api), 0o644))
			}
			want, err := os.ReadFile(listing)
			require.NoError(t, err)
			require.Equal(t, string(want), api)
		})
	}
}

// exportedAPI returns the exported declarations of a package, sorted, without
// comments and bodies.
func exportedAPI(t *testing.T, dir string) []string {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var api []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.FileExports(file)
		for _, decl := range file.Decls {
			for _, d := range apart(decl) {
				var b strings.Builder
				require.NoError(t, printer.Fprint(&b, token.NewFileSet(), d))
				api = append(api, b.String())
			}
		}
	}
	slices.Sort(api)
	return api
}

// apart returns each specification of a group as a declaration, and a function
// without its body. Methods of unexported types are left out.
func apart(decl ast.Decl) []ast.Decl {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil && !exportedType(d.Recv.List[0].Type) {
			return nil
		}
		d.Body = nil
	case *ast.GenDecl:
		var out []ast.Decl
		for _, spec := range d.Specs {
			if _, ok := spec.(*ast.ImportSpec); !ok {
				out = append(out, &ast.GenDecl{Tok: d.Tok, Specs: []ast.Spec{spec}})
			}
		}
		return out
	}
	return []ast.Decl{decl}
}

func exportedType(receiver ast.Expr) bool {
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	name, ok := receiver.(*ast.Ident)
	return !ok || name.IsExported()
}
