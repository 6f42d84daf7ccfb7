package session_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/session"
	"authserve/ports"
)

const email = "ada@example.com"

func refresh(t *testing.T, w *world.World, token domain.Secret, key string) (session.RefreshResult, error) {
	t.Helper()
	return w.Sessions.Refresh(t.Context(), token, key)
}

func mustRefresh(t *testing.T, w *world.World, token domain.Secret, want session.RefreshOutcome) domain.TokenPair {
	t.Helper()
	r, err := refresh(t, w, token, "")
	if err != nil || r.Outcome != want {
		t.Fatalf("refresh = %s, %v; want %s", r.Outcome, err, want)
	}
	return r.Pair
}

func wantRefused(t *testing.T, w *world.World, token domain.Secret, want session.RefreshOutcome) {
	t.Helper()
	r, err := refresh(t, w, token, "")
	if domain.CodeOf(err) != domain.CodeInvalidRefreshToken || r.Outcome != want {
		t.Fatalf("refresh = %s, %v; want %s refused with %s", r.Outcome, err, want, domain.CodeInvalidRefreshToken)
	}
}

func TestRefreshRotatesAndRetriesIdempotently(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	first := w.Login(t, email)
	second := mustRefresh(t, w, first.Refresh, session.Rotated)
	if second.Refresh == first.Refresh {
		t.Fatal("rotation answered the same token")
	}
	w.Clock.Advance(world.Grace)
	retry := mustRefresh(t, w, first.Refresh, session.Replayed)
	if retry.Refresh != second.Refresh {
		t.Error("a retry in the grace window must answer the same successor")
	}
	if want := second.RefreshExpiresIn - world.Grace; retry.RefreshExpiresIn != want {
		t.Errorf("a retry extends the session: expires in %v; want %v", retry.RefreshExpiresIn, want)
	}
	if _, err := w.Sessions.Authenticate(t.Context(), retry.Access.Reveal()); err != nil {
		t.Errorf("the retry's access token is refused: %v", err)
	}
	mustRefresh(t, w, second.Refresh, session.Rotated)
}

func TestReuseEndsTheSessionAndTellsTheOwner(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	first := w.Login(t, email)
	second := mustRefresh(t, w, first.Refresh, session.Rotated)
	third := mustRefresh(t, w, second.Refresh, session.Rotated)
	other := w.Login(t, email)

	wantRefused(t, w, first.Refresh, session.ReuseDetected)
	wantRefused(t, w, third.Refresh, session.Ended)
	if _, err := w.Sessions.Authenticate(t.Context(), third.Access.Reveal()); domain.CodeOf(err) != domain.CodeSessionEnded {
		t.Errorf("access token after theft: %v; want %s at once", err, domain.CodeSessionEnded)
	}
	mustRefresh(t, w, other.Refresh, session.Rotated) // another session of the same owner lives on

	events := w.Audit(t, owner.ID)
	last := events[len(events)-1]
	if last.Action != domain.AuditRefreshReused || last.Detail["presented"] != "0" || last.Detail["current"] != "2" {
		t.Errorf("last audit event = %+v; want the reuse with its counters", last)
	}
	mail := notices(t, w)
	if len(mail) != 1 || mail[0].To != email || mail[0].Kind != domain.MessageSessionTheft {
		t.Fatalf("outbox = %+v; want one notice to the owner", mail)
	}
	for _, secret := range []domain.Secret{first.Refresh, third.Refresh, third.Access} {
		for _, fact := range mail[0].Data {
			if strings.Contains(fact, secret.Reveal()) {
				t.Error("the notice holds a token")
			}
		}
	}
}

func TestOwnerIsToldOnceAnHourAtMost(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	steal := func() {
		t.Helper()
		first := w.Login(t, email)
		mustRefresh(t, w, mustRefresh(t, w, first.Refresh, session.Rotated).Refresh, session.Rotated)
		wantRefused(t, w, first.Refresh, session.ReuseDetected)
	}
	for range 5 {
		steal()
	}
	if n := len(notices(t, w)); n != 1 {
		t.Errorf("%d notices for five thefts at once; want 1", n)
	}
	w.Clock.Advance(time.Hour)
	steal()
	if n := len(notices(t, w)); n != 1 {
		t.Errorf("%d new notices an hour later; want 1", n)
	}
}

// notices claims whatever is in the outbox, and returns what tells of thefts.
func notices(t *testing.T, w *world.World) []domain.Message {
	t.Helper()
	var claimed []domain.Message
	err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		claimed, err = tx.Outbox().Claim(ctx, w.Clock.Now(), w.Clock.Now().Add(1000*time.Hour), 100)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(claimed, func(m domain.Message) bool { return m.Kind != domain.MessageSessionTheft })
}

