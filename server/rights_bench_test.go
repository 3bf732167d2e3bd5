package server_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"kontor/server/servertest"
)

// BenchmarkSaveTransfer measures one request that transfers a thousand contracts to another
// company, and the one that takes them back: each iteration is both. SQL statements are of
// the whole request, with its mails and audit logs.
//
//	go test ./server -run '^$' -bench SaveTransfer
//
// Requirement: AC-08
func BenchmarkSaveTransfer(b *testing.B) {
	k := servertest.Start(b, servertest.Backends[1])
	martha := k.As(b, "martha.hansen")
	ids, target := thousand(b, k, k.SQL(b), 1000), find(b, martha, maik)
	took := map[string][]time.Duration{}
	statements := map[string]int{}
	b.ResetTimer()
	for range b.N {
		for _, each := range []struct {
			what          string
			grant, revoke []string
		}{{"give", ids, nil}, {"take", nil, ids}} {
			k.Statements.Take()
			began := time.Now()
			save(b, martha, target, each.grant, each.revoke).OK(b)
			took[each.what] = append(took[each.what], time.Since(began))
			statements[each.what] = len(k.Statements.Take())
		}
	}
	for what, all := range took {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Milliseconds()), what+"-ms")
		b.ReportMetric(float64(statements[what]), what+"-statements")
	}
}

// BenchmarkRevocation measures how long after a contract was taken back its receiver is
// refused at another replica, and its subscription there ends: from the moment at which the
// request to take it back was sent.
//
//	go test ./server -run '^$' -bench Revocation -benchtime 200x
//
// Requirement: AC-10
func BenchmarkRevocation(b *testing.B) {
	one := servertest.Start(b, servertest.Backends[1])
	two := one.Replica(b)
	martha, receiver := one.As(b, "martha.hansen"), one.As(b, "maik.alster").On(two)
	contract, target := contractID(b, one, "SV-100001"), find(b, martha, maik)
	martha.Do(b, `mutation($id: ID!) { addCartItems(input: {items: [{sku: "TEL-DT-0101", quantity: "1"}]}) { errors { code } }
		placeOrder(input: {idempotencyKey: "k", businessCase: ADDITIONAL_ORDER, contractId: $id}) { errors { code } } }`, servertest.Vars{"id": contract}).OK(b)
	order := martha.Do(b, `{ orders(first: 1) { nodes { id } } }`, nil).OK(b).String(b, "orders.nodes.0.id")
	var refused, ended, saves []time.Duration
	for range b.N {
		save(b, martha, target, []string{contract}, nil).OK(b)
		stream := receiver.Events(b, changes, servertest.Vars{"orderId": order})
		stream.Next(b)
		var began atomic.Pointer[time.Time]
		seen := make(chan time.Duration)
		go func() {
			for {
				asked := receiver.Do(b, `{ contract(number: "SV-100001") { id } }`, nil)
				if asked.Get("contract") == nil && began.Load() != nil {
					seen <- time.Since(*began.Load())
					return
				}
			}
		}()
		over := make(chan time.Duration)
		go func() {
			stream.End(b)
			over <- time.Since(*began.Load())
		}()
		now := time.Now()
		began.Store(&now)
		save(b, martha, target, nil, []string{contract}).OK(b)
		saves = append(saves, time.Since(now))
		refused, ended = append(refused, <-seen), append(ended, <-over)
	}
	for what, all := range map[string][]time.Duration{"answered": saves, "refused": refused, "stream-ended": ended} {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, what+"-p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, what+"-p99-ms")
	}
}
