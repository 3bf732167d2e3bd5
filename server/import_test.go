package server_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// importing sends a file to import, as the clients do.
func importing(t *testing.T, c *servertest.Client, kind, format, mode, content string) *servertest.Answer {
	t.Helper()
	return c.Upload(t, "partner/dashboard", "ImportData", servertest.Vars{"kind": kind, "format": format, "mode": mode},
		strings.ToLower(kind)+"."+strings.ToLower(format), []byte(content))
}

// cameTo is what an import came to: its state, and rows created, updated, unchanged; then the bad ones.
func cameTo(answer *servertest.Answer) string {
	text := fmt.Sprintf("%v %v %v %v", answer.Get("importData.run.state"), answer.Get("importData.run.created"), answer.Get("importData.run.updated"), answer.Get("importData.run.unchanged"))
	rejected, _ := answer.Get("importData.run.rejected").([]any)
	for _, r := range rejected {
		reason := r.(map[string]any)
		text += fmt.Sprintf("; %v: %v", reason["line"], reason["reason"])
	}
	return text
}

const newContracts = "organization_id;number;type;customer_number;line;valid_from;position;position_product;agreed_quantity;unit;unit_price\n"

// Requirement: CO-05
func TestImportThroughTheAPI(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		sabine := k.As(t, "sabine.kurz")
		good := "BRANDT;RV-900001;FRAME_AGREEMENT;4711;GENERAL;2026-01-01;10;MET-AL-0101;1000;kg;2,5\nHANSA;SV-900001;SERVICE_CONTRACT;;;2026-01-01;;;;;\n"
		bad := "NOBODY;X;SERVICE_CONTRACT;;;2026-01-01;;;;;\nHANSA;SV-900002;HANDSHAKE;;;2026-01-01;;;;;\n"
		const nobody = `4: organization_id: there is no tenant "NOBODY"; import it first`
		for _, c := range []struct{ name, mode, rows, want string }{
			{"all or none, with a row that reads badly", "ALL_OR_NONE", good + bad, "REJECTED 0 0 0; 5: type: "},
			{"all or none, with a row that does not fit", "ALL_OR_NONE", good + "NOBODY;X;SERVICE_CONTRACT;;;2026-01-01;;;;;\n", "REJECTED 0 0 0; " + nobody},
			{"good rows", "GOOD_ROWS", good + bad, "COMPLETED 2 0 0; " + nobody + "; 5: type: "},
			{"once more", "ALL_OR_NONE", good, "COMPLETED 0 0 2"},
			{"a change", "GOOD_ROWS", "BRANDT;RV-900001;FRAME_AGREEMENT;4711;GENERAL;2026-01-01;10;MET-AL-0101;1500;kg;2,5\n", "COMPLETED 0 1 0"},
			{"no rows", "GOOD_ROWS", "", "COMPLETED 0 0 0"},
		} {
			if got := cameTo(importing(t, sabine, "CONTRACTS", "CSV", c.mode, newContracts+c.rows).OK(t)); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: %s", c.name, got)
			}
		}
		contract := k.As(t, "malte.brandt").Operation(t, "spa/contracts", "Contract", servertest.Vars{"number": "RV-900001"}).OK(t)
		if open := contract.Get("contract.positions.0.openQuantity"); open != "1500" {
			t.Errorf("the contract is open with %v: %s", open, contract.Body)
		}
		failed := importing(t, sabine, "CONTRACTS", "CSV", "GOOD_ROWS", "number;colour\n1;red\n").OK(t)
		again := sabine.Do(t, `query($id: ID!) { node(id: $id) { ... on ImportRun { state failure progress filename size records refused startedBy { username } startedAt endedAt } } }`,
			servertest.Vars{"id": failed.Get("importData.run.id")}).OK(t)
		if why, _ := again.Get("node.failure").(string); again.Get("node.state") != "FAILED" || !strings.Contains(why, "colour") || !strings.Contains(why, "organization_id") ||
			again.Get("node.startedBy.username") != "sabine.kurz" || again.Get("node.progress") != 1.0 || again.Get("node.filename") != "contracts.csv" {
			t.Errorf("a file without the needed columns: %s", again.Body)
		}
		runs := sabine.Do(t, `{ importRuns(first: 3, where: {kind: CONTRACTS, states: [REJECTED, FAILED]}) { totalCount nodes { state refused rejected(first: 1, afterLine: 4) { line column } } } }`, nil).OK(t)
		if runs.Get("importRuns.totalCount") != 3.0 || runs.Get("importRuns.nodes.0.state") != "FAILED" || runs.Get("importRuns.nodes.2.rejected.0.column") != "type" || runs.Get("importRuns.nodes.1.rejected.0") != nil {
			t.Errorf("the imports are listed as %s", runs.Body)
		}
		logged := sabine.Do(t, `{ auditLog(first: 2) { nodes { action actor { username } subject { label id } after } } }`, nil).OK(t)
		if logged.Get("auditLog.nodes.0.action") != "data.imported" || logged.Get("auditLog.nodes.0.actor.username") != "sabine.kurz" || logged.Get("auditLog.nodes.1.action") != "data.import" {
			t.Errorf("the audit log has %s", logged.Body)
		}
	})
}

