package server_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"kontor/server/servertest"
)

// The same request twenty times at once on two replicas has one effect and one answer; the
// key with another input is refused, and belongs to one user.
//
// Requirement: AC-08
// Case: CONC-01
// Case: AUTHZ-14
func TestTransferWithOneKey(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		beside, martha := one.SQL(t), one.As(t, "martha.hansen")
		first, second := contractID(t, one, "SV-100001"), contractID(t, one, "SV-100002")
		target := find(t, martha, maik)
		save(t, martha, target, []string{first}, nil).OK(t)
		for i, answer := range atOnce(20, func(i int) *servertest.Answer {
			return save(t, martha.On([]*servertest.Kontor{one, two}[i%2]), target, []string{second}, []string{first}, "key")
		}) {
			if granted, revoked := saved(t, answer); !slices.Equal(granted, []string{second}) || !slices.Equal(revoked, []string{first}) {
				t.Errorf("answer %d says %v and %v", i, granted, revoked)
			}
		}
		if got := columnOf(t, beside, `SELECT COUNT(*) FROM transfers`)[0]; got != "2" {
			t.Errorf("there are %s transfers", got)
		}
		if mails := one.Mails(t, "maik.alster@alster.example"); len(mails) != 3 {
			t.Errorf("the receiver was told %d times", len(mails))
		}
		noOrphans(t, beside)

		// Whatever happened since, the key gives the first answer, and does nothing; also to
		// a client that had to look for the target again.
		save(t, martha, target, nil, []string{second}).OK(t)
		for _, name := range []string{target, find(t, martha, maik)} {
			if granted, revoked := saved(t, save(t, martha, name, []string{second}, []string{first}, "key")); !slices.Equal(granted, []string{second}) || !slices.Equal(revoked, []string{first}) {
				t.Errorf("repeated it says %v and %v", granted, revoked)
			}
		}
		if got := columnOf(t, beside, `SELECT COUNT(*) FROM transfers WHERE revoked_at IS NULL`)[0]; got != "0" {
			t.Errorf("repeating made %s transfers", got)
		}
		connect(t, one.As(t, "moritz.hansen"), "4066969100", write(t, one.As(t, "sabine.kurz"), "4066969100")).OK(t)
		moritz := map[string]any{"email": "moritz.hansen@hansa.example", "customerNumber": "4066969100", "line": "FIXED_LINE"}
		for what, answer := range map[string]*servertest.Answer{
			"other contracts": save(t, martha, target, []string{first}, nil, "key"),
			"turned round":    save(t, martha, target, []string{first}, []string{second}, "key"),
			"another target":  save(t, martha, find(t, martha, moritz), []string{second}, []string{first}, "key"),
			"IDs in one":      save(t, martha, target, []string{second + " " + first}, nil, "key"),
			"nothing":         save(t, martha, target, nil, nil, "key"),
		} {
			if got := saveFaults(t, answer); got != "IDEMPOTENCY_KEY_REUSED idempotencyKey" {
				t.Errorf("%s: %s", what, got)
			}
		}
		for _, key := range []string{"", "a\nb", string(make([]byte, 300))} {
			if got := saveFaults(t, save(t, martha, target, []string{first}, nil, key)); got != "IDEMPOTENCY_KEY_INVALID idempotencyKey" {
				t.Errorf("the key %q: %s", key, got)
			}
		}
		colleague := one.As(t, "moritz.hansen")
		if granted, _ := saved(t, save(t, colleague, find(t, colleague, maik), []string{second}, nil, "key")); !slices.Equal(granted, []string{second}) {
			t.Errorf("another user's key gave %v", granted)
		}
		// What failed may be tried again under its key.
		foreign := contractID(t, one, "SV-200001")
		if got := saveFaults(t, save(t, martha, target, []string{foreign}, nil, "again")); got != "TRANSFER_NOT_OWNER grant.0" {
			t.Errorf("a foreign contract: %s", got)
		}
		save(t, martha, target, []string{first}, nil, "again").OK(t)
	})
}

