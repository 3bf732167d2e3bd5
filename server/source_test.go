package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"kontor/graph"
	"kontor/server/servertest"
)

// limited fails the test when a request was not refused for its source, with the time
// to wait.
func limited(t *testing.T, name string, answer *servertest.Answer, wait time.Duration) {
	t.Helper()
	seconds := wait.Seconds()
	if answer.Status != http.StatusTooManyRequests || answer.Code() != "RATE_LIMITED" || answer.Data != nil ||
		answer.Errors[0].Extensions["retryAfter"] != seconds || answer.Header.Get("Retry-After") != fmt.Sprint(seconds) {
		t.Errorf("%s: %d %v %s", name, answer.Status, answer.Header, answer.Body)
	}
}

// elsewhere is a client at another address of this machine; false where there is none.
func elsewhere(t *testing.T, k *servertest.Kontor, address string) (*servertest.Client, bool) {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, to)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	connection, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(k.URL, "http://"))
	if err != nil {
		return nil, false
	}
	_ = connection.Close()
	c := k.Anonymous()
	c.HTTP = &http.Client{Transport: transport}
	return c, true
}

// Whoever tries many names from one address must wait, with the right password too,
// and is told for how long; another address must not.
//
// Requirement: ID-19
// Case: AUTH-03
// Case: AUTH-07
func TestSourceIsLimited(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		session := k.As(t, "martha.hansen")
		_, app := enrolled(t, k, "moritz.hansen")
		challenge := challenged(t, k, "moritz.hansen")
		for i := range 95 {
			fail(t, k, fmt.Sprint("name.", i), 1)
		}
		for range 5 {
			expectAnswer(t, "a wrong code", k, challenge, "000000", "CODE_INVALID")
		}
		k.Clock.Advance(time.Second)
		for name, answer := range map[string]*servertest.Answer{
			"a wrong password": loginAs(t, k.Anonymous(), "martha.hansen", wrongPassword), "the right one": loginAs(t, k.Anonymous(), "martha.hansen", servertest.DemoPassword),
			"an unknown user": loginAs(t, k.Anonymous(), "niemand", wrongPassword), "an app's login": appLogin(t, k, "martha.hansen", servertest.DemoPassword),
			"a code": answerChallenge(t, k.Anonymous(), challenge, app.code(k)),
		} {
			limited(t, name, answer, 2*time.Second)
		}
		header := k.Anonymous()
		header.Header["X-Forwarded-For"], header.Header["Forwarded"] = "192.0.2.7", "for=192.0.2.7"
		limited(t, "a made-up address", loginAs(t, header, "martha.hansen", servertest.DemoPassword), 2*time.Second)
		expectLive(t, "a session from the same address", session, true)
		if c, ok := elsewhere(t, k, "127.0.0.2"); ok {
			loginAs(t, c, "martha.hansen", servertest.DemoPassword).OK(t)
		}
		k.Clock.Advance(2 * time.Second)
		fail(t, k, "martha.hansen", 1)
		limited(t, "the next after one more", loginAs(t, k.Anonymous(), "martha.hansen", servertest.DemoPassword), 3*time.Second)
		k.Clock.Advance(3 * time.Second)
		for range 3 {
			if !loggedIn(t, k, "martha.hansen", servertest.DemoPassword) {
				t.Error("the wait is over, and the right password does not work")
			}
		}
	})
}

// A company behind one address logs in as often as it likes: only failures count.
//
// Requirement: ID-19
func TestSourceOfAnOfficeIsNotLimited(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		_, app := enrolled(t, k, "moritz.hansen")
		for i := range 130 {
			if name := []string{"martha.hansen", "gerd.grau", "anna.abel"}[i%3]; !loggedIn(t, k, name, servertest.DemoPassword) {
				t.Fatalf("login %d does not work", i)
			}
		}
		for range 10 {
			k.Clock.Advance(30 * time.Second)
			expectAnswer(t, "a login with a code", k, challenged(t, k, "moritz.hansen"), app.code(k), "")
		}
		for i := range 90 {
			fail(t, k, fmt.Sprint("name.", i), 1)
		}
		for _, answer := range atOnce(5, func(int) *servertest.Answer {
			return loginAs(t, k.Anonymous(), "martha.hansen", servertest.DemoPassword)
		}) {
			answer.OK(t)
		}
	})
}

