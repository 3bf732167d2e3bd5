package directtest_test

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/99designs/gqlgen/graphql"

	. "kontor/graph/direct/directtest"
	"kontor/graph/direct/directtest/generated"
)

func to[T any](v T) *T { return &v }

// shelf has everything it needs.
func shelf(id string) *Shelf {
	column := 7
	box := &Box{ID: "box " + id, Name: to("A \"box\"\\ with\ttabs,\r\nlines, \x01\x1f and ünïcode \u2028 <&>"), Size: SizeSmall}
	ball := &Ball{ID: "ball", Radius: 0.1, At: Place{Row: 1, Column: &column}}
	return &Shelf{
		ID: id, Label: to("label " + id), Required: to("there"), Height: to(-180), Weight: to(12.5), Open: true,
		Made: time.Date(2026, 11, 23, 16, 4, 5, 6000, time.UTC), Price: 42, Rebate: to(Amount(3)),
		Size: SizeLarge, Sizes: []Size{SizeSmall, SizeLarge}, Tags: []string{"a", ""}, Notes: []*string{to("x"), nil},
		Grid: [][]int{{1, 2}, {}, {3}}, At: Place{Row: 2}, Box: box,
		Boxes: []*Box{box, {ID: "nested", Size: SizeLarge, Inner: box}}, Gaps: []*Box{nil, box},
		Front: ball, Back: box, Things: []Thing{box, ball, *ball}, Contents: []Content{nil, box, *ball}, Guarded: to("psst"),
		Edges: ShelfEdges{
			Owner: &Owner{Name: "Ada"}, KeeperLoaded: true,
			NamedBalls: map[string][]*Ball{"balls": {ball, {ID: "second", Radius: 1e21}}, "other": {}},
		},
	}
}

// defects of data: each takes something away that is needed, or only could be there.
var defects = []func(*Shelf){
	func(s *Shelf) { s.Required = nil },
	func(s *Shelf) { s.Label, s.Height, s.Rebate, s.Guarded = nil, nil, nil, nil },
	func(s *Shelf) { s.Made = time.Time{} },
	func(s *Shelf) { s.Sold = &time.Time{} },
	func(s *Shelf) { s.Weight = to(math.Inf(1)) },
	func(s *Shelf) { s.Box = nil },
	func(s *Shelf) { s.Boxes = append(s.Boxes, nil) },
	func(s *Shelf) { s.Boxes, s.Gaps, s.Notes, s.Tags, s.Grid = nil, nil, nil, nil, nil },
	func(s *Shelf) { s.Back = nil },
	func(s *Shelf) { s.Front, s.Back = (*Box)(nil), (*Box)(nil) },
	func(s *Shelf) { s.Things = append(s.Things, nil) },
	func(s *Shelf) { s.Contents = append(s.Contents, (*Ball)(nil)) },
	func(s *Shelf) { s.Broken = true },
	func(s *Shelf) { s.Edges = ShelfEdges{NamedBalls: map[string][]*Ball{}} },
	func(s *Shelf) { s.Edges.Owner, s.Edges.OwnerLoaded = nil, true },
	func(s *Shelf) { s.Edges.NamedBalls["balls"] = []*Ball{nil} },
	func(s *Shelf) { s.Edges.NamedBalls["balls"] = []*Ball{{ID: "odd", Radius: math.NaN()}} },
	func(s *Shelf) { s.Edges.Keeper = &Owner{Name: "Bob"} },
}

// damaged is a shelf with the defects of a bit set.
func damaged(id string, bits uint) *Shelf {
	s := shelf(id)
	for i, defect := range defects {
		if bits&(1<<i) != 0 {
			defect(s)
		}
	}
	return s
}

// root answers with the shelves that it holds.
type root struct{ shelves []*Shelf }

func (r root) Query() generated.QueryResolver               { return query(r) }
func (r root) Subscription() generated.SubscriptionResolver { return subscription(r) }
func (r root) Shelf() generated.ShelfResolver               { return shelfResolver{} }
func (r root) Box() generated.BoxResolver                   { return boxResolver{} }

type query root

func (r query) Shelves(context.Context) ([]*Shelf, error) { return r.shelves, nil }
func (r query) Gappy(context.Context) ([]*Shelf, error) {
	return append([]*Shelf{nil}, r.shelves...), nil
}

func (r query) Shelf(context.Context) (*Shelf, error) { return r.shelves[0], nil }

func (r query) Things(context.Context) ([]Thing, error) {
	return []Thing{r.shelves[0].Back, nil, Ball{ID: "b"}}, nil
}

type subscription root

func (s subscription) Shelf(context.Context) (<-chan *Shelf, error) {
	events := make(chan *Shelf, len(s.shelves))
	for _, one := range s.shelves {
		events <- one
	}
	close(events)
	return events, nil
}

type boxResolver struct{}

func (boxResolver) Slow(_ context.Context, b *Box) (*string, error) {
	if b.Inner != nil {
		return nil, errors.New("a slow box with another in it")
	}
	return b.Name, nil
}

type shelfResolver struct{}

func (shelfResolver) Slow(context.Context, *Shelf) (string, error) { return "slow", nil }

func (shelfResolver) Failing(_ context.Context, s *Shelf) (*string, error) {
	return nil, errors.New("failing on " + s.ID)
}

func (shelfResolver) FailingRequired(_ context.Context, s *Shelf) (string, error) {
	if s.Broken {
		return "", errors.New("failing on broken " + s.ID)
	}
	return "fine", nil
}

func (shelfResolver) SlowBoxes(_ context.Context, s *Shelf) ([]*Box, error) { return s.Boxes, nil }

func (shelfResolver) Scaled(_ context.Context, _ *Shelf, by int) (int, error) { return 21 * by, nil }

func loud(ctx context.Context, _ any, next graphql.Resolver) (any, error) {
	value, err := next(ctx)
	if text, ok := value.(*string); ok && text != nil {
		return to(*text + "!"), err
	}
	return value, err
}
