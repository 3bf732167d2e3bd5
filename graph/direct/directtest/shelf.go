// Package directtest has a schema with every kind of field, to prove that the direct
// path answers as gqlgen's ordinary path does.
package directtest

//go:generate go run generate.go

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Amount is a scalar that writes itself.
type Amount int

// MarshalGQL writes it as a string.
func (a Amount) MarshalGQL(w io.Writer) { _, _ = fmt.Fprintf(w, `"%d.00"`, int(a)) }

// UnmarshalGQL refuses all: the schema has no input of it.
func (a *Amount) UnmarshalGQL(any) error { return errors.New("amounts are only written") }

// Size is an enum that writes itself.
type Size string

// Sizes of shelves.
const (
	SizeSmall Size = "SMALL"
	SizeLarge Size = "LARGE"
)

// MarshalGQL writes its name.
func (s Size) MarshalGQL(w io.Writer) { _, _ = fmt.Fprintf(w, "%q", string(s)) }

// UnmarshalGQL refuses all: the schema has no input of it.
func (s *Size) UnmarshalGQL(any) error { return errors.New("sizes are only written") }

// Thing is an interface of the schema.
type Thing interface{ IsThing() }

// Content is a union of the schema.
type Content interface{ IsContent() }

// Box is passed by pointer.
type Box struct {
	ID    string
	Name  *string
	Size  Size
	Inner *Box
}

// Ball is passed by value, too.
type Ball struct {
	ID     string
	Name   *string
	Radius float64
	At     Place
}

// IsThing marks boxes.
func (*Box) IsThing() {}

// IsContent marks boxes.
func (*Box) IsContent() {}

// IsThing marks balls.
func (Ball) IsThing() {}

// IsContent marks balls.
func (Ball) IsContent() {}

// Place is a struct within a struct.
type Place struct {
	Row    int
	Column *int
}

// Owner is at the end of an edge.
type Owner struct{ Name string }

// Shelf has a field of every kind.
type Shelf struct {
	ID       string
	Label    *string
	Required *string // required by the schema only
	Height   *int
	Weight   *float64
	Open     bool
	Made     time.Time
	Sold     *time.Time
	Price    Amount
	Rebate   *Amount
	Size     Size
	Sizes    []Size
	Tags     []string
	Notes    []*string
	Grid     [][]int
	At       Place
	Box      *Box
	Spare    *Box
	Boxes    []*Box
	Gaps     []*Box
	Front    Thing
	Back     Thing
	Things   []Thing
	Contents []Content
	Guarded  *string
	Broken   bool
	Edges    ShelfEdges
}

// Area is a method without context.
func (s *Shelf) Area() int { return len(s.Boxes) * 10 }

// Checked is a method that may fail.
func (s *Shelf) Checked() (int, error) {
	if s.Broken {
		return 0, errors.New("the shelf is broken")
	}
	return 1, nil
}

// Fragile is a method that panics.
func (s *Shelf) Fragile() *int {
	if s.Broken {
		panic("the shelf fell down")
	}
	return nil
}
