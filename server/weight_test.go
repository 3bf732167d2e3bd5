package server_test

import (
	"net/http"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// Lists within lists multiply: a small document may not ask for an answer without end, also
// not through fragments and variables. What clients ask for is far below.
//
// Case: GQL-02
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		nested := func(levels int, size string) string {
			inner := "number"
			for range levels {
				inner = "tenant { contracts(first: " + size + ") { nodes { " + inner + " } } }"
			}
			return "{ contracts(first: 100) { nodes { " + inner + " } } }"
		}
		for name, document := range map[string]string{
			"written out":   nested(3, "20"),
			"by a variable": "query($n: Int! = 20) " + nested(3, "$n"),
			"by fragments":  "query { contracts(first: 100) { nodes { ...A } } } fragment A on Contract { tenant { contracts(first: 20) { nodes { ...B } } } } fragment B on Contract { tenant { contracts(first: 20) { nodes { ...C } } } } fragment C on Contract { tenant { contracts(first: 20) { nodes { number } } } }",
		} {
			if answer := martha.Do(t, document, nil); answer.Code() != "COMPLEXITY_LIMIT_EXCEEDED" {
				t.Errorf("%s: %.300s", name, answer.Body)
			}
		}
		martha.Do(t, nested(1, "5"), nil).OK(t)
	})
}

// Whom a session acts for is said alone: nothing else of the operation could be about
// another company than the client thinks. Changes do not go over streams.
//
// Requirement: AC-02
// Case: GQL-16
func TestActForStandsAlone(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		paul := k.As(t, "paul.lang")
		hansa := servertest.Vars{"id": tenantID(t, k.SQL(t), "HANSA")}
		for _, document := range []string{
			`mutation($id: ID!) { actFor(input: {tenantId: $id}) { errors { code } } clearCart { errors { code } } }`,
			`mutation($id: ID!) { ...A ...B } fragment A on Mutation { actFor(input: {tenantId: $id}) { errors { code } } } fragment B on Mutation { clearCart { errors { code } } }`,
		} {
			if answer := paul.Do(t, document, hansa); answer.Code() != "BAD_USER_INPUT" || answer.Status != http.StatusBadRequest {
				t.Errorf("%d %s", answer.Status, answer.Body)
			}
		}
		for name, open := range servertest.Streams {
			stream := open(paul, t, `mutation { logout { errors { code } } }`, nil)
			stream.End(t)
			if !strings.Contains(stream.Problem, "BAD_USER_INPUT") {
				t.Errorf("a change by %s: %s", name, stream.Problem)
			}
		}
		expectLive(t, "the session", paul, true)
	})
}

// The same company in two places of an answer is asked for twice, each time something else.
//
// Requirement: AC-02
func TestInnerListsByPlace(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		answer := k.As(t, "martha.hansen").Do(t, `{ contracts(first: 2) { nodes {
			failed: tenant { orders(first: 1, where: {states: [ERROR]}) { totalCount nodes { state } } }
			all: tenant { orders(first: 20) { totalCount nodes { state gross { amount } } } } } } }`, nil).OK(t)
		for i := range answer.List(t, "contracts.nodes") {
			at := "contracts.nodes." + string(rune('0'+i)) + "."
			if got := said(answer, at+"failed.orders.totalCount", at+"failed.orders.nodes.0.state"); got != "1 ERROR" {
				t.Errorf("failed: %s", got)
			}
			if got := len(answer.List(t, at+"all.orders.nodes")); got != 20 || answer.Get(at+"all.orders.totalCount") == float64(1) {
				t.Errorf("all: %d of %v", got, answer.Get(at+"all.orders.totalCount"))
			}
		}
	})
}
