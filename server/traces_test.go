package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"kontor/server/servertest"
)

// theirs is the span that a client says it has, as one that has to be taken.
const theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func eachTraced(t *testing.T, test func(t *testing.T, k *servertest.Kontor, spans *tracetest.SpanRecorder)) {
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			k, spans := servertest.Traced(t, backend)
			test(t, k, spans)
		})
	}
}

// ended are the spans that ended since the last call.
func ended(spans *tracetest.SpanRecorder) []sdktrace.ReadOnlySpan {
	all := spans.Ended()
	spans.Reset()
	return all
}

// A request is one trace: the request, its operation, the resolver, what it asked the database and
// Redis. A client's own span is linked to, and decides nothing.
func TestARequestIsOneTrace(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, k *servertest.Kontor, spans *tracetest.SpanRecorder) {
		martha := k.As(t, "martha.hansen")
		martha.Header["traceparent"] = theirs
		ended(spans)
		before := len(k.Log.String())
		martha.Do(t, `query MyOrders($n: Int!) { orders(first: $n) { nodes { number items { product { name } } } } }`, servertest.Vars{"n": 3}).OK(t)
		byID, byName, request := map[trace.SpanID]sdktrace.ReadOnlySpan{}, map[string]sdktrace.ReadOnlySpan{}, sdktrace.ReadOnlySpan(nil)
		for _, s := range ended(spans) {
			byID[s.SpanContext().SpanID()], byName[s.Name()] = s, s
			if s.SpanKind() == trace.SpanKindServer {
				request = s
			}
		}
		if request == nil || request.Name() != "POST /graphql" || request.Parent().IsValid() || len(request.Links()) != 1 ||
			request.Links()[0].SpanContext.TraceID().String() != theirs[3:35] || request.SpanContext().TraceID().String() == theirs[3:35] {
			t.Fatalf("the span of the request is %+v", request)
		}
		for _, s := range byID {
			if s.SpanContext().TraceID() != request.SpanContext().TraceID() || s != request && byID[s.Parent().SpanID()] == nil {
				t.Errorf("%s is in another trace, or its parent is missing", s.Name())
			}
		}
		above := func(name string) (names []string) {
			for s := byName[name]; s != nil; s = byID[s.Parent().SpanID()] {
				names = append(names, s.Name())
			}
			return names
		}
		if got := strings.Join(above("SELECT orders"), " < "); got != "SELECT orders < Query.orders < query orders < POST /graphql" {
			t.Errorf("the statement hangs at %q; there are %v", got, names(byName))
		}
		if got := strings.Join(above("get"), " < "); got != "get < POST /graphql" { // the session
			t.Errorf("the session is found at %q; there are %v", got, names(byName))
		}
		said := attributes(byName["query orders"])
		if said["graphql.operation.name"] != "MyOrders" || said["graphql.operation.type"] != "query" || len(said["graphql.document.hash"]) != 64 {
			t.Errorf("of the operation is said %v", said)
		}
		if said := attributes(request); said["http.response.status_code"] != "200" || said["http.route"] != "/graphql" || said["kontor.request_id"] == "" {
			t.Errorf("of the request is said %v", said)
		}
		if line := k.Log.String()[before:]; !strings.Contains(line, "route=/graphql") || !strings.Contains(line, "trace_id="+request.SpanContext().TraceID().String()) {
			t.Errorf("the log does not name the trace: %s", line)
		}
	})
}

func names(spans map[string]sdktrace.ReadOnlySpan) (all []string) {
	for name := range spans {
		all = append(all, name)
	}
	return all
}

func attributes(s sdktrace.ReadOnlySpan) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes() {
		all[string(a.Key)] = a.Value.Emit()
	}
	return all
}

// A longer list has not more spans: only what asks somebody has one.
func TestTracesDoNotGrowWithLists(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, k *servertest.Kontor, spans *tracetest.SpanRecorder) {
		martha := k.As(t, "martha.hansen")
		var sizes []int
		for _, n := range []int{2, 40} {
			ended(spans)
			martha.Do(t, fmt.Sprintf(`{ contracts(first: %d) { nodes { number myRights sharedBy { displayName } } } }`, n), nil).OK(t)
			all := ended(spans)
			sizes = append(sizes, len(all))
			below := false
			for _, s := range all {
				below = below || s.Name() == "Contract.myRights" || s.Name() == "Contract.sharedBy"
			}
			if !below {
				t.Errorf("who asked for the rights on %d contracts is not said", n)
			}
		}
		if sizes[1] > sizes[0]+3 { // which resolver asks first is chance
			t.Errorf("2 contracts are %d spans, 40 are %d", sizes[0], sizes[1])
		}
	})
}

// Whatever clients send, and whoever they are, spans say nothing of it: neither of a request that goes
// well, nor of one that fails.
//
// Requirement: AC-01
func TestTracesTellNothingOfPeople(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, k *servertest.Kontor, spans *tracetest.SpanRecorder) {
		martha := k.As(t, "martha.hansen")
		k.Anonymous().Do(t, `mutation { login(input: {username: "martha.hansen", password: "wrong-Geheim-77", transport: BEARER}) { errors { code } } }`, nil)
		martha.Do(t, `query($s: String) { products(first: 2, where: {search: $s}) { nodes { sku } } }`, servertest.Vars{"s": "Geheim-78"}).OK(t)
		martha.Do(t, `{ orders(first: 1, where: {number: "Geheim-79"}) { nodes { id } } }`, nil)
		martha.Do(t, `mutation { saveAddress(input: {label: "Geheim-80", street: "Geheim-81", postalCode: "20457", city: "Hamburg"}) { errors { code } } }`, nil).OK(t)
		martha.Do(t, `{ node(id: "Geheim-82") { id } }`, nil)
		martha.Do(t, `{ geheim83: nothing }`, nil)
		url := martha.Do(t, `{ orders(first: 1) { totalCount download(format: CSV) { url } } }`, nil).OK(t).String(t, "orders.download.url")
		request, err := http.NewRequest(http.MethodGet, martha.URL+url+"?Geheim-84", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+martha.Token)
		request.Header.Set("User-Agent", "Geheim-85")
		request.Header.Set("tracestate", "geheim=86")
		request.Header.Set("traceparent", theirs)
		request.Header.Set("baggage", "geheim=87")
		response, err := http.DefaultClient.Do(request)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response, err)
		}
		response.Body.Close()
		for _, odd := range []string{"GEHEIM88", "PROPFIND"} {
			request, err := http.NewRequest(odd, martha.URL+"/geheim89", nil)
			if err != nil {
				t.Fatal(err)
			}
			if response, err := http.DefaultClient.Do(request); err == nil {
				response.Body.Close()
			}
		}
		all := ended(spans)
		if len(all) < 30 {
			t.Fatalf("there are %d spans only", len(all))
		}
		for _, s := range all {
			text := fmt.Sprintln(s.Name(), s.Attributes(), s.Events(), s.Status(), s.SpanContext().TraceState(), s.Links())
			for _, secret := range []string{"geheim", "martha", "hansen", servertest.DemoPassword, martha.Token, strings.TrimPrefix(url, "/download/"), "127.0.0.1", "20457"} {
				if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
					t.Errorf("%q is in a span: %s", secret, text)
				}
			}
		}
		if figures := strings.ToLower(k.Figures(t)); strings.Contains(figures, "geheim") || strings.Contains(figures, "hansen") || strings.Contains(figures, "propfind") {
			t.Error("the figures repeat what a client sent")
		}
	})
}