// Every kind goes in, in another format as well.
// Requirement: CO-05
func TestImportOfEachKind(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		sabine := k.As(t, "sabine.kurz")
		pdf := "%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
		for _, c := range []struct{ kind, format, content, want string }{
			{"TENANTS", "CSV", "organization_id;name;kind;parent;email_domain\nNEU;Neue Werke AG;CUSTOMER;SERVICE;neu.example\n", "COMPLETED 1 0 0"},
			{"TENANTS", "CSV", "organization_id;name;kind;parent;email_domain\nANDERE;Andere AG;OPERATOR;;andere.example\n", "COMPLETED 0 0 0; 2: kind: "},
			{"PRODUCTS", "NDJSON", `{"sku": "N-1", "name": "Neues Telefon", "category": "Telefonie > Neues", "unit": "piece"}`, "COMPLETED 1 0 0"},
			{"PRICES", "NDJSON", `{"organization_id": "NEU", "sku": "N-1", "amount": 12.5}` + "\n" + `{"organization_id": "NEU", "sku": "N-2", "amount": 12.5}`, "COMPLETED 1 0 0; 2: sku: "},
			{"ALLOY_GROUPS", "CSV", "organization_id;code;name;unit\nNEU;AL;Aluminium;kg\n", "COMPLETED 1 0 0"},
			{"BOOKINGS", "CSV", "organization_id;reference;alloy_group;booked_on;kind;quantity\nNEU;1;AL;2026-11-01;RECEIPT;100\n", "COMPLETED 1 0 0"},
			{"CONTRACTS", "CSV", newContracts + "NEU;K-1;SERVICE_CONTRACT;;;2026-01-01;;;;;\n", "COMPLETED 1 0 0"},
			{"DOCUMENTS", "CSV", zipped(t, map[string]string{
				"documents.csv": "organization_id;kind;number;issued_on;contract_number;file\nNEU;OTHER;V-1;2026-01-01;K-1;2026/v.pdf\nNEU;OTHER;V-2;2026-01-01;K-1;../v.pdf\n", "2026/v.pdf": pdf,
			}), "COMPLETED 1 0 0; 3: file: "},
			{"DOCUMENTS", "CSV", "organization_id;kind\n", "FAILED 0 0 0"},
			{"DOCUMENTS", "NDJSON", zipped(t, map[string]string{"documents.csv": "organization_id\n"}), "FAILED 0 0 0"},
		} {
			if got := cameTo(importing(t, sabine, c.kind, c.format, "GOOD_ROWS", c.content).OK(t)); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: %s", c.kind, got)
			}
		}
		for _, c := range []struct{ kind, format, content, want string }{
			{"USERS", "CSV", "x", "[IMPORT_KIND_REFUSED]"}, {"CONTRACTS", "BMECAT", "x", "[IMPORT_FORMAT_UNFIT]"}, {"CONTRACTS", "CSV", "", "[FILE_EMPTY]"},
		} {
			if got := fmt.Sprint(importing(t, sabine, c.kind, c.format, "GOOD_ROWS", c.content).Codes("importData")); got != c.want {
				t.Errorf("%s as %s: %s", c.kind, c.format, got)
			}
		}
	})
}

func zipped(t *testing.T, files map[string]string) string {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, content := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.String()
}

// Who may not import is told before the file is read, and sees no imports of others.
// Requirement: CO-05
func TestWhoMayImport(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		run := importing(t, k.As(t, "sabine.kurz"), "PRODUCTS", "CSV", "GOOD_ROWS", "sku;name;category;unit\n").OK(t).String(t, "importData.run.id")
		for username, want := range map[string]int{"": http.StatusUnauthorized, "martha.hansen": http.StatusForbidden, "paul.lang": http.StatusForbidden} {
			c := k.Anonymous()
			if username != "" {
				c = k.As(t, username)
			}
			if answer := importing(t, c, "PRODUCTS", "CSV", "GOOD_ROWS", "x"); answer.Status != want || answer.Data != nil {
				t.Errorf("%s: %d %s", username, answer.Status, answer.Body)
			}
			if username == "" {
				continue
			}
			if node := c.Do(t, `query($id: ID!) { node(id: $id) { id } }`, servertest.Vars{"id": run}); node.Get("node") != nil {
				t.Errorf("%s sees an import: %s", username, node.Body)
			}
		}
	})
}

