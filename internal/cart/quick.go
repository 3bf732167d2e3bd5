package cart

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"kontor/ent"
	"kontor/internal/fault"
)

// AddCartItemsFromCsvInput is a text with positions to put into the cart.
type AddCartItemsFromCsvInput struct{ Csv string }

// AddFromCSV puts the good lines of a text into the cart, as Add does, and tells how
// many these are; what is wrong with the others comes back as faults with their line
// numbers (CA-10).
func (s *Service) AddFromCSV(ctx context.Context, in AddCartItemsFromCsvInput) (*Cart, int, error) {
	lines, faults := parseCSV(in.Csv)
	if len(lines) == 0 {
		c, err := s.Current(ctx)
		if err != nil {
			return nil, 0, err
		}
		return c, 0, faults.Err()
	}
	added := 0
	c, err := s.change(ctx, func(tx *ent.Tx, row *ent.Cart) error {
		skus := make([]string, len(lines))
		for i, line := range lines {
			skus[i] = line.sku
		}
		products, err := s.productsBySKU(ctx, tx, skus)
		if err != nil {
			return err
		}
		f, err := s.filling(ctx, tx, row)
		if err != nil {
			return err
		}
		for _, line := range lines {
			bad, err := f.putLine(ctx, products[line.sku], line)
			if err != nil {
				return err
			}
			if bad != nil {
				faults.Add(inLine(line.number, bad))
				continue
			}
			added++
		}
		return f.write(ctx)
	})
	if err != nil {
		return nil, 0, err
	}
	slices.SortStableFunc(faults, func(a, b *fault.Fault) int { return cmp.Compare(lineOf(a), lineOf(b)) })
	return c, added, faults.Err()
}

// lineOf is the line that a fault is in.
func lineOf(f *fault.Fault) int {
	number, err := strconv.Atoi(f.Field[1])
	if err != nil {
		return 0
	}
	return number
}

// putLine puts one line in, or gives what stands in its way.
func (f *filling) putLine(ctx context.Context, p *ent.Product, line csvLine) (*fault.Fault, error) {
	switch {
	case p == nil:
		return fault.New("PRODUCT_UNKNOWN", "sku").With("sku", line.sku), nil
	case !p.Active:
		return fault.New("PRODUCT_NOT_ORDERABLE", "sku").With("sku", line.sku), nil
	}
	var faults fault.List
	if err := f.put(ctx, p, position{quantity: line.quantity}, []string{"quantity"}, &faults); err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return faults[0], nil
	}
	if len(f.items) > maxPositions {
		f.items = f.items[:maxPositions]
		return fault.New("TOO_MANY_ITEMS", "sku").With("max", maxPositions), nil
	}
	return nil, nil
}
