// Command cases writes docs/security.md, the table of what is tried against Kontor and of the
// tests that try it, from the list of cases, the comments above the tests and a run of them.
//
//	go tool gotestsum --jsonfile bin/tests.json ./...
//	go run ./cmd/cases bin/tests.json           # fails where the page is not what the run gave
//	go run ./cmd/cases -write bin/tests.json
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	write := flag.Bool("write", false, "write docs/security.md instead of comparing it")
	root := flag.String("root", ".", "the folder of the module")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: cases [-write] [-root folder] <events of the run, as go test -json writes them>")
	}
	if err := report(*root, flag.Arg(0), *write); err != nil {
		log.Fatal(err)
	}
}

// report compares or writes the page. It refuses a run in which a test of a case failed or did not run.
func report(root, events string, write bool) error {
	cases, err := readCases(filepath.Join(root, "docs", "security-cases.toml"))
	if err != nil {
		return err
	}
	tests, err := readTests(root)
	if err != nil {
		return err
	}
	file, err := os.Open(events)
	if err != nil {
		return fmt.Errorf("opening the events of the run: %w", err)
	}
	defer file.Close()
	run, err := readRun(file)
	if err != nil {
		return err
	}
	tables, err := tabulate(cases, tests, run)
	if err != nil {
		return err
	}
	path := filepath.Join(root, "docs", "security.md")
	page := render(tables)
	if write {
		return os.WriteFile(path, page, 0o644)
	}
	if there, err := os.ReadFile(path); err != nil || !bytes.Equal(there, page) {
		return errors.Join(fmt.Errorf("docs/security.md is not what this run of the tests gave: look at it after `make test`"), err)
	}
	return nil
}