// What is not a form as it should be is refused, and nothing breaks.
// Requirement: CO-05
func TestMalformedForms(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0])
	sabine := k.As(t, "sabine.kurz")
	operations := servertest.Part{Name: "operations", Content: []byte(`{"query": "mutation($input: ImportDataInput!) { importData(input: $input) { run { state } } }", "variables": {"input": {"kind": "PRODUCTS", "format": "CSV", "file": null, "list": [null]}}}`)}
	mapped := func(path string) servertest.Part {
		return servertest.Part{Name: "map", Content: []byte(`{"0": ["` + path + `"]}`)}
	}
	file := servertest.Part{Name: "0", Filename: "a.csv", Content: []byte("sku;name;category;unit\n")}
	if answer := sabine.Form(t, []servertest.Part{operations, mapped("variables.input.list.0"), file}); answer.Status != http.StatusBadRequest {
		t.Errorf("into a list: %d", answer.Status)
	}
	for name, parts := range map[string][]servertest.Part{
		"nothing":             nil,
		"no operations":       {mapped("variables.input.file"), file},
		"no map":              {operations, file},
		"no file":             {operations, mapped("variables.input.file")},
		"no variable":         {operations, mapped("variables.input.other"), file},
		"not null":            {operations, mapped("variables.input.kind"), file},
		"through a text":      {operations, mapped("variables.input.kind.file"), file},
		"not a variable":      {operations, mapped("query"), file},
		"another name":        {operations, mapped("variables.input.file"), {Name: "1", Filename: "a.csv"}},
		"two files":           {operations, mapped("variables.input.file"), file, file},
		"an empty map":        {operations, {Name: "map", Content: []byte(`{}`)}, file},
		"operations no JSON":  {{Name: "operations", Content: []byte(`x`)}, mapped("variables.input.file"), file},
		"operations too long": {{Name: "operations", Content: bytes.Repeat([]byte(" "), 300<<10)}, mapped("variables.input.file"), file},
	} {
		answer := sabine.Form(t, parts)
		if answer.Status != http.StatusBadRequest && answer.Status != http.StatusRequestEntityTooLarge || answer.Code() == "" || answer.Code() == "INTERNAL" {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
		}
	}
	if answer := sabine.Do(t, `mutation { importData(input: {kind: PRODUCTS, format: CSV, file: "a.csv"}) { run { id } errors { code } } }`, nil); fmt.Sprint(answer.Codes("importData")) != "[FILE_MISSING]" {
		t.Errorf("a text as a file: %s", answer.Body)
	}
	sabine.Form(t, []servertest.Part{{Name: "operations", Content: bytes.Replace(operations.Content, []byte(`, "list": [null]`), nil, 1)}, mapped("variables.input.file"), file}).OK(t)
}

// A run that its worker left is gone on with where it was.
// Requirement: CO-05
func TestAnImportIsGoneOnWith(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		sabine, d := k.As(t, "sabine.kurz"), k.SQL(t)
		var rows strings.Builder
		rows.WriteString("organization_id;number;type;valid_from\n")
		for i := range 5000 {
			fmt.Fprintf(&rows, "HANSA;W-%05d;SERVICE_CONTRACT;2026-01-01\n", i)
		}
		first := importing(t, sabine, "CONTRACTS", "CSV", "GOOD_ROWS", rows.String()).OK(t)
		if got := cameTo(first); got != "COMPLETED 5000 0 0" {
			t.Fatal(got)
		}
		// As if the worker had been killed behind its first batch: the content is there still.
		id := columnOf(t, d, `SELECT id FROM import_runs`)[0]
		if err := os.WriteFile(filepath.Join(k.Blobs, "imports", id), []byte(rows.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		alter(t, d, `UPDATE import_runs SET state = 'RUNNING', ended_at = NULL, records = 2000, created = 2000, leased_until = '2026-11-23 08:00:00+00:00'`)
		k.Import(t)
		again := sabine.Do(t, `query($id: ID!) { node(id: $id) { ... on ImportRun { state created unchanged records } } }`, servertest.Vars{"id": first.Get("importData.run.id")}).OK(t)
		if got := said(again, "node.state", "node.created", "node.unchanged", "node.records"); got != "COMPLETED 2000 3000 5000" {
			t.Errorf("it was gone on with to %s", got)
		}
		if left, err := os.ReadDir(filepath.Join(k.Blobs, "imports")); err != nil || len(left) != 0 {
			t.Errorf("the content is kept: %v %v", left, err)
		}
	})
}

