package erp

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"kontor/internal/account"
	"kontor/internal/lang"
)

// Requirement: CO-05
// Case: IO-12
func TestDecimals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1234.50": "1234.50", "1234,50": "1234.50", "1.234,50": "1234.50", "1.234.567,8901": "1234567.8901",
		"0": "0", "-3": "-3", "+3,5": "3.5", "0.125": "0.125", "0,125": "0.125", "1234.567": "1234.567", "1.2345": "1.2345",
		"99999999999999.9999": "99999999999999.9999",
		"1.234":               CodeDecimalAmbiguous, "12,500": CodeDecimalAmbiguous, "-999.000": CodeDecimalAmbiguous,
		"": CodeDecimalInvalid, "1,234.50": CodeDecimalInvalid, "1.23,50": CodeDecimalInvalid, "1.234.567": CodeDecimalInvalid,
		"1e400": CodeDecimalInvalid, "NaN": CodeDecimalInvalid, "1,23456": CodeDecimalInvalid, "1 000": CodeDecimalInvalid,
		"5 €": CodeDecimalInvalid, "999999999999999": CodeDecimalInvalid, ".5": CodeDecimalInvalid, "5,": CodeDecimalInvalid,
	} {
		d, bad := parseDecimal(text)
		got := d.String()
		if bad != nil {
			got = bad.Code
		}
		if got != want {
			t.Errorf("%q is read as %s, want %s", text, got, want)
		}
	}
	_, bad := parseDecimal("1.234")
	if reason := bad.Reason("de"); !strings.Contains(reason, "1234 oder 1.2340") {
		t.Errorf("the reason does not say what to write: %s", reason)
	}
}

// Requirement: CO-05
func TestTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ  Type
		text string
		want any // a string beginning with ! is the code of the flaw
	}{
		{date, "2028-02-29", "2028-02-29"}, {date, "2027-02-29", "!" + CodeDateInvalid}, {date, "23.11.2026", "!" + CodeDateInvalid},
		{moments, "2026-03-29", moment{time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC), true}}, {moments, "2026-03-29T01:30:00.1234567+02:00", moment{time.Date(2026, 3, 28, 23, 30, 0, 123456000, time.UTC), false}},
		{moments, "2026-03-29T01:30:00", "!" + CodeMomentInvalid}, {moments, "2026-02-29T01:30:00Z", "!" + CodeMomentInvalid}, {moments, "1969-12-31", "!" + CodeMomentInvalid}, {moments, "1970-01-01T00:30:00+01:00", "!" + CodeMomentInvalid},
		{boolean, "WAHR", true}, {boolean, "nein", false}, {boolean, "vielleicht", "!" + CodeBooleanInvalid},
		{units, "kg", "kg"}, {units, "KG", "!" + CodeChoiceInvalid},
		{someOf("A", "B"), "B | A|B", []string{"B", "A"}}, {someOf("A"), "A|", "!" + CodeChoiceInvalid},
		{domain, "Hansa.Example", "hansa.example"}, {domain, "hansa", "!" + CodeDomainInvalid}, {domain, "a@hansa.example", "!" + CodeDomainInvalid},
		{email, "a.b@hansa.example", "a.b@hansa.example"}, {email, "A <a@hansa.example>", "!" + CodeEmailInvalid},
		{email, "a@hansa.example,b@x.example", "!" + CodeEmailInvalid}, {email, "a@hansa.example\r\nBcc: b@x.example", "!" + CodeEmailInvalid},
		{currency, "EUR", "EUR"}, {currency, "Euro", "!" + CodeCurrencyInvalid},
		{position, "10", 10}, {position, "0", "!" + CodeNumberOutOfRange}, {position, "1.5", "!" + CodeNumberOutOfRange},
		{textOf(6, 8), "müller", "müller"}, {textOf(6, 8), "kurz", "!" + CodeValueTooShort}, {textOf(6, 8), "neunlang!", "!" + CodeValueTooLong},
		{textOf(1, 20), "a\r\nb", "!" + CodeCharacterInvalid}, {textOf(1, 20), "a\x00", "!" + CodeCharacterInvalid}, {longText(20), "a\nb", "a\nb"},
		{categoryPath, "A>B > C", []string{"A", "B", "C"}}, {categoryPath, "A > > C", "!" + CodePathInvalid}, {categoryPath, "a>b>c>d>e>f>g", "!" + CodePathInvalid},
		{attributes, "Gewicht=1,2 kg| Farbe = schwarz matt |Bohrung=4 x 6,5", []account.Attribute{
			{Name: "Gewicht", Value: "1,2", Unit: "kg"}, {Name: "Farbe", Value: "schwarz matt"}, {Name: "Bohrung", Value: "4 x 6,5"},
		}},
		{attributes, "Gewicht", "!" + CodeAttributesInvalid}, {attributes, "a=1|a=2", "!" + CodeAttributesInvalid},
		{percent, "100,01", "!" + CodeNumberOutOfRange}, {above0, "0", "!" + CodeNumberOutOfRange}, {from0, "-1", "!" + CodeNumberOutOfRange},
	} {
		got, bad := c.typ.parse(cell{text: c.text})
		if bad != nil {
			got = "!" + bad.Code
		} else if text, isText := c.want.(string); isText && reflect.ValueOf(got).Kind() == reflect.String {
			got, c.want = reflect.ValueOf(got).String(), text
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q is read as %#v, want %#v", c.typ.Description, c.text, got, c.want)
		}
	}
}

