package fake_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

var errTest = errors.New("as the test wants it")

func TestClockMovesOnlyWhenTold(t *testing.T) {
	t.Parallel()
	clock := fake.NewClock(fake.Epoch().In(time.FixedZone("east", 3600)).Add(999 * time.Nanosecond))
	if got, want := clock.Now(), fake.Epoch(); got != want {
		t.Errorf("Now: got %v, want %v", got, want)
	}
	if got, want := clock.Advance(time.Hour), fake.Epoch().Add(time.Hour); got != want || clock.Now() != want {
		t.Errorf("Advance: got %v and Now %v, want %v", got, clock.Now(), want)
	}
	clock.Set(fake.Epoch())
	if got, want := clock.Now(), fake.Epoch(); got != want {
		t.Errorf("Now after Set: got %v, want %v", got, want)
	}
}

func TestIDsAscendAndRepeat(t *testing.T) {
	t.Parallel()
	var first, second fake.IDs
	previous := domain.ID("")
	for range 300 {
		id := first.New()
		if _, err := domain.ParseID(string(id)); err != nil || id[14] != '7' {
			t.Fatalf("got %q, want a UUIDv7", id)
		}
		if id <= previous || id != second.New() {
			t.Fatalf("got %q after %q, want an ascending sequence that repeats", id, previous)
		}
		previous = id
	}
}

func TestIDsAreUniqueAmongGoroutines(t *testing.T) {
	t.Parallel()
	var ids fake.IDs
	made := make([]domain.ID, 100)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() { made[i] = ids.New() })
	}
	all.Wait()
	slices.Sort(made)
	if got := len(slices.Compact(made)); got != 100 {
		t.Errorf("got %d different IDs, want 100", got)
	}
}

func TestRandomRepeatsBySeed(t *testing.T) {
	t.Parallel()
	whole := fake.NewRandom(1).Bytes(100)
	parts := fake.NewRandom(1)
	if got := slices.Concat(parts.Bytes(7), parts.Bytes(0), parts.Bytes(60), parts.Bytes(33)); !bytes.Equal(got, whole) {
		t.Errorf("in parts: got %x, want %x", got, whole)
	}
	if other := fake.NewRandom(2).Bytes(100); bytes.Equal(other, whole) {
		t.Errorf("two seeds give the same stream %x", other)
	}
}

