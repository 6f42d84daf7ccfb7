package passhash_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"

	"authserve/adapters/outbound/passhash"
	"authserve/adapters/outbound/passhash/worker"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func TestHashesVerify(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{passhash.Argon2id, passhash.Bcrypt} {
		cfg := cheap()
		cfg.Algorithm = algorithm
		e := engine(t, cfg, passhash.Deps{})
		h := hashOf(t, e, right)
		if h == hashOf(t, e, right) {
			t.Errorf("%s: two hashes of one password are equal", algorithm)
		}
		if got := verify(t, e, right, h); got != (verdict{match: true}) {
			t.Errorf("%s: the right password: %+v", algorithm, got)
		}
		for name, wrong := range map[string]string{"another": "another password", "case": strings.ToUpper(right), "longer": right + " ", "shorter": right[1:], "empty": ""} {
			if got := verify(t, e, wrong, h); got != (verdict{}) {
				t.Errorf("%s: %s: %+v", algorithm, name, got)
			}
		}
	}
}

func TestOwnRecordsTakeTheNormalForm(t *testing.T) {
	t.Parallel()
	e := engine(t, cheap(), passhash.Deps{})
	composed, decomposed := "caf\u00e9 with a long password", "cafe\u0301 with a long password"
	h := hashOf(t, e, composed)
	if got := verify(t, e, decomposed, h); !got.match {
		t.Error("the same characters in another form do not match")
	}
}

func TestWeakerSettingsAskForARehash(t *testing.T) {
	t.Parallel()
	old := hashOf(t, engine(t, cheap(), passhash.Deps{}), right)
	for name, change := range map[string]func(*passhash.Config){
		"memory":    func(c *passhash.Config) { c.Argon2Memory = 128 },
		"time":      func(c *passhash.Config) { c.Argon2Time = 2 },
		"algorithm": func(c *passhash.Config) { c.Algorithm = passhash.Bcrypt },
		"pepper":    func(c *passhash.Config) { c.Pepper = true },
	} {
		cfg := cheap()
		change(&cfg)
		if got := verify(t, engine(t, cfg, passhash.Deps{}), right, old); got != (verdict{match: true, rehash: true}) {
			t.Errorf("%s: %+v; want a match that asks for a re-hash", name, got)
		}
	}
	cfg := cheap()
	cfg.Argon2Memory = 32
	if got := verify(t, engine(t, cfg, passhash.Deps{}), right, old); got != (verdict{match: true}) {
		t.Errorf("stronger than needed: %+v; want no re-hash", got)
	}
}

func TestBcryptReadsNoMoreThanItHashes(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.Algorithm = passhash.Bcrypt
	r := &runner{}
	e := engine(t, cfg, passhash.Deps{Runner: r})
	longest := strings.Repeat("x", domain.MaxBcryptBytes)
	h := hashOf(t, e, longest)
	before := r.count()
	if got := verify(t, e, longest+"y", h); got.match {
		t.Error("a longer password with the same 72 bytes matches")
	}
	if r.count() != before+1 {
		t.Error("a password that is too long was refused without the cost")
	}
	if _, err := e.Hash(t.Context(), domain.PresentedPassword(longest+"y")); domain.CodeOf(err) != domain.CodeValidation {
		t.Errorf("hashing 73 bytes: %v; want refused", err)
	}
}

func TestDummiesCostWhatTheyStandFor(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.Pepper = true
	r := &runner{}
	e := engine(t, cfg, passhash.Deps{Runner: r})
	present := domain.SettingsOf(hashOf(t, e, right))
	for settings, want := range map[string]string{
		"":         present,
		"nonsense": present,
		"$pepper$gone$argon2id$v=19$m=32,t=1,p=1": present, // the key is not in the ring
		"$argon2id$v=19$m=1,t=1,p=1":              present, // out of bounds
		present:                                   present,
		"$argon2id$v=19$m=32,t=1,p=1":             "$argon2id$v=19$m=32,t=1,p=1",
		"$import$2b$04":                           "$import$2b$04",
		"$import$pbkdf2-sha256$i=1000":            "$import$pbkdf2-sha256$i=1000",
		"$import$scrypt$ln=4,r=8,p=1":             "$import$scrypt$ln=4,r=8,p=1",
		"$import$argon2i$v=19$m=8,t=1,p=1":        "$import$argon2i$v=19$m=8,t=1,p=1",
	} {
		dummy := e.Dummy(settings)
		if got := domain.SettingsOf(dummy); got != want {
			t.Errorf("dummy of %q has settings %q; want %q", settings, got, want)
		}
		if dummy == e.Dummy(settings) {
			t.Errorf("dummy of %q is always the same", settings)
		}
		before := r.count()
		if got := verify(t, e, right, dummy); got.match {
			t.Errorf("a password matches the dummy of %q", settings)
		}
		if r.count() != before+1 {
			t.Errorf("verifying the dummy of %q took %d jobs; want 1", settings, r.count()-before)
		}
	}
}

