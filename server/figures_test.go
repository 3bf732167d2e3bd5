package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"kontor/server"
	"kontor/server/servertest"
)

// series are the names that a server shows, each with its labels; those of a histogram have three names.
func series(t *testing.T, shown string) map[string][]string {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(shown))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for name, family := range families {
		var labels []string
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		slices.Sort(labels)
		all[name] = labels
		if family.GetMetric()[0].GetHistogram() != nil {
			all[name+"_sum"], all[name+"_count"], all[name+"_bucket"] = labels, labels, append(slices.Clone(labels), "le")
		}
	}
	return all
}

// used are the figures of a server that was asked a bit of everything.
func used(t *testing.T) map[string][]string {
	t.Helper()
	k := servertest.Start(t, servertest.Backends[0])
	martha := k.As(t, "martha.hansen")
	martha.Do(t, `{ orders(first: 2) { nodes { number } } }`, nil).OK(t)
	martha.Do(t, `{ nothing }`, nil)
	return series(t, k.Figures(t))
}

// The table of docs/operations.md names every figure with its labels, and none that there is not.
func TestFiguresAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(kontor_[a-z_]+)` \\| ([^|]*) \\|").FindAllStringSubmatch(string(text), -1) {
		labels := regexp.MustCompile("[a-z]+").FindAllString(row[2], -1)
		slices.Sort(labels)
		documented[row[1]] = strings.Join(labels, " ")
	}
	shown := map[string]string{}
	for name, labels := range used(t) {
		base, _, _ := strings.Cut(name, "_bucket")
		base, _, _ = strings.Cut(base, "_sum")
		base, _, _ = strings.Cut(base, "_count")
		if strings.HasPrefix(name, "kontor_") && base == name {
			shown[name] = strings.Join(labels, " ")
		}
	}
	if !maps.Equal(documented, shown) {
		for name, labels := range shown {
			if documented[name] != labels {
				t.Errorf("%s has the labels %q; docs/operations.md has %q", name, labels, documented[name])
			}
		}
		for name := range documented {
			if _, there := shown[name]; !there {
				t.Errorf("there is no %s", name)
			}
		}
	}
}

// Every query of the dashboard, and every condition in docs/operations.md, asks for figures and labels that a running
// server shows.
func TestQueriesAskForFiguresThatThereAre(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../deploy/grafana/kontor.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Templating struct{ List []struct{ Definition string } }
		Panels     []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	shown, queries := used(t), map[string]string{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries[strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")] = panel.Title
		}
	}
	for _, variable := range dashboard.Templating.List {
		if inner, found := strings.CutPrefix(variable.Definition, "label_values("); found {
			queries[inner[:strings.LastIndex(inner, ",")]] = "a variable"
		}
	}
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, alerts, _ := strings.Cut(string(text), "## What to be woken up for")
	alerts, _, _ = strings.Cut(alerts, "\n## ")
	conditions := regexp.MustCompile("(?m)^\\| `([^`]*kontor_[^`]*)` \\|").FindAllStringSubmatch(alerts, -1)
	for _, condition := range conditions {
		queries[strings.ReplaceAll(condition[1], `\|`, "|")] = "docs/operations.md"
	}
	if len(conditions) < 8 || len(queries) < 40 {
		t.Fatalf("%d queries and %d conditions were found only", len(queries), len(conditions))
	}
	for query, where := range queries {
		for _, wrong := range check(query, shown) {
			t.Errorf("%s: %s: %s", where, query, wrong)
		}
	}
}

// check tells what a query asks for that there is not.
func check(query string, shown map[string][]string) (wrong []string) {
	parsed, err := metricsql.Parse(query)
	if err != nil {
		return []string{err.Error()}
	}
	ofTargets := []string{"job", "instance"}
	known := map[string]bool{}
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		asked, ok := e.(*metricsql.MetricExpr)
		if !ok {
			return
		}
		for _, filters := range asked.LabelFilterss {
			name := filters[0].Value
			labels, there := shown[name]
			if filters[0].Label != "__name__" || !there {
				wrong = append(wrong, "there is no "+name)
				continue
			}
			for _, filter := range filters[1:] {
				if !slices.Contains(append(ofTargets, labels...), filter.Label) {
					wrong = append(wrong, name+" has no label "+filter.Label)
				}
			}
			for _, label := range append(ofTargets, labels...) {
				known[label] = true
			}
		}
	})
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		if sum, ok := e.(*metricsql.AggrFuncExpr); ok {
			for _, label := range sum.Modifier.Args {
				if !known[label] {
					wrong = append(wrong, "nothing has the label "+label)
				}
			}
		}
	})
	return wrong
}

// What queries are compared with finds what is wrong with them.
func TestWrongQueriesAreFound(t *testing.T) {
	t.Parallel()
	shown := map[string][]string{"kontor_a_total": {"kind"}}
	for query, want := range map[string]int{
		`sum by (kind) (rate(kontor_a_total{kind="x",job="y"}[5m]))`: 0,
		`rate(kontor_b_total[5m])`:                                   1,
		`kontor_a_total{field="x"}`:                                  1,
		`sum by (field) (kontor_a_total)`:                            1,
		`sum by (kind (kontor_a_total)`:                              1,
		`kontor_a_total / kontor_c_total`:                            1,
		`sum(kontor_a_total{field="x"}) > 1`:                         1,
	} {
		if got := check(query, shown); len(got) != want {
			t.Errorf("%s: %q", query, got)
		}
	}
}

// Figures and profiles are never at the address that is public, and profiles only where they are asked for;
// in production only on the machine itself.
//
// Case: PRIV-10
func TestFiguresAreNotPublic(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0])
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars", "/debug/pprof/cmdline"} {
		response, err := http.Get(k.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered with %s", path, response.Status)
		}
	}
	for address, refused := range map[string]bool{"10.0.3.7:9090": true, ":9090": true, "127.0.0.1:9090": false, "[::1]:9090": false, "localhost:9090": false} {
		c := server.Config{Production: true, Profiles: true, DebugAddr: address}
		if got := strings.Contains(c.Validate().Error(), "KONTOR_PPROF"); got != refused {
			t.Errorf("production with profiles at %s is refused: %t", address, got)
		}
	}
	if err := (server.Config{Profiles: true}).Validate(); !strings.Contains(err.Error(), "KONTOR_PPROF needs KONTOR_DEBUG_ADDR") {
		t.Errorf("profiles nowhere: %v", err)
	}
}
