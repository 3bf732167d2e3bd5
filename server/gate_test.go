package server_test

import (
	"net/http"
	"testing"
	"time"

	"kontor/server/servertest"
)

// A replica works on what it can. Who is too many is told at once to come again, and what was begun is finished.
//
// Case: LOAD-01
func TestGateRefusesWhoIsTooMany(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[1])
	martha := k.As(t, "martha.hansen")
	letGo := heldUp(t, k)
	defer letGo()
	time.AfterFunc(4*time.Second, letGo)
	const many, working = 300, 80
	var answered, refused int
	for _, answer := range atOnce(many, func(int) *servertest.Answer { return martha.Do(t, `{ categories { name } }`, nil) }) {
		switch {
		case answer.Status == http.StatusOK && answer.Code() == "":
			answered++
		case answer.Status == http.StatusServiceUnavailable && answer.Code() == "UNAVAILABLE" && answer.Header.Get("Retry-After") != "":
			refused++
		default:
			t.Errorf("%d %s", answer.Status, answer.Body)
		}
	}
	if answered < working || refused == 0 || answered+refused != many {
		t.Errorf("%d were answered and %d refused of %d", answered, refused, many)
	}
	if response, _ := raw(t, k, http.MethodGet, "/healthz", "", nil); response.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %d", response.StatusCode)
	}
	martha.Do(t, `{ categories { name } }`, nil).OK(t)
}
