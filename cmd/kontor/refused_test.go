package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refused runs a command that must fail, and gives what it says.
func refused(t *testing.T, environment []string, arguments ...string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("building the binary: %v", err)
	}
	said, err := attempt(t, environment, path, arguments...)
	if err == nil {
		t.Errorf("kontor %s did not fail: %s", strings.Join(arguments, " "), said)
	}
	return said
}

// Public passwords get into a production only by somebody who says so.
//
// Case: PRIV-10
func TestDemoDataIsRefusedInProduction(t *testing.T) {
	t.Parallel()
	p := newProduction(t)
	p.kontor(t, "migrate")
	if said := refused(t, append(p.environment, "KONTOR_DATABASE_URL="+p.owner), "demo"); !strings.Contains(said, "its passwords are public") {
		t.Errorf("demo says %s", said)
	}
	if said := p.kontor(t, "demo", "--public-passwords"); strings.Contains(said, "refuses") {
		t.Errorf("demo says %s", said)
	}
}

// In production nobody makes a user with a password that two know.
//
// Case: PRIV-10
func TestInitialPasswordsAreRefusedInProduction(t *testing.T) {
	t.Parallel()
	p := newProduction(t)
	p.kontor(t, "migrate")
	p.kontor(t, "demo", "--public-passwords")
	create := []string{"user", "create", "--organization", "HANSA", "--username", "new.person", "--email", "new.person@hansa.example", "--first-name", "Nele", "--last-name", "Neu", "--role", "MASTER_ADMIN"}
	if said := refused(t, append(p.environment, "KONTOR_DATABASE_URL="+p.owner), create...); !strings.Contains(said, "take --link") {
		t.Errorf("without a link: %s", said)
	}
	if said := p.kontor(t, append(create, "--link")...); !strings.Contains(said, "https://portal.example.com/") {
		t.Errorf("with one: %s", said)
	}
}

// Whatever is wrong with the settings is told at once, from wherever they are.
//
// Case: PRIV-10
func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ environment, want []string }{
		"where settings are read": {
			[]string{"KONTOR_ENV=staging", "KONTOR_LOG_LEVEL=loud", "KONTOR_ADDR=nowhere", "KONTOR_BLOB_URL=ftp://files"},
			[]string{"KONTOR_ENV", "KONTOR_LOG_LEVEL", "KONTOR_ADDR", "KONTOR_BLOB_URL"},
		},
		"where others read them": {
			[]string{"KONTOR_OPERATIONS=/nowhere/operations.json", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "KONTOR_REDIS_URL=memcached://x"},
			[]string{"/nowhere/operations.json", "OTEL_EXPORTER_OTLP_PROTOCOL", "KONTOR_REDIS_URL", "KONTOR_SMTP_URL"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := refused(t, test.environment, "serve")
			for _, want := range test.want {
				if !strings.Contains(said, want) {
					t.Errorf("nothing is said of %s: %s", want, said)
				}
			}
		})
	}
}

// The copy of what is kept about one person is not lost to that of another, and a missing file is called what it is.
//
// Case: PRIV-04
func TestAnExportOfAUserWritesOverNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	environment := []string{"KONTOR_DATABASE_URL=sqlite://" + filepath.Join(folder, "kontor.db"), "KONTOR_BLOB_URL=file://" + filepath.Join(folder, "blobs"), "KONTOR_SECRET=0123456789abcdef0123456789abcdef"}
	path, err := binary()
	if err != nil {
		t.Fatalf("building the binary: %v", err)
	}
	run(t, environment, path, "migrate")
	run(t, environment, path, "demo")
	file := filepath.Join(folder, "copy.json")
	of := func(username string, flags ...string) []string {
		return append(append([]string{"user", "export", "--organization", "HANSA", "--username", username}, flags...), file)
	}
	copied := func() string {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	run(t, environment, path, of("anna.abel")...)
	first := copied()
	if said := refused(t, environment, of("gerd.grau")...); !strings.Contains(said, "--force") || copied() != first {
		t.Errorf("a second copy is refused with %s", said)
	}
	run(t, environment, path, of("gerd.grau", "--force")...)
	if second := copied(); second == first || !strings.Contains(second, "gerd.grau") {
		t.Errorf("with --force the copy is %.300s", second)
	}
	if said := refused(t, environment, "erasures", "apply", filepath.Join(folder, "none")); !strings.Contains(said, "opening the list of erasures") {
		t.Errorf("without a list it says %s", said)
	}
}
