package otp_test

import (
	"encoding/base32"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"kontor/internal/otp"
)

// secret is that of RFC 6238, appendix B: 12345678901234567890 in base32.
const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// Two codes of the RFC that follow each other, and when the first is current.
const (
	code, step = "081804", 37037036
	nextCode   = "050471"
	begin      = step * 30
)

// wantStep fails unless the code is accepted for this step.
func wantStep(t *testing.T, code string, at, lastStep, want int64) {
	t.Helper()
	if got, ok := otp.Step(secret, code, time.Unix(at, 0), lastStep); !ok || got != want {
		t.Errorf("%q at %d after step %d: %d, %t, want step %d", code, at, lastStep, got, ok, want)
	}
}

// wantRefused fails if the code is accepted.
func wantRefused(t *testing.T, secret, code string, at, lastStep int64) {
	t.Helper()
	if got, ok := otp.Step(secret, code, time.Unix(at, 0), lastStep); ok || got != 0 {
		t.Errorf("%q at %d after step %d: %d, %t, want it refused", code, at, lastStep, got, ok)
	}
}

// The last six of the eight digits in RFC 6238, appendix B.
//
// Requirement: ID-18
func TestCodesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471",
		1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		wantStep(t, code, at, 0, at/30)
	}
}

// Requirement: ID-18
// Case: AUTH-11
func TestAClockMayBeWrongByOneStep(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		at int64
		ok bool
	}{
		"two steps early":       {begin - 31, false},
		"one step early":        {begin - 30, true},
		"a second early":        {begin - 1, true},
		"just now":              {begin, true},
		"its last second":       {begin + 29, true},
		"one step late":         {begin + 30, true},
		"one step late, barely": {begin + 59, true},
		"two steps late":        {begin + 60, false},
		"a day late":            {begin + 86400, false},
		"long ago":              {-begin, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.ok {
				wantStep(t, code, test.at, 0, step)
			} else {
				wantRefused(t, secret, code, test.at, 0)
			}
		})
	}
}

// Requirement: ID-18
// Case: AUTH-11
func TestACodeWorksOnce(t *testing.T) {
	t.Parallel()
	wantStep(t, code, begin, step-1, step)
	for _, at := range []int64{begin - 30, begin, begin + 30} {
		wantRefused(t, secret, code, at, step)
	}
	// The next one works at once, and then the one before no longer does.
	wantStep(t, nextCode, begin, step, step+1)
	wantRefused(t, secret, code, begin, step+1)
	wantRefused(t, secret, nextCode, begin+30, step+1)
}

// Requirement: ID-18
// Case: AUTH-11
func TestOnlySixDigitsAreACode(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{"081 804", " 081804\n", "0 8 1 8 0 4", "081\u00a0804"} {
		wantStep(t, typed, begin, 0, step)
	}
	for _, typed := range []string{
		"", " ", "81804", "08180", "0081804", "0818040", "081804081804", "07081804",
		"O81804", "08180a", "081-804", "+81804", "-81804", "0x1804", "081804\x00",
		"٠٨١٨٠٤", "０８１８０４", "08180\u0664", "081805", strings.Repeat("0", 100000),
	} {
		wantRefused(t, secret, typed, begin, 0)
	}
}

// Whoever has no key yet has no code either; that of the empty key is known to all.
//
// Requirement: ID-18
func TestBrokenSecretsHaveNoCodes(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{
		"", strings.Repeat("\n", 32), secret[:16], secret[:31], secret + secret, secret[:31] + "1", strings.ToLower(secret),
	} {
		// Those of the empty key and of the right one, for these times.
		for code, at := range map[string]int64{"812658": 59, "743009": begin, "287082": 59, "081804": begin, "": begin} {
			wantRefused(t, broken, code, at, 0)
		}
	}
}

// Requirement: ID-18
func TestAppsUnderstandTheURI(t *testing.T) {
	t.Parallel()
	const issuer, account = "Gießerei Brandt & Co: 50 % = 1/2? #+", "malte+brandt@brandt.example"
	key, err := otp.New(issuer, account)
	if err != nil {
		t.Fatal(err)
	}
	uri, err := url.Parse(key.URI)
	if err != nil {
		t.Fatal(err)
	}
	const shown = "Gießerei Brandt & Co 50 % = 1/2? #+"
	if uri.Scheme != "otpauth" || uri.Host != "totp" || uri.Path != "/"+shown+":"+account || uri.Fragment != "" {
		t.Errorf("%s should be otpauth://totp/ with the label %s:%s", key.URI, shown, account)
	}
	want := url.Values{
		"secret": {key.Secret}, "issuer": {shown}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"},
	}
	if got := uri.Query(); !reflect.DeepEqual(got, want) {
		t.Errorf("%s says %v, want %v", key.URI, got, want)
	}
	// Some apps take a plus for itself.
	if strings.Contains(key.URI, "+") {
		t.Errorf("%s has a plus for a space", key.URI)
	}
}

// Requirement: ID-18
func TestEveryKeyIsANewOne(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		key, err := otp.New("Kontor", "anna.abel")
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := base32.StdEncoding.DecodeString(key.Secret); err != nil || len(raw) != 20 || seen[key.Secret] {
			t.Fatalf("%s is not 160 bits of base32, or came before: %v", key.Secret, err)
		}
		seen[key.Secret] = true
	}
	for _, names := range [][2]string{{"", "anna.abel"}, {"Kontor", ""}, {":", "anna.abel"}} {
		if key, err := otp.New(names[0], names[1]); err == nil || key != (otp.Key{}) {
			t.Errorf("New(%q) = %v, %v, want an error", names, key, err)
		}
	}
}
