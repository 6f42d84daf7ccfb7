package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"authserve/adapters/inbound/cli"
	"authserve/core/account"
	"authserve/core/admin"
	"authserve/core/domain"
	"authserve/ports"
)

// calls records what the commands asked for.
type calls struct {
	config   cli.Config
	account  admin.NewAccount
	err      error // for every action to return
	health   string
	dropData bool
	warning  string // what the warning of CheckConfig ends in
}

func (r *calls) actions() cli.Actions {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	migrations := func(list ...ports.Migration) func(context.Context, cli.Config) ([]ports.Migration, error) {
		return func(_ context.Context, c cli.Config) ([]ports.Migration, error) {
			r.config = c
			return list, r.err
		}
	}
	first, second := ports.Migration{Version: 1, Name: "init", AppliedAt: at}, ports.Migration{Version: 2, Name: "more"}
	return cli.Actions{
		Settings: []cli.Setting{
			{Flag: "http-addr", Usage: "Address of the listener.", Default: "127.0.0.1:8080"},
			{Flag: "ops-pprof", Usage: "Profiler.", Default: "false", Bool: true},
			{Flag: "trusted-proxies", Usage: "Proxies.", List: true},
		},
		Version: cli.Version{Version: "1.2.3", Commit: "abc", Go: "go1.26"},
		Serve: func(_ context.Context, c cli.Config) error {
			r.config = c
			return r.err
		},
		MigrateUp: migrations(second), MigrateStatus: migrations(first, second),
		MigrateDown: func(_ context.Context, c cli.Config, dropData bool) ([]ports.Migration, error) {
			r.config, r.dropData = c, dropData
			return nil, r.err
		},
		MigratePlan: func(_ context.Context, c cli.Config) ([]ports.PlannedMigration, error) {
			r.config = c
			return []ports.PlannedMigration{
				{Version: 2, Name: "more", SQL: "-- more\nCREATE TABLE more (id int);\n"}, {Version: 3, Name: "less", SQL: "DROP TABLE less;\n"},
			}, r.err
		},
		CreateUser: func(_ context.Context, c cli.Config, n admin.NewAccount) (domain.Account, error) {
			r.config, r.account = c, n
			if r.err != nil {
				return domain.Account{}, r.err
			}
			return domain.Account{
				ID: "01234567-89ab-7def-8123-456789abcdef", Email: domain.Email{Address: n.Email},
				Roles: []domain.Role{domain.RoleUser, domain.RoleAdmin}, CreatedAt: at,
			}, nil
		},
		ImportUsers: func(_ context.Context, c cli.Config, _ iter.Seq2[account.ImportRow, error], _ account.ImportOptions) (account.ImportReport, error) {
			r.config = c
			return account.ImportReport{}, r.err
		},
		CheckConfig: func(_ context.Context, c cli.Config) (cli.ConfigReport, error) {
			r.config = c
			return cli.ConfigReport{YAML: []byte("env: development\n"), Warnings: []string{"mind the gap" + r.warning}}, r.err
		},
		HealthURL: func(_ context.Context, c cli.Config) (string, error) {
			r.config = c
			return r.health, r.err
		},
	}
}

type result struct {
	code     int
	out, err string
}

func run(t *testing.T, r *calls, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Run(t.Context(), r.actions(), cli.Streams{In: strings.NewReader(stdin), Out: &stdout, Err: &stderr}, args)
	return result{code, stdout.String(), stderr.String()}
}

