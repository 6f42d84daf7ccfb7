package bootstrap_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"authserve/adapters/inbound/cli"
	"authserve/adapters/outbound/passhash/sizing"
	"authserve/adapters/outbound/passhash/worker"
	"authserve/bootstrap"
	"authserve/core/domain"
	"authserve/ports"
)

// examined runs the doctor over a configuration and returns its checks by name.
func examined(ctx context.Context, t *testing.T, content string) (checks map[string]cli.Check, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	checks = map[string]cli.Check{}
	for _, c := range bootstrap.Doctor(ctx, writeConfig(t, "data_dir: "+dir+"\n"+content)) {
		checks[c.Name] = c
	}
	return checks, dir
}

func wantFact(t *testing.T, c cli.Check, part string) {
	t.Helper()
	if !slices.ContainsFunc(c.Facts, func(fact string) bool { return strings.Contains(fact, part) }) {
		t.Errorf("%s: facts %q; want one with %q", c.Name, c.Facts, part)
	}
}

func TestDoctorTimesWhatTheServiceWouldRun(t *testing.T) {
	t.Parallel()
	for isolation, c := range map[string]struct{ summary, why string }{
		"none":    {"2 at a time inside the service, $argon2id$v=19$m=1024,t=1,p=1", "Isolation is configured as none."},
		"process": {"2 at a time in processes at nice 7, $argon2id$v=19$m=1024,t=1,p=1", "2 of 2 worker processes are ready."},
	} {
		if isolation == "process" && runtime.GOOS != "linux" {
			continue
		}
		checks, dir := examined(t.Context(), t, fmt.Sprintf("password: {isolation: %s, nice: 7, workers: 2, argon2_memory_kib: 1024, argon2_time: 1, pepper: true}\n", isolation))
		if got := checks["configuration"]; got.Status != cli.CheckOK || got.Summary != "valid" || len(got.Facts) != 0 {
			t.Errorf("%s: configuration %+v; want it valid", isolation, got)
		}
		if got := checks["database"]; got.Status != cli.CheckWarn || got.Summary != "the database "+filepath.Join(dir, "authserve.db")+" is not there yet" {
			t.Errorf("%s: database %+v; want that there is none", isolation, got)
		}
		got := checks["password hashing"]
		if got.Status == cli.CheckFail || got.Summary != c.summary {
			t.Errorf("%s: %s %q, %q; want %q", isolation, got.Status, got.Summary, got.Facts, c.summary)
		}
		wantFact(t, got, c.why)
		wantFact(t, got, "2 configured.")
		wantFact(t, got, "logins a second")
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the data directory: %v; want the doctor to make none", isolation, err)
		}
	}
}

func TestDoctorNamesEveryFault(t *testing.T) {
	t.Parallel()
	checks, _ := examined(t.Context(), t, "password: {workers: 1000, queue: 0}\n")
	got := checks["configuration"]
	if len(checks) != 1 || got.Status != cli.CheckFail || got.Advice == "" || len(got.Facts) != 2 {
		t.Fatalf("%+v; want one failed check with two facts", checks)
	}
	wantFact(t, got, "password.workers: must be from 0 to 256")
	wantFact(t, got, "password.queue: must be from 1 to 10000")
	unreadable := bootstrap.Doctor(t.Context(), filepath.Join(t.TempDir(), "none.yaml"))
	if len(unreadable) != 1 || unreadable[0].Status != cli.CheckFail || len(unreadable[0].Facts) != 1 {
		t.Errorf("%+v; want a failed check that says why", unreadable)
	}
}

func TestDoctorShowsWarnings(t *testing.T) {
	t.Parallel()
	checks, _ := examined(t.Context(), t, "password: {isolation: none, queue: 2000, argon2_memory_kib: 1024, argon2_time: 1}\n")
	got := checks["configuration"]
	if got.Status != cli.CheckWarn {
		t.Errorf("status %s, %q; want a warning", got.Status, got.Facts)
	}
	wantFact(t, got, "guard.hash.max_concurrent")
}

func TestDoctorEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	checks, _ := examined(ctx, t, "password: {isolation: none}\n")
	if got := checks["password hashing"]; got.Status != cli.CheckFail {
		t.Errorf("%+v; want no verdict of OK", got)
	}
}

