package main

import (
	"debug/buildinfo"
	"go/version"
	"os"
	"regexp"
	"testing"

	"golang.org/x/mod/semver"
)

// What is deployed is built of nothing older than what mended a known fault, whoever builds it and however. This is a floor, not a
// search for faults: that is `make vulnerabilities`.
func TestNothingIsBelowWhatWasMended(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatalf("building the binary: %v", err)
	}
	built, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const toolchain = "go1.26.5"
	if version.Compare(built.GoVersion, toolchain) < 0 {
		t.Errorf("built by %s: take %s or later", built.GoVersion, toolchain)
	}
	containerfile, err := os.ReadFile("../../Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?m)^toolchain (go\S+)$`).FindSubmatch(module)
	if image := regexp.MustCompile(`GO_IMAGE=\S+/golang:([0-9.]+)`).FindSubmatch(containerfile); named == nil || image == nil || "go"+string(image[1]) != string(named[1]) {
		t.Errorf("go.mod names %s, and the image is built by %s: take the same", named, image)
	}
	used := map[string]string{}
	for _, module := range built.Deps {
		used[module.Path] = module.Version
	}
	for module, floor := range map[string]string{
		"github.com/vektah/gqlparser/v2": "v2.5.14", // CVE-2023-49559: directives without end
		"github.com/jackc/pgx/v5":        "v5.5.4",  // CVE-2024-27304: SQL injection by sizes that overflow
		"github.com/redis/go-redis/v9":   "v9.7.3",  // CVE-2025-29923: answers out of order
		"github.com/go-jose/go-jose/v4":  "v4.0.5",  // CVE-2025-27144: tokens with many dots
		"golang.org/x/crypto":            "v0.45.0", // CVE-2025-58181, CVE-2025-47914
		"golang.org/x/net":               "v0.38.0", // CVE-2025-22872
		"golang.org/x/oauth2":            "v0.27.0", // CVE-2025-22868
	} {
		if got := used[module]; got == "" {
			t.Errorf("%s is not used any more: take it off the list", module)
		} else if semver.Compare(got, floor) < 0 {
			t.Errorf("%s is %s: take %s or later", module, got, floor)
		}
	}
}
