package money

import "fmt"

// Money is an amount in a currency (ISO 4217).
type Money struct {
	Amount   Decimal
	Currency string
}

// Of is an amount with at least the two decimal places that a reader of money
// expects ("1234.50"), and more where the price has them ("0.0125").
func Of(amount Decimal, currency string) Money {
	return Money{Amount: Decimal{amount.d.Trim(2).Pad(2)}, Currency: currency}
}

// Line is the total of a position: quantity times unit price, rounded to the
// cent.
func Line(quantity, unitPrice Decimal) (Decimal, error) {
	product, err := quantity.Times(unitPrice)
	if err != nil {
		return zero, fmt.Errorf("multiplying %s by %s: %w", quantity, unitPrice, err)
	}
	return product.Round(2)
}

// Taxed is a net amount together with the rate it is taxed at, in percent.
type Taxed struct{ Net, RatePercent Decimal }

// Totals are the sums of an order or a cart, exact to the cent.
type Totals struct{ Net, Tax, Gross Decimal }

// Sum adds positions up. The tax is rounded once for each rate, over the sum of
// its positions, as invoices do, so it does not depend on how a quantity is
// split into positions (CA-02).
func Sum(positions []Taxed) (Totals, error) {
	var (
		totals Totals
		rates  []Decimal
		nets   = map[string]Decimal{}
		err    error
	)
	for _, p := range positions {
		key := p.RatePercent.d.Trim(0).String()
		if _, known := nets[key]; !known {
			rates = append(rates, p.RatePercent)
		}
		if nets[key], err = nets[key].Plus(p.Net); err != nil {
			return Totals{}, fmt.Errorf("adding up net amounts: %w", err)
		}
	}
	hundredth := MustParse("0.01")
	for _, rate := range rates {
		net := nets[rate.d.Trim(0).String()]
		if totals.Net, err = totals.Net.Plus(net); err != nil {
			return Totals{}, fmt.Errorf("adding up net amounts: %w", err)
		}
		fraction, err := rate.Times(hundredth)
		if err != nil {
			return Totals{}, fmt.Errorf("taking %s percent: %w", rate, err)
		}
		tax, err := net.Times(fraction)
		if err != nil {
			return Totals{}, fmt.Errorf("taxing %s: %w", net, err)
		}
		if tax, err = tax.Round(2); err != nil {
			return Totals{}, err
		}
		if totals.Tax, err = totals.Tax.Plus(tax); err != nil {
			return Totals{}, fmt.Errorf("adding up taxes: %w", err)
		}
	}
	if totals.Gross, err = totals.Net.Plus(totals.Tax); err != nil {
		return Totals{}, fmt.Errorf("adding tax to net: %w", err)
	}
	return totals, nil
}
