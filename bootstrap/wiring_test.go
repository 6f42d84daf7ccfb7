package bootstrap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"go.uber.org/goleak"

	"authserve/adapters/outbound/guard"
	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap"
	"authserve/core/admin"
	"authserve/core/domain"
)

const masterKey = "mH3x0m0c1q0Z8s1o9y3i7vQ2nTfLr5wKbD6uXa4EpGk="

// shippedConfigs are the configurations that the documents tell people to use.
func shippedConfigs() map[string]map[string]string {
	return map[string]map[string]string{
		"development": {},
		"development with SMTP and bcrypt": {
			"AUTHSERVE_SMTP_URL": "smtp://127.0.0.1:2525?tls=none", "AUTHSERVE_SMTP_FROM": "auth@example.com",
			"AUTHSERVE_PASSWORD_ALGORITHM": "bcrypt", "AUTHSERVE_TOKEN_ALGORITHM": "EdDSA",
		},
		"with a Redis that is not there": {"AUTHSERVE_REDIS_URL": "redis://127.0.0.1:1"},
		"production": {
			"AUTHSERVE_ENV": "production", "AUTHSERVE_MASTER_KEY": masterKey, "AUTHSERVE_ISSUER": "https://auth.example.com",
			"AUTHSERVE_TRUSTED_PROXIES": "10.0.0.0/8",
		},
	}
}

func TestEveryShippedConfigurationStartsAndStopsWithoutATrace(t *testing.T) { //nolint:paralleltest // counts goroutines
	for name, variables := range shippedConfigs() { //nolint:paralleltest // as above
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			app, err := bootstrap.New(bootstrap.WithConfig(load(t, variables)), bootstrap.WithLogWriter(io.Discard))
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, url := range []string{"http://" + app.HTTPAddr() + "/healthz", "http://" + app.OpsAddr() + "/readyz"} {
				if got, _, _ := ask(t, http.MethodGet, url, ""); got != http.StatusOK {
					t.Errorf("%s = %d; want 200", url, got)
				}
			}
			if err := app.Stop(context.Background()); err != nil {
				t.Errorf("stop: %v", err)
			}
			ignore := []goleak.Option{before}
			for _, f := range guard.Goroutines() { // two a circuit, for ever: see the package
				ignore = append(ignore, goleak.IgnoreAnyFunction(f))
			}
			goleak.VerifyNone(t, ignore...)
		})
	}
}

func TestTheGraphOfConstructorsIsWhole(t *testing.T) {
	t.Parallel()
	if err := bootstrap.ValidateWiring(); err != nil {
		t.Error(err)
	}
}

func TestAssembledRoutesEqualTheContract(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromFile("../docs/api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	routes, err := bootstrap.Routes(load(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	var documented, registered []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	for _, r := range routes {
		registered = append(registered, r.Method+" "+r.Path)
	}
	slices.Sort(documented)
	slices.Sort(registered)
	if !slices.Equal(documented, registered) {
		t.Errorf("documented:\n  %s\nregistered:\n  %s", strings.Join(documented, "\n  "), strings.Join(registered, "\n  "))
	}
}

func TestTakenPortFailsBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // a listener of the test
	cfg := load(t, nil)
	cfg.Ops.Addr = taken.Addr().String()
	if _, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(io.Discard)); err == nil || !strings.Contains(err.Error(), cfg.Ops.Addr) {
		t.Errorf("error = %v; want the taken address named", err)
	}
}

func TestFailedStartSaysWhyAndCleansUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(t *testing.T, cfg *bootstrap.Config)
		want  string
	}{
		"another master key than the one that sealed": {func(t *testing.T, cfg *bootstrap.Config) {
			t.Helper()
			run(t, *cfg)
			if err := os.Remove(filepath.Join(cfg.DataDir, "master.key")); err != nil {
				t.Fatal(err)
			}
		}, "master key"},
		"schema behind and not to be migrated": {func(_ *testing.T, cfg *bootstrap.Config) {
			cfg.Database.Migrate = bootstrap.MigrateCheck
		}, "migrate up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := load(t, nil)
			c.spoil(t, &cfg)
			app, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(io.Discard))
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Start(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("start: %v; want a word about %q", err, c.want)
			}
			for _, address := range []string{app.HTTPAddr(), app.OpsAddr()} {
				var lc net.ListenConfig
				again, err := lc.Listen(t.Context(), "tcp", address)
				if err != nil {
					t.Errorf("a service that failed to start keeps its port: %v", err)
					continue
				}
				_ = again.Close()
			}
		})
	}
}

// run starts and stops a service once.
func run(t *testing.T, cfg bootstrap.Config) {
	t.Helper()
	app, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(app.Start(t.Context()), app.Stop(context.Background())); err != nil {
		t.Fatal(err)
	}
}

func TestToldToStopWhileStartingIsNoError(t *testing.T) {
	t.Parallel()
	app, err := bootstrap.New(bootstrap.WithConfig(load(t, nil)), bootstrap.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := app.Run(ctx); err != nil {
		t.Errorf("run = %v; want nil", err)
	}
}

func TestStopWithoutStartGivesEverythingBack(t *testing.T) {
	t.Parallel()
	cfg := load(t, nil)
	for range 2 { // the second finds the directory free again
		app, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Stop(t.Context()); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

func TestTwoServicesDoNotShareADataDirectory(t *testing.T) {
	t.Parallel()
	cfg := load(t, nil)
	first, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(io.Discard)); err == nil || !strings.Contains(err.Error(), "another authserve") {
		t.Errorf("second service: %v; want refused", err)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestProductionRefusesTheGeneratedKeyOfDevelopment(t *testing.T) {
	t.Parallel()
	development := load(t, nil)
	run(t, development)
	cfg, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{
		"AUTHSERVE_ENV=production", "AUTHSERVE_ISSUER=https://auth.example.com", "AUTHSERVE_DATA_DIR=" + t.TempDir(),
		"AUTHSERVE_MASTER_KEY_FILE=" + filepath.Join(development.DataDir, "master.key"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bootstrap.New(bootstrap.WithConfig(cfg)); err == nil || !strings.Contains(err.Error(), "generated for development") {
		t.Errorf("production with a development key: %v; want refused", err)
	}
}

func TestEmbedderCreatesTheFirstAdministrator(t *testing.T) {
	t.Parallel()
	app, err := bootstrap.New(bootstrap.WithConfig(load(t, nil)), bootstrap.WithLogWriter(io.Discard), bootstrap.WithStore(memstore.New()))
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := app.CreateAccount(t.Context(), admin.NewAccount{Email: "root@example.com", Password: domain.NewSecret("correct horse battery staple"), Roles: []string{"admin"}})
	if err != nil || len(a.Roles) != 2 {
		t.Errorf("account %+v, %v; want an administrator", a, err)
	}
	if err := app.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestAListenerThatDiesEndsTheService(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	app, err := bootstrap.New(bootstrap.WithConfig(load(t, nil)), bootstrap.WithLogWriter(&log))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Run(context.WithoutCancel(t.Context())) }()
	died := errors.New("accept: too many open files")
	app.LoseListener(died)
	if err := <-ended; !errors.Is(err, died) {
		t.Errorf("run = %v; want what the listener died of", err)
	}
	if !strings.Contains(log.String(), "a listener died") { // nobody writes any more
		t.Errorf("the log does not tell:\n%s", log.String())
	}
}
