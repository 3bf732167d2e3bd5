// Package demo is the data that a demonstration and the tests begin with: five
// companies with their users, products, prices, contracts and past orders. It is
// the same every time.
package demo

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"kontor/internal/erp"
)

// Password is the password of every user of the demo data.
const Password = "Kontor-2026!"

//go:embed data/*.csv
var files embed.FS

// Open opens the rows of a kind as a CSV file, such as an ERP system would send it.
func Open(kind erp.Kind) (fs.File, error) {
	file, err := files.Open("data/" + strings.ToLower(string(kind)) + ".csv")
	if err != nil {
		return nil, fmt.Errorf("opening the demo data: %w", err)
	}
	return file, nil
}

// each hands over all rows of a kind, one by one. In demo data a bad row is a
// mistake of ours, so that the first one ends it.
func each(kind erp.Kind, take func(*erp.Row)) error {
	file, err := Open(kind)
	if err != nil {
		return err
	}
	defer file.Close()
	reader, err := erp.NewReader(file, kind, erp.CSV)
	if err != nil {
		return fmt.Errorf("reading the demo data of %s: %w", kind, err)
	}
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the demo data of %s: %w", kind, err)
		}
		take(row)
	}
}
