package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
)

// wallsOf are the tables whose walls ask for each action, as the source of ent's schema
// says it: where a type calls scopedBy or restrict with the action's name.
func wallsOf(folder string) (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("looking for tables: %w", err)
	}
	walls := map[string][]string{}
	for _, file := range files {
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("reading the walls of tables: %w", err)
		}
		for _, d := range source.Decls {
			if method, ok := d.(*ast.FuncDecl); ok && method.Recv != nil {
				collect(walls, method)
			}
		}
	}
	if len(walls) == 0 {
		return nil, fmt.Errorf("no table in %s has walls", folder)
	}
	for _, tables := range walls {
		slices.Sort(tables)
	}
	return walls, nil
}

// collect adds the actions that a method of a table names.
func collect(walls map[string][]string, method *ast.FuncDecl) {
	table, ok := method.Recv.List[0].Type.(*ast.Ident)
	if !ok {
		return
	}
	ast.Inspect(method.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "scopedBy" && name.Name != "restrict" {
			return true
		}
		for _, argument := range call.Args {
			if text, ok := argument.(*ast.BasicLit); ok && text.Kind == token.STRING {
				if action, err := strconv.Unquote(text.Value); err == nil {
					walls[action] = append(walls[action], table.Name)
				}
			}
		}
		return true
	})
}
