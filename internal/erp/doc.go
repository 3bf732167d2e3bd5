// Package erp is the room of what comes from the operator's ERP (CO-05, CO-06): it reads files of
// CSV, NDJSON or BMEcat row by row, so that a file may be larger than memory and a bad row never
// stops the good ones, writes what they say, and notes how far each import has come.
//
//   - Reader gives rows of a kind, whose columns are in columns.go;
//   - Importer writes them, in batches;
//   - Runs are imports that are queued, shown, done once and gone on with.
package erp

//go:generate go run ./columns ../../docs/import.md