// Requirement: CO-05
func TestRulesOverColumns(t *testing.T) {
	t.Parallel()
	tenants := "organization_id,kind,parent,name,email_domain\n"
	expect(t, mustRead(t, tenants+"A,OPERATOR,,a,a.example\nB,OPERATOR,A,b,b.example\nC,CUSTOMER,,c,c.example\nD,PARTNER,D,d,d.example\nE,PARTNER,A,e,e.example\n", Tenants, CSV),
		"2", "3 parent:PARENT_UNFIT", "4 parent:PARENT_UNFIT", "5 parent:PARENT_UNFIT", "6")
	contracts := "organization_id;number;type;valid_from;valid_to;customer_number;line;position;position_product;agreed_quantity;called_off_quantity;unit;unit_price\n"
	expect(t, mustRead(t, contracts+
		"B;1;FRAME_AGREEMENT;2026-01-01;;;;1;S;100;100;kg;2\n"+
		"B;2;FRAME_AGREEMENT;2026-01-01;2025-12-31;4711;;1;S;100;101;kg;2\n"+
		"B;3;FRAME_AGREEMENT;2026-01-01;2026-01-01;4711;MOBILE;1;S;;;kg;2\n"+
		"B;4;FRAME_AGREEMENT;2026-01-01;;;;;;;5;;\n", Contracts, CSV),
		"2", "3 :COLUMNS_TOGETHER valid_to:DATES_REVERSED called_off_quantity:CALLED_OFF_TOO_MUCH", "4 :COLUMNS_TOGETHER",
		"5 position:VALUE_REQUIRED called_off_quantity:CALLED_OFF_TOO_MUCH")
	orders := "organization_id;number;channel;placed_at;ordered_by;business_case;contract_number;state;settled_on;note;position;sku;quantity;unit_price\n"
	expect(t, mustRead(t, orders+
		"B;1;PHONE;2026-03-31T15:00:00Z;u;;;;2026-03-31;;1;S;1;2\n"+ // the same day is not before it
		"B;2;PHONE;2026-03-31T15:00:00Z;u;;;;2026-03-30;;1;S;1;2\n"+
		"B;3;PHONE;2026-03-31;u;TARIFF_CHANGE;;ERROR;2026-03-31T11:59:59Z;;1;S;0;-1\n"+
		"B;4;PHONE;2026-03-31;u;TARIFF_CHANGE;;ERROR;;;1;S;1;0\n"+
		"B;5;MAIL;2026-03-31;u;NEW_SITE_WITH_PROVIDER_SWITCH;;REJECTED;;;;S;1;0\n", Orders, CSV),
		"2", "3 settled_on:DATES_REVERSED", "4 quantity:NUMBER_OUT_OF_RANGE unit_price:NUMBER_OUT_OF_RANGE", "5 contract_number:VALUE_REQUIRED note:VALUE_REQUIRED",
		"6 channel:CHOICE_INVALID state:CHOICE_INVALID position:VALUE_REQUIRED")
}

