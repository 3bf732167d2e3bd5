package erp_test

import (
	"context"
	"slices"
	"testing"

	"kontor/internal/db"
	"kontor/internal/erp"
)

// What fits what, and the stock, come as files, in the order of their kinds, any number of times; a
// row that contradicts what is there is refused with its reason.
//
// Requirement: WZ-02
// Requirement: WZ-05
// Requirement: CO-05
func TestImportOfTelephony(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		run(erp.Tenants, "organization_id;name;kind;parent;email_domain\nOP;Betreiber;OPERATOR;;op.example\nA;A GmbH;CUSTOMER;OP;a.example\nB;B GmbH;CUSTOMER;OP;b.example\n")
		run(erp.Products, "sku;name;category;unit\nV1;Voice 1;Tarife;month\nV2;Voice 2;Tarife;month\nD1;Daten;Tarife;month\nS1;SIM;Karten;piece\nS2;eSIM;Karten;piece\n")
		good := []struct {
			kind erp.Kind
			rows string
			n    int
		}{
			{erp.Portfolios, "organization_id;portfolio;terms\nA;Komplett;24|1|12\nB;Komplett;24\n", 2},
			{erp.PortfolioProducts, "portfolio;sku;kind;voice_skus;terms\nKomplett;V1;VOICE;;1|12\nKomplett;V2;VOICE;;\nKomplett;D1;DATA;V1|V2;\nKomplett;S1;SIM;;\n", 4},
			{erp.EndUsers, "organization_id;username;first_name;last_name;email\nA;jan;Jan;Petersen;jan@a.example\n", 1},
			{erp.SimCards, "organization_id;iccid;sku\nA;8949020000010004600;S1\nA;8949020000010004923;S1\nB;8949020000010005284;S1\n", 3},
			{erp.PhoneNumbers, "organization_id;number\nA;+49 40 66969 301\nA;+494066969302\n", 2},
			{erp.TelephonyUsers, "organization_id;extension;username;name;number;iccid\nA;301;JAN;Jan P.;+49 40 66969 301;8949020000010004600\nA;302;jan;Jan P. 2;+49 40 66969 302;\n", 2},
		}
		for range 2 {
			for i, file := range good {
				result := run(file.kind, file.rows)
				if result.Created+result.Unchanged != file.n || result.Created != 0 && result.Unchanged != 0 || len(result.Rejected) > 0 {
					t.Errorf("%s (%d): %+v", file.kind, i, result)
				}
			}
		}
		for _, file := range []struct {
			kind erp.Kind
			rows string
		}{
			{erp.Portfolios, "organization_id;portfolio;terms;offered\nA;Komplett;24|1|12;false\n"}, {erp.PortfolioProducts, "portfolio;sku;kind;voice_skus;terms\nKomplett;D1;DATA;V1;\n"},
			{erp.SimCards, "organization_id;iccid;sku\nA;8949020000010004923;S2\n"}, {erp.EndUsers, "organization_id;username;first_name;last_name;email\nA;JAN;Jan;Petersen;jan.p@a.example\n"},
			{erp.TelephonyUsers, "organization_id;extension;username;name;number\nA;301;jan;Jan;+49 40 66969 301\n"},
		} {
			if result := run(file.kind, file.rows); result.Updated != 1 {
				t.Errorf("%s does not change: %+v", file.kind, result)
			}
		}
		for _, bad := range []struct {
			kind         erp.Kind
			rows, reason string
		}{
			{erp.Portfolios, "organization_id;portfolio;terms\nA;Komplett;0\n", "terms: The number must be 1-120."},
			{erp.PortfolioProducts, "portfolio;sku;kind;voice_skus\nKomplett;D1;DATA;X\n", `voice_skus: there is no product "X"; import it first`},
			{erp.PortfolioProducts, "portfolio;sku;kind;voice_skus\nKomplett;V1;VOICE;V2\n", "voice_skus: a voice product goes with no other one"},
			{erp.SimCards, "organization_id;iccid;sku\nB;8949020000010004923;S1\n", "iccid: another company has the card"},
			{erp.SimCards, "organization_id;iccid;sku\nB;12;S1\n", `iccid: "12" is not the number of a card (ICCID). Write 18 to 22 digits.`},
			{erp.PhoneNumbers, "organization_id;number\nB;+49 40 66969 301\n", "number: another company has the number"},
			{erp.PhoneNumbers, "organization_id;number\nB;040 66969\n", `number: "040 66969" is not a phone number. Write it with its country, like +49 40 66969 301.`},
			{erp.TelephonyUsers, "organization_id;extension;username;name;number\nA;303;nobody;N;+49 40 66969 303\n", `username: there is no end user "nobody"; import it first`},
			{erp.TelephonyUsers, "organization_id;extension;username;name;number\nA;303;jan;N;+49 40 66969 302\n", "number: +494066969302 is not free in the stock of A; import it first"},
			{erp.TelephonyUsers, "organization_id;extension;username;name;number\nA;302;jan;N;+49 40 66969 301\n", "number: the telephony user has another number, and keeps it"},
			{erp.TelephonyUsers, "organization_id;extension;username;name;number\nA;3o2;jan;N;+49 40 66969 301\n", "extension: The number must be 2-6 digits."},
		} {
			result := run(bad.kind, bad.rows)
			var reasons []string
			for _, r := range result.Rejected {
				reasons = append(reasons, r.Reason)
			}
			if !slices.Equal(reasons, []string{bad.reason}) {
				t.Errorf("%s: %q, want %q", bad.kind, reasons, bad.reason)
			}
		}
	})
}
