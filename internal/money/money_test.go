package money

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func decimals(t *rapid.T, name string) Decimal {
	return FromUnits(rapid.Int64Range(-1_000_000_000_000, 1_000_000_000_000).Draw(t, name))
}

// Requirement: CA-02
func TestDecimalsKeepTheirValueInTheDatabaseAndOnTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := decimals(t, "d")
		stored, err := d.Value()
		if err != nil {
			t.Fatal(err)
		}
		var scanned Decimal
		if err := scanned.Scan(stored); err != nil || scanned.Cmp(d) != 0 {
			t.Fatalf("%s came back from the database as %s, %v", d, scanned, err)
		}
		parsed, err := Parse(d.String())
		if err != nil || parsed.Cmp(d) != 0 {
			t.Fatalf("%s came back from the wire as %s, %v", d, parsed, err)
		}
	})
}

// The rounding is checked against integers, which know nothing of our decimals.
func TestLinesRoundHalfAwayFromZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quantity := rapid.Int64Range(1, 100_000_000).Draw(t, "quantity in ten-thousandths")
		price := rapid.Int64Range(0, 100_000_000).Draw(t, "price in ten-thousandths")
		line, err := Line(FromUnits(quantity), FromUnits(price))
		if err != nil {
			t.Fatal(err)
		}
		// Both have four places: the product has eight, cents are 10^6 of them.
		product := new(big.Int).Mul(big.NewInt(quantity), big.NewInt(price))
		cents := product.Add(product, big.NewInt(500_000)).Div(product, big.NewInt(1_000_000))
		units, err := line.Units()
		if err != nil || units != cents.Int64()*100 {
			t.Fatalf("%d x %d gave %s, want %s cents", quantity, price, line, cents)
		}
	})
}

// Requirement: CA-02
func TestSumsAddUp(t *testing.T) {
	rates := []Decimal{MustParse("19"), MustParse("7"), MustParse("0")}
	rapid.Check(t, func(t *rapid.T) {
		var positions []Taxed
		var net int64
		for range rapid.IntRange(0, 20).Draw(t, "positions") {
			cents := rapid.Int64Range(0, 10_000_000).Draw(t, "cents")
			net += cents
			positions = append(positions, Taxed{Net: FromUnits(cents * 100), RatePercent: rapid.SampledFrom(rates).Draw(t, "rate")})
		}
		totals, err := Sum(positions)
		if err != nil {
			t.Fatal(err)
		}
		if units, _ := totals.Net.Units(); units != net*100 {
			t.Fatalf("net is %s, want %d cents", totals.Net, net)
		}
		gross, err := totals.Net.Plus(totals.Tax)
		if err != nil || gross.Cmp(totals.Gross) != 0 {
			t.Fatalf("%s and %s do not make %s", totals.Net, totals.Tax, totals.Gross)
		}
		// Splitting a position changes nothing: the tax is of the sum.
		if len(positions) > 0 && positions[0].Net.Sign() > 0 {
			cent := MustParse("0.01")
			rest, _ := positions[0].Net.Minus(cent)
			split := append([]Taxed{{Net: cent, RatePercent: positions[0].RatePercent}, {Net: rest, RatePercent: positions[0].RatePercent}}, positions[1:]...)
			again, err := Sum(split)
			if err != nil || again.Gross.Cmp(totals.Gross) != 0 {
				t.Fatalf("split: %s, whole: %s", again.Gross, totals.Gross)
			}
		}
	})
}

// Case: IO-12
func TestParseRefusesWhatIsNoDecimal(t *testing.T) {
	for _, text := range []string{"", " ", "1,5", "1.2.3", "1e400", "NaN", "Inf", "-", ".5", "5.", "0x10", "1_000", "123456789012345", "1.23456", "１", "1 "} {
		if d, err := Parse(text); err == nil {
			t.Errorf("%q was read as %s", text, d)
		}
	}
	for text, want := range map[string]string{"1.50": "1.50", "-0.01": "-0.01", "007": "7", "+3": "3"} {
		if d, err := Parse(text); err != nil || d.Cmp(MustParse(want)) != 0 {
			t.Errorf("%q was read as %s, %v", text, d, err)
		}
	}
}

func TestMoneyHasTwoPlacesAtLeast(t *testing.T) {
	for text, want := range map[string]string{"5": "5.00", "5.5": "5.50", "0.0125": "0.0125", "1.2300": "1.23"} {
		if got := Of(MustParse(text), "EUR").Amount.String(); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
}

func TestUnitsRefuseWhatDoesNotFit(t *testing.T) {
	product, err := MustParse("99999999999999").Times(MustParse("99999"))
	if err == nil {
		if _, err = product.Units(); err == nil {
			t.Fatalf("%s was stored in 64 bits", product)
		}
	}
}
