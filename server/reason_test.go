package server_test

import (
	"slices"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// An agent that acts for a company gives a reason where the company wants one; the company sees it in its
// audit log, with who it was, and no other company does.
//
// Case: PRIV-08
func TestWhoActsForACompanySaysWhy(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, sabine, martha := k.SQL(t), k.As(t, "sabine.kurz"), k.As(t, "martha.hansen")
		hansa := tenantID(t, d, "HANSA")
		act := func(input map[string]any) *servertest.Answer {
			return sabine.Operation(t, "partner/dashboard", "ActFor", servertest.Vars{"input": input})
		}
		act(map[string]any{"tenantId": hansa}).OK(t) // as the clients do
		act(map[string]any{"tenantId": nil}).OK(t)
		changeSettings(t, sabine, map[string]any{"tenantId": hansa, "actingNeedsReason": true}).OK(t)
		if got := act(map[string]any{"tenantId": hansa}).Codes("actFor"); !slices.Equal(got, []string{"VALUE_REQUIRED"}) {
			t.Errorf("without a reason: %v", got)
		}
		if got := act(map[string]any{"tenantId": hansa, "reason": strings.Repeat("x", 201)}).Codes("actFor"); len(got) != 1 {
			t.Errorf("with a long reason: %v", got)
		}
		act(map[string]any{"tenantId": hansa, "reason": "Ticket 4711"}).OK(t)
		var reasons []string
		for _, e := range auditOf(t, martha, map[string]any{"action": "tenant.act"}) {
			if after := e["after"].(map[string]any); after["acting"] == true {
				reasons = append(reasons, e["actor"].(map[string]any)["username"].(string)+": "+after["reason"].(string))
			}
		}
		if !slices.Equal(reasons, []string{"sabine.kurz: Ticket 4711", "sabine.kurz: NOT_GIVEN"}) {
			t.Errorf("the company reads %v", reasons)
		}
		for _, kind := range []string{"CHANGE", "SECURITY"} {
			for _, e := range auditOf(t, k.As(t, "maik.alster"), map[string]any{"kind": kind}) {
				if tenant := e["actor"]; tenant != nil && tenant.(map[string]any)["tenantName"] != "Alster Druck KG" {
					t.Errorf("another company reads %v", e)
				}
			}
		}
	})
}
