package gid

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestIDsNameWhatTheyWereMadeOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key"))
		id := New("ord", key)
		if got := id.Of("ord"); got != key {
			t.Fatalf("%s names %s, want %s", id, got, key)
		}
		if got := id.Of("usr"); got != uuid.Nil {
			t.Fatalf("%s names a user: %s", id, got)
		}
	})
}

func TestIDsSortByTheTimeOfTheirCreation(t *testing.T) {
	last := New("ord", uuid.Must(uuid.NewV7()))
	for range 1000 {
		next := New("ord", uuid.Must(uuid.NewV7()))
		if strings.Compare(string(last), string(next)) >= 0 {
			t.Fatalf("%s does not come before %s", last, next)
		}
		last = next
	}
}

// Requirement: AC-01
func FuzzSplit(f *testing.F) {
	f.Add(string(New("ord", uuid.Must(uuid.NewV7()))))
	f.Add("ord_")
	f.Add("_00000000000000000000000000")
	f.Add("ord_ZZZZZZZZZZZZZZZZZZZZZZZZZZ")
	f.Fuzz(func(t *testing.T, text string) {
		kind, key, ok := ID(text).Split()
		if ok && New(kind, key) != ID(text) {
			t.Fatalf("%q is a second spelling of %s", text, New(kind, key))
		}
	})
}
