package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent/contract"
	"kontor/ent/order"
	"kontor/graph/model"
	"kontor/internal/company"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/lang"
	"kontor/internal/ordering"
	"kontor/internal/seal"
)

var (
	noon   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	viewer = &authz.Viewer{User: uuid.Must(uuid.NewV7()), Tenant: uuid.Must(uuid.NewV7()), Session: "ses_1"}
)

// at is a server that only makes and reads links, at a time and with these secrets.
func at(now time.Time, secrets ...string) *Server {
	sealer, err := seal.New(secrets)
	if err != nil {
		panic(err)
	}
	return &Server{now: func() time.Time { return now }, sealer: sealer}
}

// linkFrom is a link as the API gives it, and its token.
func linkFrom(t *testing.T, s *Server, where any) (*model.Download, string) {
	t.Helper()
	ctx := lang.NewContext(authz.NewContext(t.Context(), viewer), "en")
	made, err := files{s}.Link(ctx, "orders", model.ExportFormatXlsx, where)
	if err != nil {
		t.Fatal(err)
	}
	token, found := strings.CutPrefix(made.URL, "/download/")
	if !found || strings.ContainsAny(token, "/?#%&+=") {
		t.Fatalf("the link is %s", made.URL)
	}
	return made, token
}

func some[T any](value T) *T { return &value }

// A filter comes out of the link as it went in, all of it: a field that JSON loses
// would widen the list.
//
// Requirement: CO-02
func TestLinkKeepsTheFilter(t *testing.T) {
	for _, where := range []any{
		&ordering.OrderFilter{
			Search: some("Büro & Co"), States: []order.State{order.StateCOMPLETED, order.StateERROR}, BusinessCases: []order.BusinessCase{order.BusinessCaseNEW_ORDER},
			Channel: some(order.ChannelPHONE), PlacedFrom: some(day.Day("2026-01-31")), PlacedTo: some(day.Day("2026-12-01")), ContractID: some(gid.ID("con_06a8g5v3t1c0p2m8d4q6n9v7rs")),
			TenantID: some(gid.ID("ten_06a8g5v3t1c0p2m8d4q6n9v7rs")), AwaitingMyApproval: some(true),
		},
		&company.ContractFilter{
			Types: []contract.Type{contract.TypeFRAME_AGREEMENT}, States: []contract.State{contract.StateEXPIRED}, Search: some("<&>\"'\n"), ProductSku: some("TEL-1"),
			ValidOn: some(day.Day("2026-11-23")), OpenOnly: some(false), CustomerNumber: some(""), Right: some(authz.CommercialContact), ExpiresWithinDays: some(0),
			TenantID: some(gid.ID("ten_06a8g5v3t1c0p2m8d4q6n9v7rs")),
		},
		&company.BookingFile{AlloyGroupID: "alg_06a8g5v3t1c0p2m8d4q6n9v7rs", BookingFilter: company.BookingFilter{From: some(day.Day("2026-01-01")), To: some(day.Day("2026-11-23"))}},
		(*ordering.OrderFilter)(nil), (*company.ContractFilter)(nil),
	} {
		s := at(noon, strings.Repeat("a", 32))
		_, token := linkFrom(t, s, where)
		l, ok := s.readLink(token)
		if !ok {
			t.Fatal("a fresh link is refused")
		}
		back := reflect.New(reflect.TypeOf(where))
		if err := json.Unmarshal(l.Where, back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), where) {
			t.Errorf("%s is not %+v: %v", l.Where, where, err)
		}
		if given := reflect.ValueOf(where).Elem(); given.IsValid() {
			for i := range given.NumField() {
				if given.Field(i).IsZero() {
					t.Errorf("%T.%s is not tried here", where, given.Type().Field(i).Name)
				}
			}
		}
	}
}