func TestExitCodesAndStreams(t *testing.T) {
	t.Parallel()
	cases := []struct {
		args     string
		code     int
		out, err string // parts that must be there; empty: the stream is
	}{
		{"serve", 0, "", ""},
		{"migrate up", 0, "2  more  applied\n", ""},
		{"migrate down", 0, "There is nothing to revert.\n", ""},
		{"migrate down --help", 0, "is refused, with the\nnumber of rows of each, unless --drop-data is given", ""},
		{"migrate status", 0, "1  init  applied 2026-03-01T12:00:00Z\n2  more  pending\n", ""},
		{"migrate plan", 0, "-- 2  more\n-- more\nCREATE TABLE more (id int);\n\n-- 3  less\nDROP TABLE less;\n", ""},
		{"migrate plan --json", 0, `"sql": "DROP TABLE less;\n"`, ""},
		{"migrate doctor --help", 0, "whether a migration runs now or was interrupted", ""},
		{"config print", 0, "env: development\n", "warning: mind the gap\n"},
		{"config check", 0, "The configuration is valid.\n", "warning: mind the gap\n"},
		{"version", 0, "authserve 1.2.3, commit abc, go1.26\n", ""},
		{"--version", 0, "1.2.3", ""},
		{"--help", 0, "serve", ""},
		{"help", 0, "Available Commands", ""},
		{"help user create", 0, "--password-stdin", ""},
		{"help user import", 0, "--dry-run", ""},
		{"config --help", 0, "--http-addr value", ""},

		{"", 2, "", "authserve needs a command"},
		{"srve", 2, "", `unknown command "srve" for authserve, did you mean serve?`},
		{"migrate", 2, "", "authserve migrate needs a command\nRun 'authserve migrate --help' for usage.\n"},
		{"migrate sideways", 2, "", `unknown command "sideways" for authserve migrate`},
		{"help nonsense", 2, "", "nonsense"},
		{"serve now", 2, "", "now"},
		{"serve --nonsense", 2, "", "unknown flag: --nonsense\nRun 'authserve serve --help' for usage.\n"},
		{"serve --http-addr", 2, "", "flag needs an argument"},
		{"healthcheck --timeout soon", 2, "", "soon"},
		{"user create --role admin", 2, "", "--email and --role must be given"},
		{"user create --email a@b.c", 2, "", "--email and --role must be given"},
		{"user create --email a@b.c --role king", 2, "", "--role must be one of user, auditor, admin"},
		{"user create --email a@b.c --role admin", 2, "", "--password-stdin"},
	}
	for _, c := range cases {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			got := run(t, &calls{}, "", strings.Fields(c.args)...)
			if got.code != c.code {
				t.Errorf("exit code = %d, want %d; stderr: %s", got.code, c.code, got.err)
			}
			wantPart(t, "stdout", got.out, c.out)
			wantPart(t, "stderr", got.err, c.err)
		})
	}
}

func wantPart(t *testing.T, stream, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%s = %q, want %q in it", stream, got, want)
	}
}

func TestFailuresAreReportedInOneForm(t *testing.T) {
	t.Parallel()
	fields := domain.Invalid(
		domain.FieldError{Field: "email", Code: domain.CodeInvalidFormat, Message: "This is not an e-mail address."},
		domain.FieldError{Field: "password", Code: domain.CodeTooShort, Message: "The password has fewer than 15 characters."},
	)
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"plain", errors.New("no such luck"), "authserve: no such luck\n"},
		{"fields", fmt.Errorf("create: %w", fields), "authserve: One or more fields break a rule.\n  email: This is not an e-mail address.\n  password: The password has fewer than 15 characters.\n"},
		{"cause", ports.ErrUnavailable.Wrap(errors.New("disk is gone")), "\n  cause: disk is gone\n"},
		{"interrupted", fmt.Errorf("wait: %w", context.Canceled), "authserve: interrupted\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, args := range []string{
				"serve", "migrate up", "migrate down", "migrate status", "migrate plan", "config check", "config print", "healthcheck",
				"user create --email a@b.c --role user --password-stdin", "user import --format jsonl -",
			} {
				got := run(t, &calls{err: c.err}, "secret", strings.Fields(args)...)
				if got.code != cli.ExitFailure || !strings.Contains(got.err, c.want) {
					t.Errorf("%s: exit code %d, stderr %q; want 1 and %q", args, got.code, got.err, c.want)
				}
			}
		})
	}
}

func TestSettingsReachEveryAction(t *testing.T) {
	t.Parallel()
	want := cli.Config{File: "my.yaml", Flags: map[string]string{
		"http-addr": ":1", "ops-pprof": "true", "trusted-proxies": "10.0.0.0/8,::1/128,192.0.2.0/24",
	}}
	flags := strings.Fields("--config my.yaml --http-addr :0 --http-addr :1 --ops-pprof --trusted-proxies 10.0.0.0/8,::1/128 --trusted-proxies 192.0.2.0/24")
	for _, args := range []string{
		"serve", "migrate up", "migrate down", "migrate status", "migrate plan", "config check", "config print", "healthcheck",
		"user create --email a@b.c --role user --password-stdin", "user import --format jsonl -",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			r := &calls{}
			run(t, r, "secret", append(strings.Fields(args), flags...)...)
			if !reflect.DeepEqual(r.config, want) {
				t.Errorf("config = %+v, want %+v", r.config, want)
			}
		})
	}
}

func TestOnlyGivenSettingsAreHandedOn(t *testing.T) {
	t.Parallel()
	r := &calls{}
	run(t, r, "", "serve")
	if r.config.File != "" || len(r.config.Flags) != 0 {
		t.Errorf("config = %+v, want nothing: defaults are not for the command line to give", r.config)
	}
}

func TestSettingsStayOutOfTheHelpOfCommands(t *testing.T) {
	t.Parallel()
	if got := run(t, &calls{}, "", "serve", "--help"); strings.Contains(got.out, "--http-addr") || !strings.Contains(got.out, "--config") {
		t.Errorf("help of serve = %q, want --config and no other setting", got.out)
	}
}

