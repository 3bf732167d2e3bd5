package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/internal/privacy"
	"kontor/server/servertest"
)

// asProcess is `kontor` with these arguments as a process of its own, which shares the database of k.
func asProcess(t *testing.T, environment []string, arguments ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	c := exec.Command(os.Args[0], arguments...)
	said := &bytes.Buffer{}
	c.Env, c.Dir, c.Stdout, c.Stderr = append(append(os.Environ(), asKontor+"=yes"), environment...), t.TempDir(), said, said
	return c, said
}

// A process that deletes 100,000 rows that are over, killed half way, has deleted some of them for good; the next one deletes the
// rest and nothing else, and the audit logs verify.
//
// Case: PRIV-09
func TestRetentionKilledHalfWay(t *testing.T) {
	t.Parallel()
	const many, over, kept = 100_000, "SELECT count(*) FROM mails WHERE subject = 'over'", "SELECT count(*) FROM mails WHERE subject = 'kept'"
	k := servertest.Start(t, servertest.Backends[1])
	d, environment := k.SQL(t), k.Environment(t)
	for subject, n := range map[string]int{"over": many, "kept": 7} {
		at := map[string]string{"over": "now() - interval '91 days'", "kept": "now() - interval '89 days'"}[subject]
		_, err := d.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO mails (id, tenant_id, recipient, subject, text, html, created_at, sent_at, next_attempt_at, attempts, last_error)
			SELECT gen_random_uuid(), (SELECT id FROM tenants WHERE organization_id = 'HANSA'), 'somebody@hansa.example', '%s', '', '', %s, %s, %s, 1, '' FROM generate_series(1, %d)`, subject, at, at, at, n))
		if err != nil {
			t.Fatal(err)
		}
	}
	others := count(t, d, "SELECT count(*) FROM mails WHERE subject NOT IN ('over', 'kept')")
	killed, said := asProcess(t, environment, "retention", "--clock-is-right")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); count(t, d, over) > many*9/10 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	_ = killed.Process.Kill()
	if err := killed.Wait(); err == nil {
		t.Fatalf("it came to its end before it was killed: %s", said)
	}
	left := count(t, d, over)
	if left == 0 || left == many || left%1000 != 0 {
		t.Fatalf("%d of %d are left by a process that was killed: %s", left, many, said)
	}
	again, said := asProcess(t, environment, "retention", "--clock-is-right")
	if err := again.Run(); err != nil || !strings.Contains(said.String(), fmt.Sprintf(`"mails":%d`, left)) {
		t.Errorf("the next one, with %d left: %v %s", left, err, said)
	}
	if n := count(t, d, over); n != 0 {
		t.Errorf("%d are left in the end", n)
	}
	if got, now := count(t, d, kept), count(t, d, "SELECT count(*) FROM mails WHERE subject NOT IN ('over', 'kept')"); got != 7 || now != others {
		t.Errorf("of what is kept there are %d, and %d of %d others", got, now, others)
	}
	verify, said := asProcess(t, environment, "audit", "verify")
	if err := verify.Run(); err != nil {
		t.Errorf("the audit logs: %v %s", err, said)
	}
}

// Erasures behind one that fails are applied, and the command says that not all were.
//
// Case: PRIV-05
func TestErasuresGoOnAfterOneThatFails(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[1])
	d, environment := k.SQL(t), k.Environment(t)
	var list strings.Builder
	for _, username := range []string{"", "gerd.grau", "", "susi.stein"} {
		e := privacy.Erasure{Kind: "something else", ID: uuid.New(), Tenant: uuid.New(), At: time.Now()}
		if username != "" {
			e.Kind = privacy.KindUser
			if err := d.QueryRowContext(t.Context(), `SELECT id, tenant_id FROM users WHERE username = '`+username+`'`).Scan(&e.ID, &e.Tenant); err != nil {
				t.Fatal(err)
			}
		}
		if err := json.NewEncoder(&list).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	apply, said := asProcess(t, environment, "erasures", "apply", "-")
	apply.Stdin = strings.NewReader(list.String())
	if err := apply.Run(); err == nil || !strings.Contains(said.String(), "2 of 4 erased again") || !strings.Contains(said.String(), "erasure number 1") || !strings.Contains(said.String(), "erasure number 3") {
		t.Errorf("%v %s", err, said)
	}
	if n := count(t, d, "SELECT count(*) FROM users WHERE username IN ('gerd.grau', 'susi.stein')"); n != 0 {
		t.Errorf("%d are still there", n)
	}
}
