package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"kontor/internal/seal"
)

const (
	older   = "an older secret, of 32 characters or more"
	newer   = "a newer secret, of 32 characters or more"
	purpose = "otp secret of usr_1"
)

// sealer works with these secrets.
func sealer(t testing.TB, secrets ...string) *seal.Sealer {
	t.Helper()
	s, err := seal.New(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sealed is the text, sealed for the purpose.
func sealed(t testing.TB, s *seal.Sealer, plain string) string {
	t.Helper()
	text, err := s.Seal(purpose, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// wantPlain fails unless the sealed text opens to this.
func wantPlain(t *testing.T, s *seal.Sealer, text, want string) {
	t.Helper()
	if plain, err := s.Open(purpose, text); err != nil || string(plain) != want {
		t.Errorf("Open(%s) = %q, %v, want %q", text, plain, err, want)
	}
}

// wantRefused fails unless opening fails with this error and gives nothing.
func wantRefused(t *testing.T, s *seal.Sealer, purpose, text string, want error) {
	t.Helper()
	if plain, err := s.Open(purpose, text); !errors.Is(err, want) || plain != nil {
		t.Errorf("Open(%q, %q) = %q, %v, want %v", purpose, text, plain, err, want)
	}
}

func TestWhatIsSealedOpens(t *testing.T) {
	t.Parallel()
	s := sealer(t, newer, older)
	rapid.Check(t, func(t *rapid.T) {
		purpose, plain := rapid.String().Draw(t, "purpose"), rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		text, err := s.Seal(purpose, plain)
		if err != nil {
			t.Fatal(err)
		}
		if opened, err := s.Open(purpose, text); err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("Open = %x, %v, want %x", opened, err, plain)
		}
	})
}

// Case: AUTH-15
func TestADumpRevealsNeitherTextNorSecret(t *testing.T) {
	t.Parallel()
	text := sealed(t, sealer(t, newer), "JBSWY3DPEHPK3PXP")
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "v1."))
	if err != nil {
		t.Fatalf("%s is not base64url behind its version: %v", text, err)
	}
	for _, hidden := range []string{"JBSWY3DPEHPK3PXP", newer, newer[:6], hex.EncodeToString([]byte(newer[:6]))} {
		if bytes.Contains(raw, []byte(hidden)) || strings.Contains(text, hidden) {
			t.Errorf("%s holds %q", text, hidden)
		}
	}
	wantRefused(t, sealer(t, "the secret of somebody else's deployment"), purpose, text, seal.ErrNoKey)
}

// Case: FLT-15
func TestSecretsRotate(t *testing.T) {
	t.Parallel()
	before, during, after := sealer(t, older), sealer(t, newer, older), sealer(t, newer)
	old := sealed(t, before, "kept")
	wantPlain(t, during, old, "kept")
	wantRefused(t, after, purpose, old, seal.ErrNoKey)

	fresh := sealed(t, during, "kept")
	wantPlain(t, during, fresh, "kept")
	wantPlain(t, after, fresh, "kept")
	wantRefused(t, before, purpose, fresh, seal.ErrNoKey)

	// What the old secret sealed can be found by how it begins.
	const begin = len("v1.") + 8
	if other := sealed(t, before, "another"); other[:begin] != old[:begin] || fresh[:begin] == old[:begin] {
		t.Errorf("%s and %s should begin alike, %s should not", old, other, fresh)
	}
}

// What is in a database must open with every later release.
func TestTextsOfEarlierReleasesOpen(t *testing.T) {
	t.Parallel()
	wantPlain(t, sealer(t, newer, older), "v1.jZhvPhGPesOsU0CvShaJ9oRW_gA3arSQfmSMepdQIW8M8ZCtfepWV_CZtFareiTT", "kept for years")
}

// Case: AUTH-15
func TestAnyChangedCharacterIsRefused(t *testing.T) {
	t.Parallel()
	s := sealer(t, newer)
	// Three lengths, for the three ways in which base64 ends.
	for _, plain := range []string{"", "1", "12"} {
		text := sealed(t, s, plain)
		for i := range text {
			for _, replacement := range []byte("Az09-_.=\n\x00\xff") {
				if changed := text[:i] + string(replacement) + text[i+1:]; changed != text {
					wantUnreadable(t, s, changed)
				}
			}
			wantUnreadable(t, s, text[:i])
			wantUnreadable(t, s, text[:i]+text[i+1:])
			wantUnreadable(t, s, text[:i]+"\n"+text[i:])
		}
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "v1."))
		if err != nil {
			t.Fatal(err)
		}
		for bit := range len(raw) * 8 {
			raw[bit/8] ^= 1 << (bit % 8)
			wantUnreadable(t, s, "v1."+base64.RawURLEncoding.EncodeToString(raw))
			raw[bit/8] ^= 1 << (bit % 8)
		}
		for _, changed := range []string{text + "A", text + "=", text + "\n", " " + text, "v2." + text[3:], text[3:], text + text} {
			wantUnreadable(t, s, changed)
		}
		wantPlain(t, s, text, plain)
	}
}

// wantUnreadable fails if a changed text opens. Whether its key is missing or the
// rest is wrong depends on where it was changed.
func wantUnreadable(t *testing.T, s *seal.Sealer, changed string) {
	t.Helper()
	if plain, err := s.Open(purpose, changed); plain != nil || !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("Open(%q) = %q, %v, want ErrTampered or ErrNoKey", changed, plain, err)
	}
}

// Case: AUTH-15
func TestOtherPurposeIsRefused(t *testing.T) {
	t.Parallel()
	s := sealer(t, newer)
	text := sealed(t, s, "only here")
	for _, other := range []string{"", "otp secret of usr_2", "mail", purpose + " ", strings.ToUpper(purpose)} {
		wantRefused(t, s, other, text, seal.ErrTampered)
	}
}

func TestTheSameTextIsNeverSealedAlike(t *testing.T) {
	t.Parallel()
	s, seen := sealer(t, newer), map[string]bool{}
	var both sync.WaitGroup
	var mu sync.Mutex
	for range 2 {
		both.Go(func() {
			for range 500 {
				text, err := s.Seal(purpose, []byte("the same"))
				mu.Lock()
				if err != nil || seen[text] {
					t.Errorf("%q, %v: sealed alike before, or not at all", text, err)
				}
				seen[text] = true
				mu.Unlock()
			}
		})
	}
	both.Wait()
}

func TestSealingNeedsSecrets(t *testing.T) {
	t.Parallel()
	for name, secrets := range map[string][]string{"none": nil, "one that is empty": {""}, "an empty one behind": {newer, ""}} {
		if s, err := seal.New(secrets); err == nil || s != nil || strings.Contains(err.Error(), newer) {
			t.Errorf("%s: %v, %v, want an error that tells no secret", name, s, err)
		}
	}
}

// Case: AUTH-15
func FuzzOpen(f *testing.F) {
	s := sealer(f, newer, older)
	f.Add(purpose, sealed(f, s, "text"))
	f.Add(purpose, "")
	f.Add(purpose, "v1.")
	f.Add(purpose, "v1.AAAAAAAA")
	f.Add("", "v1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, purpose, text string) {
		// Only the first seed opens: nobody seals without the secret.
		plain, err := s.Open(purpose, text)
		if err == nil && string(plain) != "text" || err != nil && plain != nil {
			t.Fatalf("Open(%q, %q) = %q, %v", purpose, text, plain, err)
		}
	})
}