// Whatever takes a password, a code or a link takes one for each request: a document
// with more is refused before anything of it runs or counts.
//
// Requirement: ID-19
// Case: AUTH-05
// Case: GQL-06
func TestSourceNeedsARequestForEachTry(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		c := k.As(t, "martha.hansen")
		fields := takingSecrets(t)
		for _, name := range []string{"login", "answerChallenge", "confirmOtp", "disableOtp", "activateAccount", "resetPassword", "acceptInvitation",
			"confirmEmail", "changePassword", "changeEmail", "changeUsername", "exportMyData"} {
			if fields[name] == "" {
				t.Errorf("%s is not known to take a secret", name)
			}
		}
		k.Statements.Take()
		for name, field := range fields {
			var fifty strings.Builder
			for i := range 50 {
				fmt.Fprintf(&fifty, "a%d: %s\n", i, field)
			}
			for kind, document := range map[string]string{
				"twice": "mutation { a: " + field + " b: " + field + " }", "fifty times": "mutation { " + fifty.String() + " }",
				"beside a login": "mutation { " + field + " other: " + fields["login"] + " }",
				"in a fragment":  "mutation { " + field + " ...f } fragment f on Mutation { b: " + field + " }",
				"skipped":        "mutation { a: " + field + " b: " + strings.TrimSuffix(field, "{ __typename }") + "@skip(if: true) { __typename }" + " }",
			} {
				if answer := c.Do(t, document, nil); answer.Status != http.StatusBadRequest || answer.Code() != "COMPLEXITY_LIMIT_EXCEEDED" || answer.Data != nil {
					t.Errorf("%s %s: %d %s", name, kind, answer.Status, answer.Body)
				}
			}
		}
		for _, sent := range k.Statements.Take() {
			if !strings.Contains(sent, "surviving_session") { // who the viewer is
				t.Errorf("a refused document reached the database: %s", sent)
			}
		}
		if r := k.Redis(t); r != nil {
			for _, key := range r.Keys(t.Context(), "kontor:throttle:*").Val() {
				if got := fmt.Sprint(r.HMGet(t.Context(), key, "counted", "cleared").Val()); r.Type(t.Context(), key).Val() == "hash" && got != "[1 1]" {
					t.Errorf("refused documents were counted: %s", got)
				}
			}
		}
		// What takes no secret may come several times.
		c.Do(t, `mutation { a: clearCart { errors { code } } b: clearCart { errors { code } } }`, nil).OK(t)
	})
}

// takingSecrets are the mutations that anybody may ask for, and all whose input has a
// field that holds a secret, each with something in every argument.
func takingSecrets(t *testing.T) map[string]string {
	t.Helper()
	api := graph.Schema(&graph.Resolver{}).Schema()
	fields := map[string]string{}
	for _, f := range rootFields(t) {
		definition := api.Mutation.Fields.ForName(f.name)
		if definition != nil && (f.public || takesSecret(api, definition)) {
			document := strings.TrimPrefix(f.document, "mutation { ")
			fields[f.name] = document[:len(document)-len(" }")]
		}
	}
	return fields
}

func takesSecret(api *ast.Schema, f *ast.FieldDefinition) bool {
	input := f.Arguments.ForName("input")
	if input == nil {
		return false
	}
	for _, field := range api.Types[input.Type.Name()].Fields {
		switch name := strings.ToLower(field.Name); {
		case strings.Contains(name, "password") && field.Type.Name() == "String", strings.HasSuffix(name, "code") && name != "postalcode",
			strings.HasSuffix(name, "token"), name == "challengeid":
			return true
		}
	}
	return false
}
