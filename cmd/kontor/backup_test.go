package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kontor/internal/kontortest"
	"kontor/server/servertest"
)

// documented is a block of commands of docs/deployment.md.
func documented(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/deployment.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)<!-- tried: " + name + " -->\n```sh\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatalf("docs/deployment.md has no commands %s", name)
	}
	return string(found[1])
}

// secretOfTests is the KONTOR_SECRET of servers and commands.
const secretOfTests = "0123456789abcdef0123456789abcdef"

// follow does what is documented, with the binary in reach as kontor.
func follow(t *testing.T, name string, environment ...string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("building the binary: %v", err)
	}
	run(t, append(environment, "KONTOR_SECRET="+secretOfTests, "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH")), "sh", "-euc", documented(t, name))
}

// A backup of a running deployment, made and restored by the documented commands into a new database, a new store and an empty
// Redis, gives what was there: the order as it was, the document byte for byte, the audit log, the rights of both roles; and life goes on.
func TestBackupsAreRestored(t *testing.T) {
	t.Parallel()
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		p := newProduction(t)
		postgres, backup, restored := kontortest.SharedPostgres(t), t.TempDir(), kontortest.Database(p.owner)+"_restored"
		execute(t, postgres.AdminURL("postgres"), `DROP ROLE IF EXISTS kontor_backup`, `CREATE ROLE kontor_backup LOGIN BYPASSRLS`, `GRANT pg_read_all_data TO kontor_backup`)
		p.kontor(t, "migrate")
		p.kontor(t, "demo", "--public-passwords")
		r := p.serve(t)
		before := look(t, r)
		by, err := url.Parse(p.owner)
		if err != nil {
			t.Fatal(err)
		}
		by.User = url.User("kontor_backup")
		follow(t, "backup-postgres", "BACKUP="+backup, "BACKUP_URL="+by.String(), "STORE="+p.store, "KONTOR_DATABASE_URL="+p.owner)
		order(t, r, "after the backup")
		r.stop(t)

		store := filepath.Join(t.TempDir(), "documents")
		by.User, by.Path = url.User("kontor"), "/"+restored
		follow(t, "restore-postgres", "BACKUP="+backup, "SUPERUSER_URL="+postgres.AdminURL("postgres"), "DATABASE="+restored, "RESTORED_URL="+postgres.AdminURL(restored),
			"RESTORED_STORE="+store, "KONTOR_DATABASE_URL="+by.String())
		t.Cleanup(func() { execute(t, postgres.AdminURL("postgres"), `DROP DATABASE "`+restored+`" WITH (FORCE)`) })
		q := production{owner: by.String(), store: store, environment: p.environment}
		by.User = url.User(serverRole)
		q.environment = append(q.environment, "KONTOR_DATABASE_URL="+by.String(), "KONTOR_BLOB_URL=file://"+store, "KONTOR_REDIS_URL="+kontortest.SharedRedis(t).FreshDatabase(t))
		compare(t, q, before)
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		backup, folder := t.TempDir(), t.TempDir()
		p := production{owner: "sqlite://" + filepath.Join(t.TempDir(), "kontor.db"), store: t.TempDir()}
		p.environment = []string{"KONTOR_DEMO=true", "KONTOR_ADDR=127.0.0.1:0", "KONTOR_DATABASE_URL=" + p.owner, "KONTOR_BLOB_URL=file://" + p.store, "KONTOR_SECRET=" + secretOfTests}
		r := p.serve(t)
		before := look(t, r)
		follow(t, "backup-sqlite", "BACKUP="+backup, "STORE="+p.store, "KONTOR_DATABASE_URL="+p.owner)
		order(t, r, "after the backup")
		r.stop(t)

		q := production{owner: "sqlite://" + filepath.Join(folder, "kontor.db"), store: filepath.Join(folder, "documents")}
		follow(t, "restore-sqlite", "BACKUP="+backup, "DATABASE="+filepath.Join(folder, "kontor.db"), "RESTORED_STORE="+q.store, "KONTOR_DATABASE_URL="+q.owner)
		q.environment = append(p.environment, "KONTOR_DATABASE_URL="+q.owner, "KONTOR_BLOB_URL=file://"+q.store)
		compare(t, q, before)
	})
}

// seen is what somebody saw before a backup and has to see after it.
type seen struct{ number, order, document, orders, products string }

// look places an order, and looks at it and at what was there.
func look(t *testing.T, r *replica) seen {
	t.Helper()
	number := order(t, r, "before the backup")
	return lookAt(t, r, number)
}

func order(t *testing.T, r *replica, key string) string {
	t.Helper()
	martha := r.as(t, "martha.hansen")
	martha.Do(t, `mutation { addCartItems(input: {items: [{sku: "TEL-DT-0101", quantity: "5"}]}) { errors { code } } }`, nil).OK(t)
	return martha.Do(t, `mutation($key: String!) { placeOrder(input: {idempotencyKey: $key}) { order { number } errors { code message } } }`,
		servertest.Vars{"key": key}).OK(t).String(t, "placeOrder.order.number")
}

func lookAt(t *testing.T, r *replica, number string) seen {
	t.Helper()
	martha := r.as(t, "martha.hansen")
	s := seen{number: number}
	s.order = fmt.Sprint(martha.Do(t, `query($number: String!) { order(number: $number) { id number placedAt state placedBy { lastName } gross { amount } items { quantity product { sku name } } history { state at } } }`,
		servertest.Vars{"number": number}).OK(t).Data)
	documents := martha.Do(t, `{ order(number: "HANSA-000013") { number documents { kind number download { url } } } }`, nil).OK(t)
	link, err := url.Parse(documents.String(t, "order.documents.0.download.url"))
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL+link.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+martha.Token)
	response, err := r.HTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the document: %s %v", response.Status, err)
	}
	sum := sha256.Sum256(content)
	s.document = hex.EncodeToString(sum[:])
	s.orders = fmt.Sprint(martha.Do(t, `{ orders(first: 100) { totalCount nodes { number state gross { amount } } } }`, nil).OK(t).Data)
	// Found by what PostgreSQL and SQLite build indexes for, an umlaut among it.
	s.products = fmt.Sprint(martha.Do(t, `{ products(first: 10, where: {search: "gehäuse"}) { totalCount nodes { sku } } }`, nil).OK(t).Data)
	return s
}

// compare starts a server on what was restored: all is as before, and the next order can be placed.
func compare(t *testing.T, q production, before seen) {
	t.Helper()
	r := q.serve(t)
	if after := lookAt(t, r, before.number); after != before {
		t.Errorf("restored is\n%+v\nand there was\n%+v", after, before)
	}
	if next := order(t, r, "after the restore"); next == before.number || !strings.HasPrefix(next, "HANSA-") {
		t.Errorf("the next order is %s, after %s", next, before.number)
	}
	r.stop(t)
}
