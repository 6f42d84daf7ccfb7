package bootstrap_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"authserve/adapters/outbound/guard"
	"authserve/adapters/outbound/memstore"
	"authserve/adapters/outbound/passhash"
	"authserve/bootstrap"
	"authserve/core/domain"
	"authserve/ports/fake"
)

// TestMain lets the service of a test start this program as its hash worker.
func TestMain(m *testing.M) {
	bootstrap.HashWorkers()
	os.Exit(m.Run())
}

func TestHashWorkersEndWithTheirService(t *testing.T) { //nolint:paralleltest // counts goroutines
	if runtime.GOOS != "linux" {
		t.Skip("worker processes are for Linux")
	}
	for name, c := range map[string]struct { //nolint:paralleltest // as above
		option bootstrap.Option
		inside bool
	}{
		"in children":               {bootstrap.HashWorkers(), false},
		"by a program that is none": {bootstrap.WithContext(context.Background()), true},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			cfg := load(t, map[string]string{"AUTHSERVE_PASSWORD_WORKERS": "1"})
			app, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(io.Discard), c.option)
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			post(t, "http://"+app.HTTPAddr()+"/api/v1/auth/register", registration)
			if got := !regexp.MustCompile(`(?m)^authserve_password_in_process_total\S* 0$`).MatchString(metrics(t, app)); got != c.inside {
				t.Errorf("hashed inside the service: %v; want %v", got, c.inside)
			}
			if err := app.Stop(context.Background()); err != nil {
				t.Errorf("stop: %v", err)
			}
			ignore := []goleak.Option{before}
			for _, f := range guard.Goroutines() {
				ignore = append(ignore, goleak.IgnoreAnyFunction(f))
			}
			goleak.VerifyNone(t, ignore...)
		})
	}
}

// What logins and time leave to do is done in the background: a weak hash is replaced,
// and the mix of stored hashes is learnt.
func TestHashesAreLookedAfterInTheBackground(t *testing.T) {
	t.Parallel()
	hasher := fake.NewHasher()
	cfg := load(t, nil)
	app, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(io.Discard), bootstrap.WithStore(memstore.New()), bootstrap.WithHasher(hasher))
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Stop(context.Background()) })
	post(t, "http://"+app.HTTPAddr()+"/api/v1/auth/register", registration)
	hasher.SetCost(2)
	post(t, "http://"+app.HTTPAddr()+"/api/v1/auth/login", credentials)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for hasher.Rehashes() == 0 || !strings.Contains(metrics(t, app), `task="hash_mix"`) {
		select {
		case <-look.C:
		case <-t.Context().Done():
			t.Fatal("it never came about")
		}
	}
}

func metrics(t *testing.T, app *bootstrap.App) string {
	t.Helper()
	_, _, text := ask(t, http.MethodGet, "http://"+app.OpsAddr()+"/metrics", "")
	return text
}

func TestEngineIsConfiguredAsWritten(t *testing.T) {
	t.Parallel()
	got := bootstrap.EngineConfig(bootstrap.PasswordConfig{
		Algorithm: "bcrypt", BcryptCost: 13, Argon2MemoryKiB: 7168, Argon2Time: 5, Argon2Parallelism: 3, Pepper: true, Queue: 99,
	}, 7)
	want := passhash.Config{
		Algorithm: "bcrypt", BcryptCost: 13, Argon2Memory: 7168, Argon2Time: 5, Argon2Parallelism: 3, Pepper: true, Queue: 99, Workers: 7,
	}
	if got != want {
		t.Errorf("got %+v; want %+v", got, want)
	}
}