// One import of each kind goes at a time, also of several replicas; others of the kind wait. Whoever
// started one needs the right for it when its turn comes, too.
// Requirement: CO-05
// Case: AUTHZ-15
// Case: CONC-13
func TestImportsOfAKindWaitForEachOther(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		sabine, d := k.As(t, "sabine.kurz"), k.SQL(t)
		first := importing(t, sabine, "PRODUCTS", "CSV", "GOOD_ROWS", "sku;name;category;unit\n").OK(t)
		alter(t, d, `UPDATE import_runs SET state = 'RUNNING', ended_at = NULL, leased_until = '2026-11-23 10:00:00+00:00'`)
		waits := importing(t, sabine, "PRODUCTS", "CSV", "GOOD_ROWS", "sku;name;category;unit\nNEU-1;Neu;Neues;piece\n").OK(t)
		if got := cameTo(waits); got != "QUEUED 0 0 0" {
			t.Errorf("while another one is going on: %s", got)
		}
		if got := cameTo(importing(t, sabine, "TENANTS", "CSV", "GOOD_ROWS", "organization_id;name;kind;parent;email_domain\nNEU;Neu AG;CUSTOMER;SERVICE;neu.example\n").OK(t)); got != "COMPLETED 1 0 0" {
			t.Errorf("of another kind: %s", got)
		}
		alter(t, d, `UPDATE import_runs SET state = 'COMPLETED', ended_at = '2026-11-23 09:00:00+00:00' WHERE state = 'RUNNING'`)
		state := func(of *servertest.Answer) string {
			answer := sabine.Do(t, `query($id: ID!) { node(id: $id) { ... on ImportRun { state created failure } } }`, servertest.Vars{"id": of.Get("importData.run.id")}).OK(t)
			return said(answer, "node.state", "node.created")
		}
		for _, replica := range k.Both(t) {
			replica.Import(t)
		}
		if got := state(waits); got != "COMPLETED 1" || state(first) != "COMPLETED 0" {
			t.Errorf("after the other one has ended: %s", got)
		}
		alter(t, d, `UPDATE import_runs SET state = 'RUNNING', ended_at = NULL, leased_until = '2026-11-23 10:00:00+00:00' WHERE created = 0`)
		late := importing(t, sabine, "PRODUCTS", "CSV", "GOOD_ROWS", "sku;name;category;unit\nNEU-2;Neu;Neues;piece\n").OK(t)
		alter(t, d, `UPDATE import_runs SET state = 'COMPLETED', ended_at = '2026-11-23 09:00:00+00:00' WHERE state = 'RUNNING'`)
		alter(t, d, `DELETE FROM user_roles WHERE role = 'SERVICE_AGENT'`)
		k.Import(t)
		if got := columnOf(t, d, `SELECT state || ' ' || created || ' ' || failure FROM import_runs WHERE id = $1`, keyOf(t, late.String(t, "importData.run.id")))[0]; got != "FAILED 0 whoever started the import may no longer import data" {
			t.Errorf("after the right was lost: %s", got)
		}
	})
}

// Whose session ends while its file comes can do nothing with it, whatever the operation is.
// Case: AUTHZ-10
func TestASessionThatEndsDuringAnUpload(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		sabine := k.As(t, "sabine.kurz")
		reader, writer := io.Pipe()
		form := multipart.NewWriter(writer)
		request, err := http.NewRequest(http.MethodPost, k.URL+"/graphql", reader)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", form.FormDataContentType())
		request.Header.Set("Authorization", "Bearer "+sabine.Token)
		answered := make(chan string, 1)
		go func() {
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				answered <- err.Error()
				return
			}
			defer response.Body.Close()
			content, _ := io.ReadAll(response.Body)
			answered <- string(content)
		}()
		send := func(name, filename, content string) {
			create := func() (io.Writer, error) { return form.CreateFormFile(name, filename) }
			if filename == "" {
				create = func() (io.Writer, error) { return form.CreateFormField(name) }
			}
			w, err := create()
			if err == nil {
				_, err = io.WriteString(w, content)
			}
			if err != nil {
				t.Error(err)
			}
		}
		send("operations", "", `{"query": "mutation($input: ImportDataInput!) { importData(input: $input) { run { id } } }", "variables": {"input": {"kind": "PRODUCTS", "format": "CSV", "file": null}}}`)
		send("map", "", `{"0": ["variables.input.file"]}`)
		send("0", "products.csv", "sku;name;category;unit\n")
		sabine.Do(t, `mutation { logout { errors { code } } }`, nil).OK(t)
		if err := errors.Join(form.Close(), writer.Close()); err != nil {
			t.Fatal(err)
		}
		if got := <-answered; !strings.Contains(got, "UNAUTHENTICATED") {
			t.Errorf("after the logout: %s", got)
		}
		if n := len(columnOf(t, k.SQL(t), `SELECT id FROM import_runs`)); n != 0 {
			t.Errorf("%d imports came of it", n)
		}
	})
}
