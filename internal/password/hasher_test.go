package password

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// cheap makes suites fast; the cost is not what they test.
var cheap = Params{MemoryKiB: 64, Time: 1, Threads: 1}

// Requirement: ID-10
func TestHashIsVerifiedAndInTheAgreedFormat(t *testing.T) {
	t.Parallel()
	h := NewHasher(1, 0)
	stored, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=47104,t=1,p=1$") {
		t.Fatalf("stored hash is %q", stored)
	}
	hash, err := parseHash(stored)
	if err != nil {
		t.Fatal(err)
	}
	if len(hash.salt) != 16 || len(hash.key) != 32 {
		t.Fatalf("salt of %d bytes and key of %d, want 16 and 32", len(hash.salt), len(hash.key))
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterY": false, "correct horse battery ": false, "": false} {
		if got, err := h.Verify(t.Context(), password, stored); err != nil || got != want {
			t.Errorf("Verify(%q) = %v, %v, want %v", password, got, err, want)
		}
	}
	if again, _ := h.Hash(t.Context(), "correct horse battery"); again == stored {
		t.Error("two hashes of one password are equal: the salt is not random")
	}
}

// Case: AUTH-13
func TestHowAKeyboardComposesAccentsDoesNotMatter(t *testing.T) {
	t.Parallel()
	h := NewHasherWith(cheap, 1, 0)
	composed, decomposed := "gr\u00fcn-Stra\u00dfe", "gru\u0308n-Stra\u00dfe"
	stored, err := h.Hash(t.Context(), composed)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := h.Verify(t.Context(), decomposed, stored); err != nil || !same {
		t.Errorf("Verify of the decomposed form = %v, %v, want true", same, err)
	}
}

// Case: AUTH-07
func TestTooLongIsRefusedBeforeHashing(t *testing.T) {
	t.Parallel()
	h, runs := counting(NewHasherWith(cheap, 1, 0))
	stored, err := h.Hash(t.Context(), strings.Repeat("x", MaxBytes))
	if err != nil {
		t.Fatal(err)
	}
	tooMuch := strings.Repeat("x", MaxBytes+1)
	if _, err := h.Hash(t.Context(), tooMuch); !errors.Is(err, ErrTooLong) {
		t.Errorf("Hash: %v, want ErrTooLong", err)
	}
	if _, err := h.Verify(t.Context(), tooMuch, stored); !errors.Is(err, ErrTooLong) {
		t.Errorf("Verify: %v, want ErrTooLong", err)
	}
	if err := h.VerifyUnknown(t.Context(), tooMuch); !errors.Is(err, ErrTooLong) {
		t.Errorf("VerifyUnknown: %v, want ErrTooLong", err)
	}
	if *runs != 1 {
		t.Errorf("argon2 ran %d times, want once, for the password of %d bytes", *runs, MaxBytes)
	}
}

// Requirement: ID-01
// Case: AUTH-01
func TestUnknownUserCostsTheSameWork(t *testing.T) {
	t.Parallel()
	h := NewHasherWith(cheap, 1, 0)
	stored, err := h.Hash(t.Context(), "whatever it is")
	if err != nil {
		t.Fatal(err)
	}
	type work struct {
		password          string
		saltLength        int
		time, memory, key uint32
		threads           uint8
	}
	var done []work
	h.derive = func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte {
		done = append(done, work{string(password), len(salt), time, memory, keyLen, threads})
		return make([]byte, keyLen)
	}
	if _, err := h.Verify(t.Context(), "guess", stored); err != nil {
		t.Fatal(err)
	}
	if err := h.VerifyUnknown(t.Context(), "guess"); err != nil {
		t.Fatal(err)
	}
	if len(done) != 2 || done[0] != done[1] {
		t.Errorf("work for a known and an unknown user differs: %+v", done)
	}
}

// Requirement: ID-10
// Case: AUTH-13
func TestMatchesAnyFindsAFormerPassword(t *testing.T) {
	t.Parallel()
	h := NewHasherWith(cheap, 1, 0)
	var history []string
	for _, former := range []string{"first-2024", "second-2025", "third-2026"} {
		stored, err := h.Hash(t.Context(), former)
		if err != nil {
			t.Fatal(err)
		}
		history = append(history, stored)
	}
	for password, want := range map[string]bool{"first-2024": true, "third-2026": true, "fourth-2026": false} {
		if got, err := h.MatchesAny(t.Context(), password, history...); err != nil || got != want {
			t.Errorf("MatchesAny(%q) = %v, %v, want %v", password, got, err, want)
		}
	}
	if _, err := h.MatchesAny(t.Context(), "x", "broken"); !errors.Is(err, ErrMalformedHash) {
		t.Errorf("a broken hash in the history gives %v, want ErrMalformedHash", err)
	}
}

