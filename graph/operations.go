package graph

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"kontor/internal/persisted"
)

// Operations reads the operations of clients, one folder for each client: each with the fragments
// that it spreads, which are in its own file or in another one of the folder. With typename,
// __typename is asked for in all objects, as Apollo Client and urql do. What the API would refuse,
// whatever the variables, is an error that names the file (GQL-11).
func Operations(folders []string, typename bool) ([]persisted.Operation, error) {
	schema := Schema(&Resolver{}).Schema()
	var all []persisted.Operation
	for _, folder := range folders {
		operations, err := operationsIn(folder, schema, typename)
		if err != nil {
			return nil, err
		}
		all = append(all, operations...)
	}
	return all, nil
}

func operationsIn(folder string, schema *ast.Schema, typename bool) ([]persisted.Operation, error) {
	files, err := documentsIn(folder)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no .graphql files", folder)
	}
	var fragments ast.FragmentDefinitionList
	for _, file := range files {
		fragments = append(fragments, file.Fragments...)
	}
	var all []persisted.Operation
	seen, wrong := map[string]bool{}, []error(nil)
	for _, file := range files {
		for _, operation := range file.Operations {
			where := operation.Position.Src.Name
			if operation.Name == "" || seen[operation.Name] {
				wrong = append(wrong, fmt.Errorf("%s: give each operation of a client a name of its own: %q", where, operation.Name))
				continue
			}
			seen[operation.Name] = true
			body, err := complete(operation, append(slices.Clone(file.Fragments), fragments...), schema, typename)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %s: %w", where, operation.Name, err))
				continue
			}
			all = append(all, persisted.NewOperation(operation.Name, string(operation.Operation), body))
		}
	}
	return all, errors.Join(wrong...)
}

func documentsIn(folder string) ([]*ast.QueryDocument, error) {
	var files []*ast.QueryDocument
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".graphql" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		document, err := parser.ParseQuery(&ast.Source{Name: path, Input: string(content)})
		if err != nil {
			return err
		}
		files = append(files, document)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the operations of %s: %w", folder, err)
	}
	return files, nil
}

// complete is the text of an operation with its fragments, once it is found to be good.
func complete(operation *ast.OperationDefinition, fragments ast.FragmentDefinitionList, schema *ast.Schema, typename bool) (string, error) {
	document := &ast.QueryDocument{Operations: ast.OperationList{operation}}
	if err := collect(document, operation.SelectionSet, fragments); err != nil {
		return "", err
	}
	text := written(document)
	// Read anew: fragments that several operations spread are marked by what validates them.
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxTokens)
	if err != nil {
		return "", err
	}
	if typename {
		for _, operation := range document.Operations {
			operation.SelectionSet = withTypename(operation.SelectionSet, true)
		}
		for _, fragment := range document.Fragments {
			fragment.SelectionSet = withTypename(fragment.SelectionSet, false)
		}
		text = written(document)
		if document, err = parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxTokens); err != nil {
			return "", err
		}
	}
	if refused := checkShape(document); refused != nil {
		return "", refused
	}
	if wrong := validator.ValidateWithRules(schema, document, rules.NewDefaultRules()); len(wrong) > 0 {
		return "", wrong
	}
	return text, smallest(document.Operations[0], schema)
}

// smallest refuses an operation that would cost too much with the shortest lists already.
func smallest(operation *ast.OperationDefinition, schema *ast.Schema) error {
	op := &graphql.OperationContext{Operation: operation, Variables: map[string]any{}}
	for _, v := range operation.VariableDefinitions {
		if v.Type.NamedType == "Int" {
			op.Variables[v.Variable] = 1
		}
	}
	if refused := (&limits{schema: schema}).MutateOperationContext(context.Background(), op); refused != nil {
		return refused
	}
	return nil
}

// collect adds the fragments that are spread to a document, those that they spread, too.
func collect(document *ast.QueryDocument, selections ast.SelectionSet, from ast.FragmentDefinitionList) error {
	for _, selection := range selections {
		var within ast.SelectionSet
		switch selection := selection.(type) {
		case *ast.Field:
			within = selection.SelectionSet
		case *ast.InlineFragment:
			within = selection.SelectionSet
		case *ast.FragmentSpread:
			if document.Fragments.ForName(selection.Name) != nil {
				continue
			}
			fragment := from.ForName(selection.Name)
			if fragment == nil {
				return fmt.Errorf("there is no fragment %s in its folder", selection.Name)
			}
			document.Fragments = append(document.Fragments, fragment)
			within = fragment.SelectionSet
		}
		if err := collect(document, within, from); err != nil {
			return err
		}
	}
	return nil
}

// withTypename asks for __typename where objects are selected, but not of the operation itself.
func withTypename(selections ast.SelectionSet, operation bool) ast.SelectionSet {
	asked := operation
	for _, selection := range selections {
		switch selection := selection.(type) {
		case *ast.Field:
			asked = asked || selection.Alias == "__typename"
			if len(selection.SelectionSet) > 0 {
				selection.SelectionSet = withTypename(selection.SelectionSet, false)
			}
		case *ast.InlineFragment:
			selection.SelectionSet = withTypename(selection.SelectionSet, operation)
		}
	}
	if asked {
		return selections
	}
	return append(selections, &ast.Field{Name: "__typename", Alias: "__typename"})
}

func written(document *ast.QueryDocument) string {
	var text strings.Builder
	formatter.NewFormatter(&text, formatter.WithIndent("  ")).FormatQueryDocument(document)
	return strings.TrimSpace(text.String())
}
