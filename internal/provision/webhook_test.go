package provision

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kontor/internal/account"
	"kontor/internal/dial"
)

const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func connect(t *testing.T, answer http.HandlerFunc) *Webhook {
	t.Helper()
	outside := httptest.NewServer(answer)
	t.Cleanup(outside.Close)
	w, err := NewWebhook(outside.URL, secret, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The receiver can tell by the signature that Kontor asks, that nobody changed it on the
// way, and that it is not an old call.
//
// Requirement: OR-07
func TestCallsAreSigned(t *testing.T) {
	t.Parallel()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	another, err := standardwebhooks.NewWebhook("whsec_" + strings.Repeat("QUJD", 8))
	if err != nil {
		t.Fatal(err)
	}
	w := connect(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if err := verifier.Verify(body, r.Header); err != nil {
			t.Errorf("not signed: %v", err)
		}
		if another.Verify(body, r.Header) == nil || verifier.Verify(append(body, ' '), r.Header) == nil {
			t.Error("the signature says nothing")
		}
		if r.Header.Get("webhook-id") != "id" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("asked %s with %v", r.Method, r.Header)
		}
	})
	if _, err := w.Provision(t.Context(), Order{ID: "id"}); err != nil {
		t.Error(err)
	}
}

// An answer is done, refused, or worth another attempt; who does not answer does not keep
// a worker.
//
// Requirement: OR-07
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]struct {
		status int
		body   string
		want   account.Provisioned
		err    error
	}{
		"done":             {200, `{"contractNumber":"V-1","numbers":["+4940123"],"unknown":1}`, account.Provisioned{ContractNumber: "V-1", Numbers: []string{"+4940123"}}, nil},
		"nothing to say":   {200, " \n", account.Provisioned{}, nil},
		"no content":       {204, "", account.Provisioned{}, nil},
		"refused":          {409, `{"reason":"known already"}`, account.Provisioned{}, &Refused{Reason: "known already"}},
		"without a reason": {400, `no`, account.Provisioned{}, &Refused{Reason: "status 400"}},
		"a wrong key":      {401, ``, account.Provisioned{}, ErrFailing},
		"a wrong address":  {404, `{"reason":"x"}`, account.Provisioned{}, ErrFailing},
		"long ago":         {200, `{"validFrom":"0000-01-01"}`, account.Provisioned{}, ErrNonsense},
		"too slow":         {408, ``, account.Provisioned{}, ErrFailing},
		"failing":          {500, `{"reason":"x"}`, account.Provisioned{}, ErrFailing},
		"elsewhere":        {302, ``, account.Provisioned{}, ErrFailing},
		"nonsense":         {200, `"V-1"`, account.Provisioned{}, ErrNonsense},
		"long number":      {200, `{"contractNumber":"` + strings.Repeat("1", 61) + `"}`, account.Provisioned{}, ErrNonsense},
		"empty number":     {200, `{"numbers":[""]}`, account.Provisioned{}, ErrNonsense},
		"many numbers":     {200, `{"numbers":["1"` + strings.Repeat(`,"1"`, 1000) + `]}`, account.Provisioned{}, ErrNonsense},
	} {
		w := connect(t, func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(each.status)
			_, _ = io.WriteString(rw, each.body)
		})
		got, err := w.Provision(t.Context(), Order{ID: "id"})
		var refused, wanted *Refused
		switch {
		case errors.As(each.err, &wanted):
			if !errors.As(err, &refused) || *refused != *wanted {
				t.Errorf("%s: %v, want %v", name, err, wanted)
			}
		case !errors.Is(err, each.err) || !reflect.DeepEqual(got, each.want):
			t.Errorf("%s: %+v, %v, want %+v, %v", name, got, err, each.want, each.err)
		}
	}
	hanging := connect(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that nobody waits
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := hanging.Provision(ctx, Order{ID: "id"}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("no answer: %v", err)
	}
	gone, err := NewWebhook("http://127.0.0.1:1", secret, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gone.Provision(t.Context(), Order{ID: "id"}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
}

// An order goes to the address of the settings and to no other that it names.
//
// Requirement: OR-07
// Case: IO-09
func TestWebhooksFollowNobody(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was asked", r.Method, r.URL) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{elsewhere.URL, "http://169.254.169.254/latest/meta-data/", "//" + elsewhere.Listener.Addr().String(), "file:///etc/passwd", "gopher://127.0.0.1:1/"} {
			w := connect(t, func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Location", to)
				rw.WriteHeader(status)
			})
			if _, err := w.Provision(t.Context(), Order{ID: "id"}); !errors.Is(err, ErrFailing) {
				t.Errorf("%d to %s: %v", status, to, err)
			}
		}
	}
	for _, metadata := range []string{"http://169.254.169.254/", "http://[::ffff:169.254.169.254]/", "http://[fd00:ec2::254]/"} {
		w, err := NewWebhook(metadata, secret, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Provision(t.Context(), Order{ID: "id"}); !errors.Is(err, dial.ErrForbidden) {
			t.Errorf("%s: %v", metadata, err)
		}
	}
}

// Case: IO-09
func TestSettingsOfTheWebhook(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]struct {
		address, secret string
		production      bool
		want            string // part of the complaint; empty: none
	}{
		"right":              {"https://example.com/orders?x=1", secret, true, ""},
		"on a laptop":        {"http://127.0.0.1:9/", secret, false, ""},
		"no key prefix":      {"https://example.com", strings.TrimPrefix(secret, "whsec_"), true, ""},
		"http in production": {"http://example.com", secret, true, "https"},
		"no address":         {"example.com", secret, false, "no address"},
		"gopher":             {"gopher://127.0.0.1:6379/_FLUSHALL", secret, false, "no address"},
		"a file":             {"file:///etc/passwd", secret, false, "no address"},
		"a password in it":   {"https://a:b@example.com", secret, false, "no address"},
		"no base64":          {"https://example.com", "whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!", false, "no key"},
		"a short key":        {"https://example.com", "whsec_QUJD", false, "no key"},
	} {
		err := CheckWebhook(each.address, each.secret, each.production)
		if (each.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), each.want) {
			t.Errorf("%s: %v, want %q", name, err, each.want)
		}
	}
}

// Whatever comes as an answer, what is taken of it can be kept and shown.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{}`, `{"contractNumber":"V","numbers":["1"],"validFrom":"2026-01-01","validTo":"2027-01-01","note":"x"}`, `[]`, `{"numbers":null}`, "\x00", `{"note":"\u0000"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := read(body)
		if err != nil {
			if !errors.Is(err, ErrNonsense) || !reflect.DeepEqual(p, account.Provisioned{}) && len(body) == 0 {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		if check(p) != nil || strings.ContainsRune(p.Note+p.ContractNumber+p.AccessNumber, 0) {
			t.Errorf("%q was taken: %+v", body, p)
		}
	})
}
