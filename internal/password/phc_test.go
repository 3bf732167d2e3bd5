package password

import (
	"errors"
	"strings"
	"testing"
)

const goodHash = "$argon2id$v=19$m=47104,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"

// badHashes are broken each in one place.
var badHashes = map[string]string{
	"empty":              "",
	"bcrypt":             "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
	"argon2i":            strings.Replace(goodHash, "argon2id", "argon2i", 1),
	"other version":      strings.Replace(goodHash, "v=19", "v=16", 1),
	"4 GiB":              strings.Replace(goodHash, "m=47104", "m=4194304", 1),
	"just over 256 MiB":  strings.Replace(goodHash, "m=47104", "m=262145", 1),
	"memory overflows":   strings.Replace(goodHash, "m=47104", "m=4294967297", 1),
	"11 passes":          strings.Replace(goodHash, "t=1", "t=11", 1),
	"17 threads":         strings.Replace(goodHash, "p=1$", "p=17$", 1),
	"threads overflow":   strings.Replace(goodHash, "p=1$", "p=257$", 1),
	"no memory":          strings.Replace(goodHash, "m=47104", "m=7", 1),
	"no pass":            strings.Replace(goodHash, "t=1", "t=0", 1),
	"no thread":          strings.Replace(goodHash, "p=1$", "p=0$", 1),
	"leading zero":       strings.Replace(goodHash, "t=1", "t=01", 1),
	"sign":               strings.Replace(goodHash, "t=1", "t=+1", 1),
	"further parameter":  strings.Replace(goodHash, "p=1$", "p=1,x=2$", 1),
	"part missing":       goodHash[:strings.LastIndex(goodHash, "$")],
	"part too many":      goodHash + "$",
	"padded base64":      goodHash + "=",
	"line break":         goodHash[:len(goodHash)-4] + "\n" + goodHash[len(goodHash)-4:],
	"only line breaks":   goodHash[:strings.LastIndex(goodHash, "$")+1] + strings.Repeat("\n", 43),
	"not base64":         goodHash[:len(goodHash)-1] + "!",
	"unused bits set":    goodHash[:len(goodHash)-1] + "Z",
	"salt too short":     strings.Replace(goodHash, "c29tZXNhbHRzb21lc2FsdA", "c29tZQ", 1),
	"salt too long":      strings.Replace(goodHash, "c29tZXNhbHRzb21lc2FsdA", strings.Repeat("c29t", 22), 1),
	"key too short":      goodHash[:strings.LastIndex(goodHash, "$")+1] + "MDEy",
	"something in front": "x" + goodHash,
}

// Case: AUTH-19
func TestBrokenOrGreedyHashIsRefusedWithoutHashing(t *testing.T) {
	t.Parallel()
	if hash, err := parseHash(goodHash); err != nil || hash.params != DefaultParams {
		t.Fatalf("the good hash gives %+v, %v", hash, err)
	}
	h, runs := counting(NewHasherWith(cheap, 1, 0))
	for name, stored := range badHashes {
		if _, err := h.Verify(t.Context(), "x", stored); !errors.Is(err, ErrMalformedHash) {
			t.Errorf("%s: %v, want ErrMalformedHash", name, err)
		}
	}
	if *runs != 0 {
		t.Errorf("argon2 ran %d times, want never", *runs)
	}
}

// Case: AUTH-19
func FuzzParseHash(f *testing.F) {
	f.Add(goodHash)
	for _, stored := range badHashes {
		f.Add(stored)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		hash, err := parseHash(stored)
		if err != nil {
			if !errors.Is(err, ErrMalformedHash) {
				t.Fatalf("%v is not ErrMalformedHash", err)
			}
			return
		}
		if hash.String() != stored {
			t.Fatalf("%q is read as %q", stored, hash)
		}
		if p := hash.params; p.MemoryKiB > 256*1024 || p.Time > 10 || p.Threads > 16 || len(hash.salt) > 64 || len(hash.key) > 64 {
			t.Fatalf("%q asks for more than the ceiling", stored)
		}
	})
}