// Requirement: CO-02
func TestLinkSaysWhatItIs(t *testing.T) {
	s := at(noon, strings.Repeat("a", 32))
	made, token := linkFrom(t, s, nil)
	if made.Filename != "orders-2026-11-23.xlsx" || !made.ExpiresAt.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("%+v", made)
	}
	l, ok := s.readLink(token)
	if !ok || !l.isFor(viewer) || l.List != "orders" || l.Language != "en" {
		t.Errorf("%v %+v", ok, l)
	}
	for name, other := range map[string]authz.Viewer{
		"another user":    {User: uuid.Must(uuid.NewV7()), Tenant: viewer.Tenant, Session: viewer.Session},
		"another tenant":  {User: viewer.User, Tenant: uuid.Must(uuid.NewV7()), Session: viewer.Session},
		"another session": {User: viewer.User, Tenant: viewer.Tenant, Session: "ses_2"},
	} {
		if l.isFor(&other) {
			t.Errorf("the link is for %s, too", name)
		}
	}
	ctx := authz.NewContext(t.Context(), viewer)
	var invalid fault.Invalid
	if _, err := (files{s}).Link(ctx, "orders", model.ExportFormatCSV, &ordering.OrderFilter{Search: some(strings.Repeat("x", 8000))}); !errors.As(err, &invalid) {
		t.Errorf("a link that no server takes is made: %v", err)
	}
	if _, err := (files{s}).Link(t.Context(), "orders", model.ExportFormatCSV, nil); err == nil {
		t.Error("nobody gets a link")
	}
}

// A link says nothing to whoever reads it in a history or in the log of a proxy.
//
// Case: PRIV-07
func TestLinkTellsNobodyWhatItIs(t *testing.T) {
	_, token := linkFrom(t, at(noon, strings.Repeat("a", 32)), &ordering.OrderFilter{Search: some("Martha Hansen")})
	text, _ := strings.CutPrefix(token, "v1.")
	content, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{"Martha", "orders", viewer.User.String(), viewer.Session} {
		if strings.Contains(string(content), said) {
			t.Errorf("the link tells %s", said)
		}
	}
}

// Case: IO-07
func TestLinkCannotBeChanged(t *testing.T) {
	s := at(noon, strings.Repeat("a", 32))
	_, token := linkFrom(t, s, nil)
	text, _ := strings.CutPrefix(token, "v1.")
	content, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign := linkFrom(t, at(noon, strings.Repeat("b", 32)), nil)
	otherwise, err := s.sealer.Seal("mail", []byte(`{"l":"orders","e":"2030-01-01T00:00:00Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{
		"no version": text, "another version": "v2." + text, "half of it": token[:len(token)/2], "more behind": token + "x", "nothing": "", "padding": token + "=",
		"a token of JSON": `{"l":"orders"}`, "another key": foreign, "another purpose": otherwise,
	}
	for i := range content {
		changed := slices.Clone(content)
		changed[i] ^= 1
		bad[fmt.Sprintf("byte %d changed", i)] = "v1." + base64.RawURLEncoding.EncodeToString(changed)
	}
	for name, changed := range bad {
		if _, ok := s.readLink(changed); ok {
			t.Errorf("accepted with %s", name)
		}
	}
	if _, ok := s.readLink(token); !ok {
		t.Error("the unchanged link is refused")
	}
}

// While secrets rotate the older one counts; when it is gone, so are its links.
// After five minutes all are.
//
// Case: IO-07
func TestLinkRunsOut(t *testing.T) {
	old, fresh := strings.Repeat("o", 32), strings.Repeat("f", 32)
	_, token := linkFrom(t, at(noon, old), nil)
	for _, c := range []struct {
		name    string
		server  *Server
		accepts bool
	}{
		{"at once", at(noon, old), true},
		{"a moment before its end", at(noon.Add(linkLifetime-time.Nanosecond), old), true},
		{"at its end", at(noon.Add(linkLifetime), old), false},
		{"a second after", at(noon.Add(linkLifetime+time.Second), old), false},
		{"with a fresh secret before the old one", at(noon, fresh, old), true},
		{"with the fresh secret only", at(noon, fresh), false},
	} {
		if _, ok := c.server.readLink(token); ok != c.accepts {
			t.Errorf("%s: accepted is %v", c.name, ok)
		}
	}
	if _, token := linkFrom(t, at(noon, fresh, old), nil); token == "" {
		t.Error("no link while secrets rotate")
	} else if _, ok := at(noon, fresh).readLink(token); !ok {
		t.Error("links are still signed with the old secret")
	}
}

func FuzzReadLink(f *testing.F) {
	s := at(noon, strings.Repeat("a", 32))
	f.Add("")
	f.Add("..")
	f.Add("e30.00000000.AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		if _, ok := s.readLink(token); ok {
			t.Errorf("%q is accepted", token)
		}
	})
}
