package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// entry is one case of the list.
type entry struct {
	ID       string `toml:"id"`
	Priority int    `toml:"priority"` // 0 keeps a release back, 1 the first company
	Tried    string `toml:"tried"`
	Expected string `toml:"expected"`
	Left     string `toml:"left"` // what is not met or not tested
}

// group is what the ID begins with.
func (e entry) group() string {
	group, _, _ := strings.Cut(e.ID, "-")
	return group
}

func readCases(file string) ([]entry, error) {
	var list struct {
		Case []entry `toml:"case"`
	}
	read, err := toml.DecodeFile(file, &list)
	if err != nil {
		return nil, fmt.Errorf("reading the list of cases: %w", err)
	}
	if unknown := read.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("reading the list of cases: unknown keys %v", unknown)
	}
	seen := map[string]bool{}
	for _, each := range list.Case {
		if !caseID.MatchString(each.ID) || each.Tried == "" || each.Expected == "" || each.Priority < 0 || each.Priority > 1 || seen[each.ID] {
			return nil, fmt.Errorf("reading the list of cases: %q is there twice, or says too little", each.ID)
		}
		seen[each.ID] = true
	}
	return list.Case, nil
}

var (
	caseID   = regexp.MustCompile(`^[A-Z]+-\d\d$`)
	caseLine = regexp.MustCompile(`(?m)^Case: ([A-Z]+-\d+)`)
)

// test is a test function that names cases in the comment above it.
type test struct {
	folder, file, name string // the folder from the module's, with slashes
	cases              []string
}

// readTests finds the tests of cases in the source of a module.
func readTests(root string) ([]test, error) {
	var found []test
	err := filepath.WalkDir(root, func(at string, each fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case each.IsDir() && at != root && (each.Name() == "node_modules" || each.Name() == "testdata" || strings.HasPrefix(each.Name(), ".") || isModule(at)):
			return fs.SkipDir
		case each.IsDir() || !strings.HasSuffix(each.Name(), "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), at, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		file := filepath.ToSlash(relative)
		tagged := 0
		for _, declared := range parsed.Decls {
			f, ok := declared.(*ast.FuncDecl)
			if !ok || f.Recv != nil || f.Doc == nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			one := test{folder: path.Dir(file), file: path.Base(file), name: f.Name.Name}
			for _, match := range caseLine.FindAllStringSubmatch(f.Doc.Text(), -1) {
				one.cases = append(one.cases, match[1])
			}
			if tagged += len(one.cases); len(one.cases) > 0 {
				found = append(found, one)
			}
		}
		all := 0
		for _, comment := range parsed.Comments {
			all += len(caseLine.FindAllString(comment.Text(), -1))
		}
		if all != tagged {
			return fmt.Errorf("%s names a case where it counts for no test: write it into the comment above one", file)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for the tests of cases: %w", err)
	}
	return found, nil
}

// isModule tells whether a folder is a module of its own, whose tests are not in the run.
func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

// backend is what a subtest runs on, by its name: alone says that it does not say.
type backend int

const (
	alone backend = iota
	small         // SQLite, Redis in process
	large         // PostgreSQL, Redis
	backends
)

var backendOf = map[string]backend{
	"SQLite": small, "SQLite_and_Redis_in_process": small, "Redis_in_process": small,
	"PostgreSQL": large, "PostgreSQL_and_Redis": large, "Redis": large,
}

// outcome is how a test ended; of several the greatest counts.
type outcome int

const (
	notRun outcome = iota
	skipped
	passed
	failed
)

var outcomes = map[string]outcome{"skip": skipped, "pass": passed, "fail": failed}

func (o outcome) String() string { return [...]string{"—", "skipped", "passed", "**failed**"}[o] }

// run is how the tests of a run ended: by folder and name, on each backend. A test whose
// subtests name their backends did not run alone.
type run map[[2]string][backends]outcome

// readRun reads the events of `go test -json`, of the packages of this module.
func readRun(events io.Reader) (run, error) {
	ended := run{}
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the events of the run: %w", err)
		}
		var event struct{ Action, Package, Test string }
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("reading the events of the run: %w", err)
		}
		how, isEnd := outcomes[event.Action]
		if !isEnd || event.Test == "" {
			continue
		}
		folder := strings.TrimPrefix(strings.TrimPrefix(event.Package, "kontor"), "/")
		steps := strings.Split(event.Test, "/")
		on := alone
		if len(steps) > 1 {
			if on = backendOf[steps[len(steps)-1]]; on == alone {
				continue // its parent has ended as it has
			}
		}
		results := ended[[2]string{folder, steps[0]}]
		results[on] = max(results[on], how)
		ended[[2]string{folder, steps[0]}] = results
	}
	for test, results := range ended {
		if results[alone] != failed && (results[small] != notRun || results[large] != notRun) {
			results[alone] = notRun
			ended[test] = results
		}
	}
	return ended, nil
}