func TestImpossiblePasswordsCostTheSame(t *testing.T) {
	t.Parallel()
	r := &runner{}
	e := engine(t, cheap(), passhash.Deps{Runner: r})
	h := hashOf(t, e, "no record is of this password")
	before := r.count()
	for _, impossible := range []string{"", "\x00", strings.Repeat("y", 5000), "\xff\xfe"} {
		if got := verify(t, e, impossible, h); got.match {
			t.Errorf("%q matches", impossible)
		}
	}
	if got := r.count() - before; got != 4 {
		t.Errorf("%d jobs for 4 impossible passwords", got)
	}
	if _, err := e.Hash(t.Context(), domain.PresentedPassword("\x00")); err == nil {
		t.Error("a password without a normal form was hashed")
	}
}

func TestUnreadableRecordsAreNoMismatch(t *testing.T) {
	t.Parallel()
	r := &runner{}
	e := engine(t, cheap(), passhash.Deps{Runner: r})
	for _, text := range []string{"", "$", "plain", "$import", "$pepper$", "$pepper$k", "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$a2V5", "$2b$31$" + strings.Repeat(".", 53)} {
		_, _, err := e.Verify(t.Context(), domain.PresentedPassword(right), domain.NewSecret(text))
		if err == nil || domain.CodeOf(err) != domain.CodeInternal {
			t.Errorf("%q: %v; want an internal error", text, err)
		}
	}
	if r.count() != 0 {
		t.Errorf("%d jobs for records that cannot be read", r.count())
	}
}

func TestWorkersTroubleIsNoMismatch(t *testing.T) {
	t.Parallel()
	r := &runner{}
	e := engine(t, cheap(), passhash.Deps{Runner: r})
	h := hashOf(t, e, right)
	r.err = ports.ErrUnavailable
	if _, _, err := e.Verify(t.Context(), domain.PresentedPassword(right), h); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("verify: %v", err)
	}
	if _, err := e.Hash(t.Context(), domain.PresentedPassword(right)); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("hash: %v", err)
	}
	e.Close()
	if _, err := e.Hash(t.Context(), domain.PresentedPassword(right)); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("after the end: %v", err)
	}
}

// What a worker fails with says nothing of the password, and nothing to the caller.
func TestUntypedTroubleOfWorkersIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, work := range map[string]passhash.Runner{
		"an error": &runner{err: errors.New("disk on fire")},
		"a panic":  panicking{},
	} {
		e := engine(t, cheap(), passhash.Deps{Runner: work})
		if _, err := e.Hash(t.Context(), domain.PresentedPassword(right)); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("%s: %v; want ErrUnavailable", name, err)
		}
	}
	e := engine(t, cheap(), passhash.Deps{})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := e.Hash(ctx, domain.PresentedPassword(right)); !errors.Is(err, context.Canceled) || errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("a caller that left: %v", err)
	}
}

type panicking struct{}

func (panicking) Run(int, worker.Job) (worker.Result, error) { panic("cosmic ray") }

func (panicking) Close() {}

func TestRehashLetsOthersGoFirst(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.Workers = 1
	r := &runner{gate: make(chan struct{})}
	e := engine(t, cfg, passhash.Deps{Runner: r})
	var group sync.WaitGroup
	begin := func(f func(context.Context, domain.Password) (domain.PasswordHash, error), password string, waiting int) {
		group.Go(func() {
			if _, err := f(t.Context(), domain.PresentedPassword(password)); err != nil {
				t.Errorf("%s: %v", password, err)
			}
		})
		passhash.AwaitDepth(t.Context(), e, waiting)
	}
	begin(e.Hash, "runs", 0)
	begin(e.Rehash, "later", 1)
	begin(e.Hash, "sooner", 2)
	close(r.gate)
	group.Wait()
	var order []string
	for _, job := range r.jobs {
		order = append(order, string(job.Password))
	}
	if got := strings.Join(order, " "); got != "runs sooner later" {
		t.Errorf("order %q", got)
	}
}

func TestSettingsOutOfBoundsAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*passhash.Config){
		"algorithm":  func(c *passhash.Config) { c.Algorithm = "md5" },
		"memory":     func(c *passhash.Config) { c.Argon2Memory = 1 << 30 },
		"time":       func(c *passhash.Config) { c.Argon2Time = 0 },
		"lanes":      func(c *passhash.Config) { c.Argon2Parallelism = 200 },
		"bcrypt":     func(c *passhash.Config) { c.Algorithm, c.BcryptCost = passhash.Bcrypt, 31 },
		"no workers": func(c *passhash.Config) { c.Workers = 0 },
		"no queue":   func(c *passhash.Config) { c.Queue = 0 },
	} {
		cfg := cheap()
		change(&cfg)
		deps := passhash.Deps{Runner: &runner{}, Random: fake.NewRandom(1), Clock: fake.NewClock(fake.Epoch()), Sealer: keyring(t, masterKey(1)), Meters: noop.NewMeterProvider()}
		if _, err := passhash.New(cfg, deps); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