func TestRefreshTokensOutliveARotationOfTheKeyring(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	first := w.Login(t, email)
	second := mustRefresh(t, w, first.Refresh, session.Rotated)

	rotated := w.WithNewMasterKey(t)
	if retry := mustRefresh(t, rotated, first.Refresh, session.Replayed); retry.Refresh != second.Refresh {
		t.Error("a retry across the rotation must answer the same successor, made with the old key")
	}
	third := mustRefresh(t, rotated, second.Refresh, session.Rotated)
	if keyID(third.Refresh) == keyID(second.Refresh) || keyID(third.Refresh) != rotated.Sealer.ActiveKey() {
		t.Errorf("the next token is made with key %s; want the active %s", keyID(third.Refresh), rotated.Sealer.ActiveKey())
	}
	mustRefresh(t, rotated, third.Refresh, session.Rotated)
}

func keyID(token domain.Secret) string { return strings.Split(token.Reveal(), ".")[1] }

func TestSpentTokenAfterTheGraceWindowIsReuse(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	first := w.Login(t, email)
	second := mustRefresh(t, w, first.Refresh, session.Rotated)
	w.Clock.Advance(world.Grace + time.Microsecond)
	wantRefused(t, w, first.Refresh, session.ReuseDetected)
	wantRefused(t, w, second.Refresh, session.Ended)
}

func TestRetriesExtendNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	first := w.Login(t, email)
	mustRefresh(t, w, first.Refresh, session.Rotated)
	w.Clock.Advance(world.Grace - time.Second)
	mustRefresh(t, w, first.Refresh, session.Replayed)
	w.Clock.Advance(2 * time.Second) // past the window of the first use, inside one counted from the retry
	wantRefused(t, w, first.Refresh, session.ReuseDetected)
}

func TestRetryKeyOutlastsTheGraceWindow(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdefghijkl"
	w := world.New(t)
	w.Register(t, email)
	first := w.Login(t, email)
	second, err := refresh(t, w, first.Refresh, key)
	if err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(23 * time.Hour)
	again, err := refresh(t, w, first.Refresh, key)
	if err != nil || again.Outcome != session.Replayed || again.Pair.Refresh != second.Pair.Refresh {
		t.Fatalf("a laptop that slept: %s, %v; want the same successor", again.Outcome, err)
	}
	if _, err := refresh(t, w, first.Refresh, "another-key-of-128-bits"); domain.CodeOf(err) != domain.CodeInvalidRefreshToken {
		t.Errorf("another key: %v; want reuse", err)
	}
	if _, err := refresh(t, w, first.Refresh, "short"); domain.CodeOf(err) != domain.CodeValidation {
		t.Errorf("a guessable key: %v; want %s", err, domain.CodeValidation)
	}
}

func TestSixteenParallelRefreshesGetOneSuccessor(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	first := w.Login(t, email)
	const callers = 16
	results, errs := make([]session.RefreshResult, callers), make([]error, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() { results[i], errs[i] = w.Sessions.Refresh(t.Context(), first.Refresh, "") })
	}
	group.Wait()
	count, successors := map[session.RefreshOutcome]int{}, map[domain.Secret]bool{}
	for i, r := range results {
		count[r.Outcome]++
		if errs[i] == nil {
			successors[r.Pair.Refresh] = true
		}
	}
	if count[session.Rotated] != 1 || count[session.Replayed] != domain.MaxRefreshRetries || count[session.RetryLimit] != callers-1-domain.MaxRefreshRetries {
		t.Errorf("outcomes = %v; want 1 rotated, %d replayed, the rest over the limit", count, domain.MaxRefreshRetries)
	}
	if len(successors) != 1 {
		t.Errorf("%d different successors; want 1", len(successors))
	}
	for token := range successors {
		mustRefresh(t, w, token, session.Rotated) // nobody was signed out
	}
}

