package fake_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"authserve/core/domain"
	"authserve/ports/fake"
)

func TestHasherTellsPasswordsApart(t *testing.T) {
	t.Parallel()
	hasher := fake.NewHasher()
	right, wrong := password(t, "right"), password(t, "wrong")
	hash, err := hasher.Hash(t.Context(), right)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := hasher.Hash(t.Context(), right); again == hash {
		t.Error("two hashes of one password are the same, want a fresh salt")
	}
	check := func(what string, p domain.Password, against domain.PasswordHash, wantMatch, wantRehash bool) {
		t.Helper()
		match, rehash, err := hasher.Verify(t.Context(), p, against)
		if match != wantMatch || rehash != wantRehash || err != nil {
			t.Errorf("%s: got %t, %t, %v; want %t, %t, no error", what, match, rehash, err, wantMatch, wantRehash)
		}
	}
	check("the right password", right, hash, true, false)
	check("a wrong password", wrong, hash, false, false)
	check("the dummy", right, hasher.Dummy(""), false, false)
	check("the dummy of the hash's settings", right, hasher.Dummy(domain.SettingsOf(hash)), false, false)
	hasher.SetCost(2)
	check("the right password at a former cost", right, hash, true, true)
	for _, unreadable := range []string{"", "$argon2id$v=19$x$y$z", "$fake$x$1$y"} {
		if _, _, err := hasher.Verify(t.Context(), right, domain.NewSecret(unreadable)); domain.CodeOf(err) != domain.CodeInternal || err == nil {
			t.Errorf("Verify of %q: got error %v, want an internal one", unreadable, err)
		}
	}
	if got := hasher.Hashes(); got != 2 {
		t.Errorf("Hashes: got %d, want 2", got)
	}
	if got := hasher.Verifies(); got != 8 {
		t.Errorf("Verifies: got %d, want 8", got)
	}
}

func TestHasherDummiesCostWhatTheyStandFor(t *testing.T) {
	t.Parallel()
	hasher := fake.NewHasher()
	hash, err := hasher.Hash(t.Context(), password(t, "right"))
	if err != nil {
		t.Fatal(err)
	}
	imported, err := hasher.Import(fake.ForeignHash("right"))
	if err != nil {
		t.Fatal(err)
	}
	hasher.SetCost(7)
	for _, c := range []struct{ settings, want string }{
		{domain.SettingsOf(hash), "$fake$1"},
		{domain.SettingsOf(imported), "$import$fake$1"},
		{"", "$fake$7"},
		{"$argon2id$v=19$m=19456,t=2,p=1", "$fake$7"},
	} {
		if got := domain.SettingsOf(hasher.Dummy(c.settings)); got != c.want {
			t.Errorf("Dummy(%q): got settings %q, want %q", c.settings, got, c.want)
		}
	}
}

func TestHasherImportsWhatVerifiesByTheRawForm(t *testing.T) {
	t.Parallel()
	hasher := fake.NewHasher()
	const raw = "a\u030angstro\u0308m" // of another normal form
	imported, err := hasher.Import(fake.ForeignHash(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		presented string
		want      bool
	}{{raw, true}, {domain.PresentedPassword(raw).Reveal(), false}, {"", false}} {
		match, rehash, err := hasher.Verify(t.Context(), domain.PresentedPassword(c.presented), imported)
		if match != c.want || !rehash || err != nil {
			t.Errorf("Verify of %q: got %t, %t, %v; want %t, a re-hash, no error", c.presented, match, rehash, err, c.want)
		}
	}
	if _, err := hasher.Import(domain.NewSecret("right")); domain.KindOf(err) != domain.KindInvalid {
		t.Errorf("Import of an unknown encoding: got %v, want an invalid one", err)
	}
	// No password has an empty normal form, so none matches its hash.
	empty := domain.NewSecret(strings.TrimPrefix(hash(t, hasher, fake.ForeignHash("")), "$import"))
	if match, _, err := hasher.Verify(t.Context(), domain.PresentedPassword("\x00"), empty); match || err != nil {
		t.Errorf("Verify of a password without a normal form: got %t, %v; want no match", match, err)
	}
}

func hash(t *testing.T, hasher *fake.Hasher, foreign domain.Secret) string {
	t.Helper()
	imported, err := hasher.Import(foreign)
	if err != nil {
		t.Fatal(err)
	}
	return imported.Reveal()
}

func TestHasherCountsRehashes(t *testing.T) {
	t.Parallel()
	hasher := fake.NewHasher()
	hasher.SetCost(2)
	rehashed, err := hasher.Rehash(t.Context(), password(t, "right"))
	if err != nil {
		t.Fatal(err)
	}
	if match, rehash, err := hasher.Verify(t.Context(), password(t, "right"), rehashed); !match || rehash || err != nil {
		t.Errorf("Verify: got %t, %t, %v; want a match at the present cost", match, rehash, err)
	}
	if got, all := hasher.Rehashes(), hasher.Hashes(); got != 1 || all != 1 {
		t.Errorf("got %d re-hashes of %d hashes, want 1 of 1", got, all)
	}
	hasher.Fail(errTest)
	if _, err := hasher.Rehash(t.Context(), password(t, "right")); !errors.Is(err, errTest) {
		t.Errorf("Rehash while failing: got %v, want %v", err, errTest)
	}
}

func TestHasherFailsAndBlocks(t *testing.T) {
	t.Parallel()
	hasher := fake.NewHasher()
	hasher.Fail(errTest)
	if _, err := hasher.Hash(t.Context(), password(t, "any password")); !errors.Is(err, errTest) {
		t.Errorf("Hash while failing: got %v, want %v", err, errTest)
	}
	hasher.Fail(nil)
	release := hasher.Block()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := hasher.Hash(ctx, password(t, "any password")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Hash while blocked: got %v, want %v", err, context.DeadlineExceeded)
	}
	result := make(chan error)
	go func() {
		_, err := hasher.Hash(t.Context(), password(t, "any password"))
		result <- err
	}()
	release()
	release()
	if err := <-result; err != nil {
		t.Errorf("Hash after the release: got %v, want no error", err)
	}
}
