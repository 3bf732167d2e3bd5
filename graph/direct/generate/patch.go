package generate

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// patch makes gqlgen's code in a folder ask the direct path first.
func patch(dir, runtime string, found *path) error {
	p := patcher{missing: map[string]string{
		"executionContext": "plans *direct.Plans\n",
		"Exec":             "\nec.plans = direct.NewPlans(ctx, opCtx, directSchema)",
	}}
	for _, o := range found.Objects {
		p.missing["_"+o.Name] = fmt.Sprintf("\nanswer, parts := direct.Object(ctx, ec.plans, %q, sel, obj, field%s)\n"+
			"if answer != nil {\nreturn answer\n}\n", o.Name, o.Name)
	}
	for _, l := range found.Lists {
		names := ""
		for _, name := range l.Names {
			names += ", " + strconv.Quote(name)
		}
		p.missing[l.MarshalFunc()] = fmt.Sprintf("\nif answer := direct.Value(ctx, ec.plans, sel, v, %s%s); answer != nil {\nreturn answer\n}\n",
			l.Write, names)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return fmt.Errorf("listing the generated code: %w", err)
	}
	for _, file := range files {
		if filepath.Base(file) == filename {
			continue
		}
		if err := p.file(file, runtime); err != nil {
			return fmt.Errorf("adding the direct path to %s: %w", file, err)
		}
	}
	if len(p.missing) > 0 {
		return fmt.Errorf("gqlgen's code has no place for the direct path in %s: was it written by another version of gqlgen?",
			strings.Join(slices.Sorted(maps.Keys(p.missing)), ", "))
	}
	return nil
}

// patcher knows by the name of a declaration what has still to be put into it.
type patcher struct {
	missing map[string]string
	edits   []edit
}

type edit struct {
	at   token.Pos
	text string
}

func (p *patcher) file(name, runtime string) error {
	source, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	p.edits = nil
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			p.function(d)
		case *ast.GenDecl:
			p.structure(d)
		}
	}
	if len(p.edits) == 0 {
		return nil
	}
	for _, d := range parsed.Decls {
		if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.IMPORT && d.Lparen.IsValid() {
			p.insert(d.Lparen+1, "\n"+strconv.Quote(runtime)+"\n")
			break
		}
	}
	slices.SortFunc(p.edits, func(a, b edit) int { return cmp.Compare(b.at, a.at) })
	for _, e := range p.edits {
		source = slices.Insert(source, files.Position(e.at).Offset, []byte(e.text)...)
	}
	if source, err = format.Source(source); err != nil {
		return err
	}
	return os.WriteFile(name, source, 0o644)
}

func (p *patcher) insert(at token.Pos, text string) { p.edits = append(p.edits, edit{at, text}) }

func (p *patcher) function(d *ast.FuncDecl) {
	text, wanted := p.missing[d.Name.Name]
	if !wanted || d.Recv == nil || d.Body == nil {
		return
	}
	switch {
	case d.Name.Name == "Exec":
		if at := after(d.Body, "ec"); at.IsValid() {
			p.insert(at, text)
			delete(p.missing, "Exec")
		}
	case strings.HasPrefix(d.Name.Name, "_"):
		loop := over(d.Body, "fields")
		if loop == nil {
			return
		}
		p.insert(d.Body.Lbrace+1, text)
		p.insert(loop.Body.Lbrace+1, "\nif parts.Put(out, i) {\ncontinue\n}\n")
		delete(p.missing, d.Name.Name)
	default:
		p.insert(d.Body.Lbrace+1, text)
		delete(p.missing, d.Name.Name)
	}
}

// after is behind the statement that defines a variable.
func after(body *ast.BlockStmt, variable string) token.Pos {
	for _, statement := range body.List {
		if s, ok := statement.(*ast.AssignStmt); ok && s.Tok == token.DEFINE && isName(s.Lhs[0], variable) {
			return s.End()
		}
	}
	return token.NoPos
}

// over is the loop over a variable.
func over(body *ast.BlockStmt, variable string) *ast.RangeStmt {
	for _, statement := range body.List {
		if s, ok := statement.(*ast.RangeStmt); ok && isName(s.X, variable) {
			return s
		}
	}
	return nil
}

func isName(e ast.Expr, name string) bool {
	identifier, ok := e.(*ast.Ident)
	return ok && identifier.Name == name
}

func (p *patcher) structure(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		t, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		if s, ok := t.Type.(*ast.StructType); ok && t.Name.Name == "executionContext" {
			p.insert(s.Fields.Closing, p.missing[t.Name.Name])
			delete(p.missing, t.Name.Name)
		}
	}
}
