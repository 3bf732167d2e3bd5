package main

import (
	"debug/elf"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// inBox runs Kontor in what the image of the Containerfile gives it, less what an engine adds: a root with nothing but the
// binary, mounted read-only, /tmp and the folder of a volume, no /proc, no /dev, no names to resolve; as the
// user of the image, who cannot become another one.
const inBox = `set -eu
mount --bind "$1" "$1"
mount -t tmpfs -o nosuid,nodev,noexec,mode=1777 tmpfs "$1/tmp"
mount -t tmpfs -o nosuid,nodev,noexec,mode=0700,uid=65532,gid=65532 tmpfs "$1/blobs"
mount -o remount,bind,ro "$1"
exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups= "$1" /kontor serve`

// The binary needs no library, no shell and no other file, no rights, and nowhere to write but /tmp and its
// store: in production, with files sent, made and kept.
//
// Requirement: the container of issue 8 ("non-root, read-only")
func TestServesFromReadOnlyRootWithoutRights(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || exec.Command("unshare", "--mount", "true").Run() != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI has to run this as root, where mounts can be made")
		}
		t.Skip("needs root and mounts of its own, to make a root that is read-only")
	}
	path, err := binary()
	if err != nil {
		t.Fatalf("building the binary: %v", err)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			t.Error("the binary is loaded by another program, which an image of nothing does not have")
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "kontor"), content, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"tmp", "blobs"} {
		if err := os.Mkdir(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := newProduction(t)
	p.kontor(t, "migrate")
	p.kontor(t, "demo", "--public-passwords")
	p.environment = append(p.environment, "KONTOR_BLOB_URL=file:///blobs")
	r := p.serve(t, "unshare", "--mount", "sh", "-c", inBox, "sh", root)

	// What it runs as, the kernel says.
	process := fmt.Sprintf("/proc/%d/", r.process.Process.Pid)
	status, err := os.ReadFile(process + "status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`Name:\tkontor`, `Uid:\t65532\t65532\t65532\t65532`, `Gid:\t65532\t65532\t65532\t65532`, `CapEff:\t0+`, `CapPrm:\t0+`, `CapInh:\t0+`, `NoNewPrivs:\t1`} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).Match(status) {
			t.Errorf("the process is not %s:\n%s", want, status)
		}
	}
	mounts, err := os.ReadFile(process + "mounts")
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(mounts), "\n"); !regexp.MustCompile(`^\S+ / \S+ ro,`).MatchString(first) {
		t.Errorf("its root is mounted as %s", first)
	}

	for _, path := range []string{"/healthz", "/readyz"} {
		if code, body := r.get(t, path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	// A file is sent, which is kept in /tmp while it comes and in the store afterwards, and one is made.
	if state := r.as(t, "sabine.kurz").Upload(t, "partner/dashboard", "ImportData", servertest.Vars{"kind": "PRODUCTS", "format": "CSV", "mode": "GOOD_ROWS"},
		"products.csv", []byte("sku;name;category;unit\n")).OK(t).String(t, "importData.run.state"); state != "COMPLETED" {
		t.Errorf("the import is %s", state)
	}
	martha := r.as(t, "martha.hansen")
	link := martha.Do(t, `{ orders(first: 1) { download(format: XLSX) { url } } }`, nil).OK(t).String(t, "orders.download.url")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL+strings.TrimPrefix(link, "https://portal.example.com"), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+martha.Token)
	response, err := r.HTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" {
		t.Errorf("the file of orders: %s %v", response.Status, response.Header)
	}
	r.stop(t)
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 3 {
		t.Errorf("the root has %v now, %v", entries, err)
	}
}