func TestDoctorsAdvice(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, c := range map[string]struct {
		isolation  worker.Isolation
		configured bootstrap.Isolation
		memory     int64
		took       time.Duration
		advice     string // a part; empty: all is well
	}{
		"all is well":           {worker.Process, bootstrap.IsolationAuto, 0, 50 * time.Millisecond, ""},
		"enough memory":         {worker.Process, bootstrap.IsolationAuto, 213 * mib, 50 * time.Millisecond, ""},
		"little memory":         {worker.Process, bootstrap.IsolationAuto, 212 * mib, 50 * time.Millisecond, "more than half of the control group's 212 MiB"},
		"no children":           {worker.None, bootstrap.IsolationAuto, 0, 50 * time.Millisecond, "password.isolation to none"},
		"no children as wished": {worker.None, bootstrap.IsolationNone, 0, 50 * time.Millisecond, ""},
		"as slow as it may be":  {worker.Process, bootstrap.IsolationAuto, 0, time.Second, ""},
		"slow":                  {worker.Process, bootstrap.IsolationAuto, 0, time.Second + 1, "longer than a second"},
		"as cheap as it may be": {worker.Process, bootstrap.IsolationAuto, 0, 10 * time.Millisecond, ""},
		"cheap":                 {worker.Process, bootstrap.IsolationAuto, 0, 10*time.Millisecond - 1, "cheap for an attacker"},
	} {
		cfg := bootstrap.Config{Password: bootstrap.PasswordConfig{
			Algorithm: "argon2id", Argon2MemoryKiB: 19 << 10, Argon2Time: 2, Argon2Parallelism: 1, Isolation: c.configured, Nice: 19, Queue: 256,
		}}
		got := bootstrap.Describe(cfg, sizing.Plan{Workers: 2, InProcess: 2, Memory: c.memory}, c.isolation, 2, c.took)
		if (got.Status == cli.CheckOK) != (c.advice == "") || !strings.Contains(got.Advice, c.advice) || c.advice == "" && got.Advice != "" {
			t.Errorf("%s: %s %q; want %q", name, got.Status, got.Advice, c.advice)
		}
		wantFact(t, got, "106 MiB")
		if name == "all is well" {
			wantFact(t, got, "One hash took 50 ms with all workers busy: about 40 logins a second.")
			wantFact(t, got, "At most 256 more wait")
		}
	}
	bcrypt := bootstrap.Config{Password: bootstrap.PasswordConfig{Algorithm: "bcrypt", BcryptCost: 12, Argon2MemoryKiB: 1 << 20}}
	if got := bootstrap.Describe(bcrypt, sizing.Plan{}, worker.Process, 2, 50*time.Millisecond); !strings.HasSuffix(got.Summary, ", $2b$12") {
		t.Errorf("summary %q", got.Summary)
	} else {
		wantFact(t, got, "at most 30 MiB")
	}
}

// sleeper takes 30 ms for a hash, in a bubble.
type sleeper struct {
	ports.Hasher
	slots chan struct{}
	calls atomic.Int64
	err   error
}

func (s *sleeper) Hash(ctx context.Context, _ domain.Password) (domain.PasswordHash, error) {
	if domain.ActorFrom(ctx).Kind != domain.ActorOperator {
		return domain.PasswordHash{}, errors.New("not as the operator")
	}
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	<-time.After(30 * time.Millisecond)
	if s.calls.Add(1) > 5 {
		return domain.PasswordHash{}, s.err
	}
	return domain.PasswordHash{}, nil
}

func TestHashesAreTimedWithAllWorkersBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sleeper{slots: make(chan struct{}, 3)}
		if took, err := bootstrap.TimeHashes(t.Context(), s, 3); took != 30*time.Millisecond || err != nil || s.calls.Load() != 15 {
			t.Errorf("%v, %v after %d hashes; want 30 ms after 15", took, err, s.calls.Load())
		}
		s = &sleeper{slots: make(chan struct{}, 3), err: ports.ErrUnavailable}
		if _, err := bootstrap.TimeHashes(t.Context(), s, 3); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("a worker that fails: %v", err)
		}
	})
}