func TestForgedTokensReadNothingAndEndNothing(t *testing.T) {
	t.Parallel()
	w, store := forgedStore(t)
	w.Register(t, email)
	first := w.Login(t, email)
	second := mustRefresh(t, w, first.Refresh, session.Rotated)
	parts := strings.Split(first.Refresh.Reveal(), ".")
	with := func(i int, value string) domain.Secret {
		changed := append([]string(nil), parts...)
		changed[i] = value
		return domain.NewSecret(strings.Join(changed, "."))
	}
	mac, err := base64.RawURLEncoding.DecodeString(parts[4])
	if err != nil {
		t.Fatal(err)
	}
	flipped := func(i int) string { // of the proof below 16, of the seal above
		changed := bytes.Clone(mac)
		changed[i] ^= 1
		return base64.RawURLEncoding.EncodeToString(changed)
	}
	touched := errors.New("the store was touched")
	store.FailView(touched)
	store.FailUpdate(touched)
	for name, forged := range map[string]domain.Secret{
		"empty":             domain.NewSecret(""),
		"garbage":           domain.NewSecret("garbage"),
		"huge":              domain.NewSecret(strings.Repeat("a", 1<<16)),
		"another version":   with(0, "as2"),
		"unknown key":       with(1, "nokey"),
		"another session":   with(2, "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6"),
		"upper-case id":     with(2, "0192F0C1-2B3C-7D4E-8F90-A1B2C3D4E5F6"),
		"an older counter":  with(3, "-1"),
		"a newer counter":   with(3, "7"),
		"leading zero":      with(3, "00"),
		"plus sign":         with(3, "+0"),
		"overflow":          with(3, "99999999999999999999999"),
		"changed proof":     with(4, flipped(0)),
		"changed seal":      with(4, flipped(16)),
		"short mac":         with(4, base64.RawURLEncoding.EncodeToString(mac[:16])),
		"no mac":            with(4, ""),
		"line break in mac": with(4, parts[4][:10]+"\n"+parts[4][10:]),
		"padded mac":        with(4, parts[4]+"="),
		"six parts":         domain.NewSecret(first.Refresh.Reveal() + ".x"),
		"an access token":   second.Access,
	} {
		r, err := refresh(t, w, forged, "")
		if domain.CodeOf(err) != domain.CodeInvalidRefreshToken || r.Outcome != session.InvalidToken {
			t.Errorf("%s: %s, %v; want %s", name, r.Outcome, err, domain.CodeInvalidRefreshToken)
		}
	}
	if r, err := refresh(t, w, second.Refresh, ""); !errors.Is(err, touched) {
		t.Fatalf("refresh = %s, %v: one of the forged tokens had touched the store", r.Outcome, err)
	}
	store.FailView(nil)
	mustRefresh(t, w, second.Refresh, session.Rotated) // the session never noticed
}

func TestRestoredBackupDoesNotSignOut(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	pair := w.Login(t, email)
	old := row(t, w, pair.SessionID)
	pair = mustRefresh(t, w, pair.Refresh, session.Rotated)
	pair = mustRefresh(t, w, pair.Refresh, session.Rotated)
	now := row(t, w, pair.SessionID)
	err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return tx.Sessions().Advance(ctx, old, now.Refresh.RefreshPosition)
	})
	if err != nil {
		t.Fatalf("restore the old row: %v", err)
	}
	next := mustRefresh(t, w, pair.Refresh, session.CounterAhead)
	mustRefresh(t, w, next.Refresh, session.Rotated)
	for _, e := range w.Audit(t, owner.ID) {
		if e.Action == domain.AuditRefreshCounterLead {
			return
		}
	}
	t.Error("a counter ahead of its row must be audited")
}

func row(t *testing.T, w *world.World, id domain.ID) domain.Session {
	t.Helper()
	var s domain.Session
	err := w.Store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		s, err = tx.Sessions().ByID(ctx, id)
		return err
	})
	if err != nil {
		t.Fatalf("read session %s: %v", id, err)
	}
	return s
}

func TestSessionLimitsHoldOnTheServer(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	idle := w.Login(t, email)
	w.Clock.Advance(world.Idle)
	wantRefused(t, w, idle.Refresh, session.Expired)

	pair := w.Login(t, email)
	for range 2 {
		w.Clock.Advance(world.Idle - time.Second)
		pair = mustRefresh(t, w, pair.Refresh, session.Rotated)
	}
	if pair.RefreshExpiresIn > world.Absolute-2*(world.Idle-time.Second) {
		t.Errorf("refresh token outlives the absolute limit: %v", pair.RefreshExpiresIn)
	}
	w.Clock.Advance(world.Absolute - 2*(world.Idle-time.Second))
	wantRefused(t, w, pair.Refresh, session.Expired)
}

func FuzzRefreshToken(f *testing.F) {
	w := world.New(f)
	w.Register(f, email)
	pair := w.Login(f, email)
	good := pair.Refresh.Reveal()
	for _, seed := range []string{good, "as1.k.0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6.9007199254740993.AAAA", "", "as1....", "as1.k.0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6.0.AAAA", strings.Repeat(".", 300), good + "\n", strings.ToUpper(good)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if token == good {
			return
		}
		r, err := w.Sessions.Refresh(t.Context(), domain.NewSecret(token), "")
		if domain.CodeOf(err) != domain.CodeInvalidRefreshToken || r.Outcome != session.InvalidToken {
			t.Fatalf("Refresh(%q) = %s, %v; want %s", token, r.Outcome, err, domain.CodeInvalidRefreshToken)
		}
	})
}
