package erp

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"kontor/internal/day"
)

// batchRows are how many rows go in with one transaction.
const batchRows = 500

// maxTogether bounds the rows that make one thing, such as the positions of an order.
const maxTogether = 1000

// most is how many rows are written in one transaction. Contents of documents are kept
// meanwhile, which takes its time, and orders are held: so they are written one by one.
func most(kind Kind) int {
	switch kind {
	case Documents:
		return 1
	case Contracts:
		return 4 * batchRows // which are written together
	}
	return batchRows
}

// batch are rows that are written in one transaction, and the bad ones that were among them.
type batch struct {
	records int
	rows    []*Row
	refused int
	bad     []Rejection
}

// result is what is known of a batch before it is written.
func (b batch) result() Result {
	return Result{Records: b.records, Refused: b.refused, Rejected: slices.Clone(b.bad)}
}

// units are the rows that go in or stay out together.
func (b batch) units() [][]*Row {
	var units [][]*Row
	for i, row := range b.rows {
		if i > 0 && row.unit != "" && row.unit == b.rows[i-1].unit {
			units[len(units)-1] = append(units[len(units)-1], row)
		} else {
			units = append(units, []*Row{row})
		}
	}
	return units
}

// batches reads a file batch by batch.
type batches struct {
	reader *Reader
	most   int
	// records are how many rows have been read.
	records int
	// ahead is the first row of the next batch: only it tells that a unit is complete.
	ahead *item
	// doubt is there after a row of which it is not known what it is a part of.
	doubt bool
	// carried is a unit that has too many rows, of which the next batch has more.
	carried unit
}

// item is one row that was read, or what is wrong with it.
type item struct {
	row  *Row
	bad  RowErrors
	line int
	// unit names what the row is a part of; empty: it is a thing of its own. Where it is unknown,
	// the row cannot be read that far.
	unit    string
	unknown bool
}

// unit are rows that go in as a whole or not at all: an order without one of its positions would be
// another order.
type unit struct {
	name   string
	items  []item
	spoilt bool
}

// unreadable is what is wrong with a file as a whole.
type unreadable string

func (u unreadable) Error() string { return string(u) }

func (i *Importer) open(f file) (*batches, error) {
	if f.kind == Documents && i.folder == nil {
		return nil, unreadable("documents need the folder with their contents: give a file on the command line, or a ZIP archive to the API")
	}
	reader, err := NewReader(f.from, f.kind, f.format, WithBuyer(i.buyer), On(cmp.Or(f.on, day.Of(i.now()))))
	if err != nil {
		return nil, unreadable(err.Error())
	}
	b := &batches{reader: reader, most: most(f.kind)}
	for b.records < f.skip {
		if _, end, err := b.next(); err != nil || end && b.records < f.skip {
			return nil, cmp.Or(err, error(unreadable(fmt.Sprintf("the file has %d rows, fewer than have been imported from it already", b.records))))
		}
	}
	if b.records > f.skip {
		return nil, unreadable("the import was begun by another version of the program: begin it again")
	}
	return b, nil
}

// next reads the next batch; end tells that it is the last one. A unit is never cut.
func (b *batches) next() (next batch, end bool, err error) {
	open := b.carried
	b.carried = unit{}
	for {
		it, err := b.peek()
		if errors.Is(err, io.EOF) {
			next.take(open)
			return next, true, nil
		}
		if err != nil {
			return batch{}, false, err
		}
		switch {
		case it.unknown:
			open.spoilt, b.doubt = true, true
			next.take(open)
			open = unit{}
			if next.records >= b.most {
				return next, false, nil
			}
			next.take(unit{items: []item{it}})
		case it.unit != "" && it.unit == open.name:
			if len(open.items) >= maxTogether {
				open.spoilt = true
				next.take(open)
				open.items = nil
				if next.records >= b.most { // it is refused anyhow, so it may be cut
					b.carried = open
					return next, false, nil
				}
			}
			open.items = append(open.items, it)
		default:
			next.take(open)
			open = unit{}
			if next.records >= b.most {
				return next, false, nil
			}
			open = unit{name: it.unit, items: []item{it}, spoilt: b.doubt && it.unit != ""}
			b.doubt = false
		}
		b.ahead = nil
		b.records++
	}
}

// peek is the next row, good or bad, without taking it.
func (b *batches) peek() (item, error) {
	if b.ahead != nil {
		return *b.ahead, nil
	}
	row, err := b.reader.Next()
	var bad RowErrors
	switch {
	case errors.As(err, &bad):
		name, known := b.reader.unit()
		b.ahead = &item{bad: bad, line: bad[0].Line, unit: name, unknown: !known}
	case errors.Is(err, io.EOF):
		return item{}, io.EOF
	case err != nil:
		return item{}, unreadable(err.Error())
	default:
		b.ahead = &item{row: row, line: row.Line, unit: row.unit}
	}
	return *b.ahead, nil
}

// take adds rows that belong together.
func (b *batch) take(u unit) {
	spoilt := u.spoilt || slices.ContainsFunc(u.items, func(it item) bool { return it.bad != nil })
	for _, it := range u.items {
		b.records++
		switch {
		case it.bad != nil:
			b.refused++
			for _, one := range it.bad {
				b.bad = append(b.bad, rejection(it.line, refused{one.Column, one.Reason("en")}))
			}
		case spoilt:
			b.refused++
			b.bad = append(b.bad, Rejection{Line: it.line, Reason: "it goes in as a whole or not at all: another of its rows is bad, a row beside it cannot be read and may belong to it, or it has too many rows"})
		default:
			b.rows = append(b.rows, it.row)
		}
	}
}