func TestMailerRecordsAndFails(t *testing.T) {
	t.Parallel()
	var mailer fake.Mailer
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mailer.Send(cancelled, fake.Message(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Send with a cancelled context: got %v, want %v", err, context.Canceled)
	}
	mailer.Fail(errTest)
	if err := mailer.Send(t.Context(), fake.Message(2)); !errors.Is(err, errTest) {
		t.Errorf("Send while failing: got %v, want %v", err, errTest)
	}
	mailer.Fail(nil)
	if err := mailer.Send(t.Context(), fake.Message(3)); err != nil {
		t.Errorf("Send: got %v, want no error", err)
	}
	if got, want := mailer.Sent(), []domain.Message{fake.Message(3)}; !slices.Equal(got, want) {
		t.Errorf("Sent: got %+v, want %+v", got, want)
	}
}

func password(t *testing.T, raw string) domain.Password {
	t.Helper()
	p, err := domain.NewPassword(raw, domain.PasswordPolicy{MinLength: 1})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

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

func TestBreachesKnowWhatTheyWereTold(t *testing.T) {
	t.Parallel()
	breaches := fake.NewBreaches("found before")
	for _, c := range []struct {
		password string
		fail     error
		want     bool
	}{{"found before", nil, true}, {"unknown", nil, false}, {"found before", errTest, false}, {"found before", nil, true}} {
		breaches.Fail(c.fail)
		if got, err := breaches.Contains(t.Context(), password(t, c.password)); got != c.want || !errors.Is(err, c.fail) {
			t.Errorf("Contains(%s) while failing with %v: got %t, %v; want %t", c.password, c.fail, got, err, c.want)
		}
	}
	if got := breaches.Asked(); got != 4 {
		t.Errorf("Asked: got %d, want 4", got)
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

// trial is a store that notes how each of its transactions ended.
type trial struct{ ended []error }

func (s *trial) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	return s.Update(ctx, fn)
}

func (s *trial) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	err := ctx.Err()
	if err == nil {
		err = fn(ctx, ports.Unsupported{})
	}
	s.ended = append(s.ended, err)
	return err
}

func TestTwiceRollsTheFirstRunBack(t *testing.T) {
	t.Parallel()
	for _, want := range []error{nil, errTest} {
		inner, runs := &trial{}, 0
		err := fake.Twice(inner).Update(t.Context(), func(context.Context, ports.Tx) error {
			runs++
			return want
		})
		if runs != 2 || !errors.Is(err, want) {
			t.Errorf("Update: got %d runs and error %v, want 2 runs and %v", runs, err, want)
		}
		if len(inner.ended) != 2 || inner.ended[0] == nil || !errors.Is(inner.ended[1], want) {
			t.Errorf("Update: got transactions that ended with %v, want a rollback and %v", inner.ended, want)
		}
	}
	runs := 0
	if err := fake.Twice(&trial{}).View(t.Context(), func(context.Context, ports.Tx) error { runs++; return nil }); err != nil || runs != 2 {
		t.Errorf("View: got %d runs and error %v, want 2 runs and no error", runs, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := fake.Twice(&trial{}).Update(cancelled, func(context.Context, ports.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Update with a cancelled context: got error %v, want %v", err, context.Canceled)
	}
}

func TestBrokenFailsOnceAsTold(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name                 string
		arm                  func(*fake.BrokenStore)
		view, update         error
		viewRuns, updateRuns int
		ended                []error // of the inner transactions: view, then update
	}{
		{"no fault", func(*fake.BrokenStore) {}, nil, nil, 1, 1, []error{nil, nil}},
		{"view", func(b *fake.BrokenStore) { b.FailView(errTest) }, errTest, nil, 0, 1, []error{nil}},
		{"update", func(b *fake.BrokenStore) { b.FailUpdate(errTest) }, nil, errTest, 1, 0, []error{nil}},
		{"commit", func(b *fake.BrokenStore) { b.FailCommit(errTest) }, nil, errTest, 1, 1, []error{nil, errTest}},
		{"lost answer", func(b *fake.BrokenStore) { b.LoseAnswer() }, nil, ports.ErrUnavailable, 1, 1, []error{nil, nil}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			inner := &trial{}
			broken := fake.Broken(inner)
			row.arm(broken)
			viewRuns, updateRuns := 0, 0
			view := func(context.Context, ports.Tx) error { viewRuns++; return nil }
			update := func(context.Context, ports.Tx) error { updateRuns++; return nil }
			if err := broken.View(t.Context(), view); !errors.Is(err, row.view) || viewRuns != row.viewRuns {
				t.Errorf("View: got %d runs and error %v, want %d and %v", viewRuns, err, row.viewRuns, row.view)
			}
			if err := broken.Update(t.Context(), update); !errors.Is(err, row.update) || updateRuns != row.updateRuns {
				t.Errorf("Update: got %d runs and error %v, want %d and %v", updateRuns, err, row.updateRuns, row.update)
			}
			if !slices.EqualFunc(inner.ended, row.ended, errors.Is) {
				t.Errorf("got transactions that ended with %v, want %v", inner.ended, row.ended)
			}
			if err := errors.Join(broken.View(t.Context(), view), broken.Update(t.Context(), update)); err != nil {
				t.Errorf("after the fault: got %v, want no error", err)
			}
		})
	}
}

func TestBrokenKeepsCommitFaultsForACommit(t *testing.T) {
	t.Parallel()
	for name, arm := range map[string]func(*fake.BrokenStore){
		"commit":      func(b *fake.BrokenStore) { b.FailCommit(ports.ErrUnavailable) },
		"lost answer": func(b *fake.BrokenStore) { b.LoseAnswer() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := fake.Broken(&trial{})
			arm(broken)
			if err := broken.Update(t.Context(), func(context.Context, ports.Tx) error { return errTest }); !errors.Is(err, errTest) {
				t.Errorf("an Update that gives up: got %v, want %v", err, errTest)
			}
			if err := broken.Update(t.Context(), func(context.Context, ports.Tx) error { return nil }); !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("the Update that commits: got %v, want %v", err, ports.ErrUnavailable)
			}
		})
	}
}

func TestFixturesAreLegalAndApart(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := range 50 {
		account := fake.Account(n)
		email, err := domain.ParseEmail(account.Email.Address)
		if err != nil || email != account.Email {
			t.Errorf("account %d: got e-mail address %+v (error %v), want %+v", n, email, err, account.Email)
		}
		username, err := domain.ParseUsername(account.Username.Name)
		if err != nil || username != account.Username {
			t.Errorf("account %d: got username %+v (error %v), want %+v", n, username, err, account.Username)
		}
		record := fake.IdempotencyRecord(n)
		for _, id := range []domain.ID{
			account.ID, fake.Session(n, account).ID, fake.SigningKey(n).ID, fake.Message(n).ID, fake.AuditEvent(n).ID, record.Resource,
		} {
			if _, err := domain.ParseID(string(id)); err != nil {
				t.Errorf("number %d: %q is no ID: %v", n, id, err)
			}
			if seen[string(id)] {
				t.Errorf("number %d: the ID %s is used twice", n, id)
			}
			seen[string(id)] = true
		}
		if seen[string(record.Key)] {
			t.Errorf("number %d: the key %x is used twice", n, record.Key)
		}
		seen[string(record.Key)] = true
	}
	if got := fake.Account(1, func(a *domain.Account) { a.DisplayName = "Ada" }).DisplayName; got != "Ada" {
		t.Errorf("with an option: got display name %q, want Ada", got)
	}
}