// Case: AUTH-19
func TestNeedsRehash(t *testing.T) {
	t.Parallel()
	old, today := NewHasherWith(Params{MemoryKiB: 32, Time: 2, Threads: 1}, 1, 0), NewHasherWith(cheap, 1, 0)
	stored, err := old.Hash(t.Context(), "long ago")
	if err != nil {
		t.Fatal(err)
	}
	if same, err := today.Verify(t.Context(), "long ago", stored); err != nil || !same {
		t.Fatalf("a hash with old parameters is verified: %v, %v, want true", same, err)
	}
	if !today.NeedsRehash(stored) {
		t.Error("a hash with old parameters needs no rehash")
	}
	if old.NeedsRehash(stored) {
		t.Error("a hash with today's parameters needs a rehash")
	}
	if !today.NeedsRehash("no hash at all") {
		t.Error("an unreadable hash needs no rehash")
	}
}

// Case: AUTH-07
func TestNoMoreThanTheSetNumberHashAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const parallel, queue, callers = 3, 4, 20
		h, running, finish := blocking(NewHasherWith(cheap, parallel, queue))
		results := make(chan error, callers)
		for range callers {
			go func() { results <- h.VerifyUnknown(context.Background(), "x") }()
		}
		synctest.Wait()
		if got := running.now(); got != parallel {
			t.Errorf("%d hashes run, want %d", got, parallel)
		}
		if got, want := len(results), callers-parallel-queue; got != want {
			t.Fatalf("%d callers were answered while all workers hash, want %d", got, want)
		}
		for range callers - parallel - queue {
			if err := <-results; !errors.Is(err, ErrBusy) {
				t.Errorf("with a full queue: %v, want ErrBusy", err)
			}
		}
		close(finish)
		for range parallel + queue {
			if err := <-results; err != nil {
				t.Errorf("a caller with a place: %v", err)
			}
		}
		if most := running.most; most != parallel {
			t.Errorf("at most %d hashes ran at once, want %d", most, parallel)
		}
		if err := h.VerifyUnknown(context.Background(), "x"); err != nil {
			t.Errorf("after the rush: %v", err)
		}
	})
}

// Case: AUTH-07
func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _, finish := blocking(NewHasherWith(cheap, 1, 1))
		first := make(chan error, 1)
		go func() { first <- h.VerifyUnknown(context.Background(), "x") }()
		synctest.Wait()

		ctx, cancel := context.WithCancel(context.Background())
		second := make(chan error, 1)
		go func() { second <- h.VerifyUnknown(ctx, "x") }()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while waiting: %v, want context.Canceled", err)
		}
		if err := h.VerifyUnknown(ctx, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before: %v, want context.Canceled", err)
		}

		third := make(chan error, 1)
		go func() { third <- h.VerifyUnknown(context.Background(), "x") }()
		synctest.Wait()
		close(finish)
		if err := <-first; err != nil {
			t.Error(err)
		}
		if err := <-third; err != nil {
			t.Errorf("the place of the one who left is not free again: %v", err)
		}
	})
}

// counting makes the hasher count its runs of argon2.
func counting(h *Hasher) (*Hasher, *int) {
	runs, derive := new(int), h.derive
	h.derive = func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte {
		*runs++
		return derive(password, salt, time, memory, threads, keyLen)
	}
	return h, runs
}

// gauge is how many hashes run, and how many ever ran at once.
type gauge struct {
	mu            sync.Mutex
	current, most int
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.current += n
	g.most = max(g.most, g.current)
}

func (g *gauge) now() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.current
}

// blocking makes every hash wait until finish is closed.
func blocking(h *Hasher) (_ *Hasher, running *gauge, finish chan struct{}) {
	running, finish = &gauge{}, make(chan struct{})
	h.derive = func(_, _ []byte, _, _ uint32, _ uint8, keyLen uint32) []byte {
		running.add(1)
		defer running.add(-1)
		<-finish
		return make([]byte, keyLen)
	}
	return h, running, finish
}