func TestUserCreate(t *testing.T) {
	t.Parallel()
	r := &calls{}
	got := run(t, r, "correct horse battery\r\n",
		"user", "create", "--email", "Ada@example.com", "--username", "ada", "--display-name", "Ada L.", "--role", "admin", "--password-stdin", "--json")
	if got.code != cli.ExitOK {
		t.Fatalf("exit code = %d, stderr %q", got.code, got.err)
	}
	username := "ada"
	want := admin.NewAccount{
		Email: "Ada@example.com", Username: &username, DisplayName: "Ada L.", Roles: []string{"admin"},
		Password: domain.NewSecret("correct horse battery"),
	}
	if !reflect.DeepEqual(r.account, want) {
		t.Errorf("account = %+v, want %+v", r.account, want)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(got.out), &out); err != nil {
		t.Fatalf("stdout is not JSON: %v", err)
	}
	wantJSON := map[string]any{
		"id": "01234567-89ab-7def-8123-456789abcdef", "email": "Ada@example.com", "username": nil, "display_name": nil,
		"roles": []any{"user", "admin"}, "created_at": "2026-03-01T12:00:00Z",
	}
	if !reflect.DeepEqual(out, wantJSON) {
		t.Errorf("JSON = %v, want %v", out, wantJSON)
	}
}

func TestPasswordFromStandardInput(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, stdin, want string
		code              int
	}{
		{"no line break", "p w", "p w", 0},
		{"one line break goes", "p\n\n", "p\n", 0},
		{"a carriage return goes with it", "p\r\n", "p", 0},
		{"spaces stay", " p ", " p ", 0},
		{"empty is for the policy to refuse", "", "", 0},
		{"the longest", strings.Repeat("x", 4096), strings.Repeat("x", 4096), 0},
		{"no password is this long", strings.Repeat("x", 4097), "", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &calls{}
			got := run(t, r, c.stdin, "user", "create", "--email", "a@b.c", "--role", "user", "--password-stdin")
			if got.code != c.code || r.account.Password.Reveal() != c.want {
				t.Errorf("code %d, password %q; want %d, %q", got.code, r.account.Password.Reveal(), c.code, c.want)
			}
		})
	}
}

func TestJSONForScripts(t *testing.T) {
	t.Parallel()
	got := run(t, &calls{}, "", "migrate", "status", "--json")
	want := `[{"version":1,"name":"init","applied_at":"2026-03-01T12:00:00Z"},{"version":2,"name":"more","applied_at":null}]`
	if compact(t, got.out) != want {
		t.Errorf("stdout = %s, want %s", got.out, want)
	}
	if got := run(t, &calls{}, "", "migrate", "down", "--json"); compact(t, got.out) != "[]" {
		t.Errorf("stdout = %s, want []", got.out)
	}
	if got := run(t, &calls{}, "", "version", "--json"); compact(t, got.out) != `{"version":"1.2.3","commit":"abc","built":"","go":"go1.26"}` {
		t.Errorf("version as JSON = %s", got.out)
	}
}

func compact(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(s)); err != nil {
		t.Fatalf("not JSON: %v: %s", err, s)
	}
	return b.String()
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{200: 0, 204: 1, 302: 1, 503: 1} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
			}))
			defer server.Close()
			if got := run(t, &calls{health: server.URL + "/healthz"}, "", "healthcheck"); got.code != want {
				t.Errorf("exit code = %d, want %d; stderr %q", got.code, want, got.err)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		if got := run(t, &calls{health: server.URL}, "", "healthcheck"); got.code != 1 || got.err == "" {
			t.Errorf("exit code = %d, stderr %q; want 1 and a reason", got.code, got.err)
		}
	})
}

func TestConfigPrintShowsWhatItKnowsBesideFaults(t *testing.T) {
	t.Parallel()
	got := run(t, &calls{err: errors.New("two faults")}, "", "config", "print")
	if got.code != 1 || got.out != "env: development\n" || !strings.Contains(got.err, "two faults") {
		t.Errorf("got %+v, want the tree on stdout, the faults on stderr, and 1", got)
	}
}

// TestMigrateDownAsksBeforeItDeletes: the refusal says what would be lost and what to do.
func TestMigrateDownAsksBeforeItDeletes(t *testing.T) {
	t.Parallel()
	r := &calls{err: errors.Join(ports.ErrHoldsData.Wrap(errors.New("accounts: 3")))}
	if got := run(t, r, "", "migrate", "down"); got.code != 1 || r.dropData || !strings.Contains(got.err, "accounts: 3") || !strings.Contains(got.err, "--drop-data") {
		t.Errorf("exit code %d, dropData %t, %q; want the refusal with the number and the flag", got.code, r.dropData, got.err)
	}
	r = &calls{}
	if got := run(t, r, "", "migrate", "down", "--drop-data"); got.code != 0 || !r.dropData {
		t.Errorf("--drop-data: exit code %d, dropData %t, %q; want it passed on", got.code, r.dropData, got.err)
	}
}