func TestHashPlan(t *testing.T) {
	t.Parallel()
	// What the machine gives is sizing's to say; here it is who gets what of it.
	outside := bootstrap.HashPlan(bootstrap.Config{Password: bootstrap.PasswordConfig{Isolation: bootstrap.IsolationAuto}}, true)
	for _, c := range []struct {
		isolation       bootstrap.Isolation
		children        bool
		configured      int
		workers, inside int
	}{
		{bootstrap.IsolationAuto, true, 0, outside.Workers, outside.InProcess},
		{bootstrap.IsolationProcess, true, 0, outside.Workers, outside.InProcess},
		{bootstrap.IsolationNone, true, 0, outside.InProcess, outside.InProcess},
		{bootstrap.IsolationAuto, false, 0, outside.InProcess, outside.InProcess},
		{bootstrap.IsolationAuto, true, 200, 200, outside.InProcess},
		{bootstrap.IsolationNone, true, 200, 200, 200},
		{bootstrap.IsolationAuto, false, 200, 200, 200},
	} {
		cfg := bootstrap.Config{Password: bootstrap.PasswordConfig{Isolation: c.isolation, Workers: c.configured}}
		if got := bootstrap.HashPlan(cfg, c.children); got.Workers != c.workers || got.InProcess != c.inside {
			t.Errorf("%s, children %v, %d configured: %d and %d inside; want %d and %d",
				c.isolation, c.children, c.configured, got.Workers, got.InProcess, c.workers, c.inside)
		}
	}
}

func TestProcessesNeedAProgramThatCanBeOne(t *testing.T) {
	t.Parallel()
	cfg := load(t, map[string]string{"AUTHSERVE_PASSWORD_ISOLATION": "process"})
	_, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(io.Discard))
	if err == nil || !strings.Contains(err.Error(), "password.isolation: is process, and this program does not call bootstrap.HashWorkers") {
		t.Errorf("%v; want a fault that names the call", err)
	}
}

func TestPasswordPolicyFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		algorithm string
		pepper    bool
		maxBytes  int
	}{
		{"argon2id", false, 0}, {"argon2id", true, 0}, {"bcrypt", false, domain.MaxBcryptBytes}, {"bcrypt", true, 0},
	} {
		cfg := bootstrap.Config{Password: bootstrap.PasswordConfig{
			Algorithm: c.algorithm, Pepper: c.pepper, MinLength: 12, ContextWords: []string{"navy"},
		}}
		want := domain.PasswordPolicy{MinLength: 12, MaxBytes: c.maxBytes, Context: []string{"navy"}}
		if got := bootstrap.PasswordPolicy(cfg); !reflect.DeepEqual(got, want) {
			t.Errorf("%s, pepper %v: %+v; want %+v", c.algorithm, c.pepper, got, want)
		}
	}
}

func TestCircuitOfTheHasherHoldsItsQueue(t *testing.T) {
	t.Parallel()
	const most, workers, queue = "AUTHSERVE_GUARD_HASH_MAX_CONCURRENT=", "AUTHSERVE_PASSWORD_WORKERS=", "AUTHSERVE_PASSWORD_QUEUE="
	for _, c := range []struct {
		set  string
		want string
	}{
		{most + "107\n" + workers + "8\n" + queue + "100", "guard.hash.max_concurrent: (107) must be at least password.queue and password.workers together (108)"},
		{most + "108\n" + workers + "8\n" + queue + "100", ""},
		{queue + "10000", fmt.Sprintf("guard.hash.max_concurrent: (1024) must be at least password.queue and password.workers together (%d)", 10_000+runtime.NumCPU())},
	} {
		_, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: override(goodProduction(), c.set)})
		if c.want == "" {
			wantFaults(t, err)
		} else {
			wantFaults(t, err, c.want)
		}
		_, warnings, err := bootstrap.Load(bootstrap.LoadInput{Environ: strings.Split(c.set, "\n")})
		if err != nil {
			t.Errorf("in development: %v", err)
		}
		if got := strings.Contains(strings.Join(warnings, "\n"), "guard.hash.max_concurrent ("); got != (c.want != "") {
			t.Errorf("%q: warnings %q", c.set, warnings)
		}
	}
}