// Giving and taking back at once, by two givers, while the receiver delegates and takes
// away: in the end everything is as one after the other would have left it, nobody holds
// what hangs on nothing, and lists and orders agree with it.
//
// Requirement: AC-10
// Case: CONC-07
func TestTransfersAtOnce(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		beside, martha, moritz, receiver := one.SQL(t), one.As(t, "martha.hansen"), one.As(t, "moritz.hansen").On(two), one.As(t, "maik.alster")
		connect(t, moritz, "4066969100", write(t, one.As(t, "sabine.kurz"), "4066969100")).OK(t)
		susi := shopperAs(t, one, "susi.stein")
		user, id, other := userID(t, one.SQL(t), "susi.stein"), contractID(t, one, "SV-100001"), contractID(t, one, "SV-100002")
		targets := map[*servertest.Client]string{martha: find(t, martha, maik), moritz: find(t, moritz, maik)}
		for round := range 4 {
			answers := atOnce(24, func(i int) *servertest.Answer {
				giver := []*servertest.Client{martha, moritz}[i/4%2]
				switch i % 4 {
				case 0:
					return save(t, giver, targets[giver], []string{id, other}, nil, uuid.NewString())
				case 1:
					return save(t, giver, targets[giver], nil, []string{other, id}, uuid.NewString())
				case 2:
					return setRights(t, receiver.On([]*servertest.Kontor{one, two}[i/4%2]), user, id, "VIEW", "ORDER", "BILLING")
				default:
					return setRights(t, receiver, user, id, []string{"BILLING", "VIEW"}[:i/4%3]...)
				}
			})
			for i, answer := range answers {
				if len(answer.Errors) > 0 || i%4 < 2 && len(answer.Codes("saveTransfers")) > 0 {
					t.Fatalf("request %d of round %d: %s", i, round, answer.Body)
				}
			}
			noOrphans(t, beside)
			if round == 3 { // the last word
				saved(t, save(t, martha, targets[martha], []string{id}, nil))
				setRights(t, receiver, user, id, "VIEW", "ORDER").OK(t)
				wantContract(t, susi, "SV-100001", id, "VIEW", "ORDER")
				saved(t, save(t, moritz, targets[moritz], nil, []string{id}))
			}
			transferred := columnOf(t, beside, `SELECT COUNT(*) FROM transfers x JOIN contracts c ON c.id = x.contract_id WHERE c.number = 'SV-100001' AND x.revoked_at IS NULL`)[0] == "1"
			var want []string
			if transferred {
				want = allRights[:5]
			} else {
				wantContract(t, susi, "SV-100001", id)
			}
			wantContract(t, shopper{receiver, t}, "SV-100001", id, want...)
		}
		noOrphans(t, beside)
	})
}

// While the receiver orders on a contract it is taken back: once that is answered nobody
// orders on it any more, on any replica.
//
// Requirement: AC-10
// Case: AUTHZ-10
func TestTransferTakenBackWhileOrdering(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		martha, receiver, susi := one.As(t, "martha.hansen"), shopper{one.As(t, "maik.alster").On(two), t}, shopperAs(t, one, "susi.stein")
		id, target := contractID(t, one, "SV-100001"), find(t, martha, maik)
		save(t, martha, target, []string{id}, nil).OK(t)
		setRights(t, receiver.Client, userID(t, one.SQL(t), "susi.stein"), id, "VIEW", "ORDER").OK(t)
		var after []string
		atOnce(3, func(i int) bool {
			switch i {
			case 0:
				save(t, martha, target, nil, []string{id})
				after = append(after, orderOn(t, receiver, id), orderOn(t, susi, id))
			case 1:
				receiver.Do(t, `{ contracts(first: 100) { nodes { number myRights orders(first: 5) { totalCount } } } }`, nil)
			default:
				susi.Do(t, `{ contracts(first: 100) { nodes { number myRights orders(first: 5) { totalCount } } } }`, nil)
			}
			return true
		})
		if !slices.Equal(after, []string{"CONTRACT_UNKNOWN", "CONTRACT_UNKNOWN"}) {
			t.Errorf("orders after the contract was taken back: %v", after)
		}
	})
}

// While the receiver downloads the list of its contracts they are taken back: what is read after that is
// not in the file any more.
//
// Requirement: AC-10
// Requirement: CO-02
// Case: AUTHZ-10
func TestTransferTakenBackDuringADownload(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, receiver := k.As(t, "martha.hansen"), k.As(t, "maik.alster")
		ids, target := thousand(t, k, k.SQL(t), 1000), find(t, martha, maik)
		save(t, martha, target, ids, nil).OK(t)
		link := contractList.link(t, receiver, "CSV", map[string]any{"search": "copied"})
		if got := len(numbers(rows(t, receiver, link))); got != 1000 {
			t.Fatalf("the file has %d contracts", got)
		}
		took := false
		k.Statements.Before("LIMIT 500", 1, func() {
			took = true
			save(t, martha, target, nil, ids).OK(t)
		})
		if got := len(numbers(rows(t, receiver, link))); got != 500 || !took {
			t.Errorf("taken back %v after the first 500, and the file has %d contracts", took, got)
		}
		if got := len(numbers(rows(t, receiver, link))); got != 0 {
			t.Errorf("afterwards the file has %d contracts", got)
		}
	})
}