// Requirement: CO-05
func TestPasswordIsTakenAsItIsAndNeverShown(t *testing.T) {
	t.Parallel()
	users := "organization_id;username;email;first_name;last_name;roles;password\nHANSA;martha.hansen;m@hansa.example;Martha;Hansen;MASTER_ADMIN;"
	all := mustRead(t, users+" geheim \n", Users, CSV)
	if got := all[0].row.Text("password"); got != " geheim " {
		t.Errorf("password is %q", got)
	}
	all = mustRead(t, users+"\"geheim\x01\"\n", Users, CSV)
	expect(t, all, "2 password:CHARACTER_INVALID")
	if text := all[0].bad.Error(); strings.Contains(text, "geheim") {
		t.Errorf("the message shows the password: %s", text)
	}
}

// Requirement: ID-20
func TestReasonsInAllLanguages(t *testing.T) {
	t.Parallel()
	args := map[string][]any{
		CodeRowMalformed: {"x"}, CodeRowTooLong: {1}, CodeColumnCount: {1, 2, ";"}, CodeFieldUnknown: {"x", "y"}, CodeFieldRepeated: {"x"},
		CodeValueTooShort: {1}, CodeValueTooLong: {1}, CodeCharacterInvalid: {'\x01'}, CodeDecimalInvalid: {"x"}, CodeDecimalAmbiguous: {"x", "y", "z"},
		CodeNumberOutOfRange: {"x"}, CodeDateInvalid: {"x"}, CodeMomentInvalid: {"x"}, CodeBooleanInvalid: {"x"}, CodeChoiceInvalid: {"x", "y"}, CodeEmailInvalid: {"x"},
		CodeDomainInvalid: {"x"}, CodeCurrencyInvalid: {"x"}, CodePathInvalid: {"x"}, CodeAttributesInvalid: {"x"},
		CodeProductTooLarge: {"x", 1, 2}, CodeModeUnknown: {"x", "y"}, CodeGroupUnknown: {"x"}, CodeUnitUnknown: {"x", "y"}, CodeTaxTwofold: {"x", "y"},
		CodeNumberInvalid: {"x"}, CodeTooManyPlaces: {"x", 4}, CodePriceNotNet: {"x", "y"}, CodePriceNotToday: {"x", "y"}, CodePriceElsewhere: {"x"},
		CodePriceBase: {"x", "y"}, CodePriceRepeated: {"x"},
		CodePhoneInvalid: {"x"}, CodeIccidInvalid: {"x"}, CodeColumnsTogether: {"x"}, CodeDatesReversed: {"x"}, CodeCalledOffTooMuch: {"x"},
	}
	for code := range reasons {
		texts := map[string]bool{}
		for _, l := range lang.Languages {
			text := flaw(code, args[code]...).Reason(l)
			if text == "" || strings.Contains(text, "%!") {
				t.Errorf("%s in %s: %q", code, l, text)
			}
			texts[text] = true
		}
		if len(texts) != len(lang.Languages) {
			t.Errorf("%s says the same in all languages", code)
		}
	}
}

// Requirement: CO-05
func TestColumnsExplainThemselves(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		help, markdown := Help(kind), Markdown(kind)
		header, values := []string{}, []string{}
		for _, c := range Columns(kind) {
			if c.Meaning == "" || c.Example == "" || c.Type.Description == "" {
				t.Errorf("%s.%s is not explained", kind, c.Name)
			}
			if c.Required && c.Default != "" {
				t.Errorf("%s.%s is required and has a default", kind, c.Name)
			}
			if c.Default != "" {
				if _, bad := c.Type.parse(cell{text: c.Default}); bad != nil {
					t.Errorf("%s.%s has a default that it would refuse: %s", kind, c.Name, bad.Reason("en"))
				}
			}
			if !strings.Contains(help, c.Name) || !strings.Contains(markdown, "`"+c.Name+"`") {
				t.Errorf("%s.%s is missing in help or documentation", kind, c.Name)
			}
			header, values = append(header, c.Name), append(values, c.Example)
		}
		// The examples together are a valid row.
		expect(t, mustRead(t, strings.Join(header, ";")+"\n"+strings.Join(values, ";")+"\n", kind, CSV), "2")
	}
	if Columns("WEATHER") != nil {
		t.Error("an unknown kind has columns")
	}
}
