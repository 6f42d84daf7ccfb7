package bootstrap_test

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"authserve/bootstrap"
)

func goodProduction() []string {
	return []string{
		"AUTHSERVE_ENV=production", "AUTHSERVE_ISSUER=https://auth.example.com", "AUTHSERVE_MASTER_KEY=" + testMasterKey,
		"AUTHSERVE_SMTP_URL=smtps://u:p@mx.example.com", "AUTHSERVE_SMTP_FROM=no-reply@example.com",
	}
}

func TestProductionAcceptsDefaultsWithKeyAndIssuer(t *testing.T) {
	t.Parallel()
	cfg, warnings, err := bootstrap.Load(bootstrap.LoadInput{Environ: goodProduction()})
	if err != nil || len(warnings) != 0 {
		t.Fatalf("error %v, warnings %q; want none", err, warnings)
	}
	if cfg.Log.Format != "json" || cfg.DeveloperMailbox() {
		t.Errorf("log.format = %s, developer mailbox %v; want json and none", cfg.Log.Format, cfg.DeveloperMailbox())
	}
}

func TestProductionRefusals(t *testing.T) {
	t.Parallel()
	open := writeConfig(t, testMasterKey)
	if err := os.Chmod(open, 0o640); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		set  string // above a good configuration
		want string // path and message
	}{
		{"ISSUER=", "issuer: must be set in production"},
		{"ISSUER=http://auth.example.com", "issuer: must be https in production"},
		{"MASTER_KEY=", "master_key: must be given in production"},
		{"MASTER_KEY=\nAUTHSERVE_MASTER_KEY_FILE=" + open, "master_key: has a file that others may use (mode 0640)"},
		{"TOKEN_ACCESS_TTL=2s", "token.access_ttl: must be from 1m to 1h in production, got 2s"},
		{"TOKEN_ACCESS_TTL=2h", "token.access_ttl: must be from 1m to 1h in production"},
		{"TOKEN_LEEWAY=10m", "token.leeway: must be from 0 to 2m in production"},
		{"TOKEN_KEY_ROTATION=1m", "token.key_rotation: must be from 1h to 8784h, or 0 for off"},
		{"TOKEN_REFRESH_GRACE=2m\nAUTHSERVE_TOKEN_ACCESS_TTL=2m", "token.refresh_grace: (2m) must be shorter than token.access_ttl (2m)"},
		{"TOKEN_ACCESS_TTL=10m\nAUTHSERVE_SESSION_IDLE_TTL=10m", "token.access_ttl: (10m) must be shorter than session.idle_ttl (10m)"},
		{"SESSION_IDLE_TTL=721h", "session.idle_ttl: (721h) must be at most session.absolute_ttl (720h)"},
		{"HTTP_WRITE_TIMEOUT=10s", "http.write_timeout: (10s) must be longer than http.request_timeout (10s)"},
		{"HTTP_READ_TIMEOUT=4s", "http.read_header_timeout: (5s) must be at most http.read_timeout (4s)"},
		{"TOKEN_KEY_ROTATION=1h\nAUTHSERVE_TOKEN_ACCESS_TTL=1h", "token.key_rotation: (1h) must be 0 or longer than token.access_ttl (1h)"},
		{"OPS_ADDR=127.0.0.1:8080", "ops.addr: must differ from http.addr"},
		{"SMTP_FROM=", "smtp.from: is needed with smtp.url"},
		{"LINKS_BASE_URL=http://login.example.com", "links.base_url: must be https in production"},
		{"LINKS_BASE_URL=https://login.example.com/auth/", "links.base_url: must be an absolute http or https URL without user, query and fragment"},
		{"LINKS_BASE_URL=https://login.example.com/auth#x", "links.base_url: must be an absolute http or https URL"},
		{"MAIL_PRODUCT_NAME= Example", "mail.product_name: the name of the service is one line"},
		{"HTTP_CORS_ORIGINS=http://app.example.com", "http.cors_origins: must be https in production"},
		{"TRUSTED_PROXIES=0.0.0.0/0", "trusted_proxies: must not trust everyone"},
		{"PASSWORD_ARGON2_MEMORY_KIB=19455", "password.argon2_memory_kib: with password.argon2_time"},

		{"LINKS_BASE_URL=https://login.example.com/auth", ""},
		{"LINKS_BASE_URL=http://127.0.0.1:8080", ""},
		{"ISSUER=http://127.0.0.1:8080", ""},
		{"ISSUER=http://localhost:8080", ""},
		{"ISSUER=http://[::1]:8080", ""},
		{"HTTP_CORS_ORIGINS=http://localhost:3000", ""},
		{"TOKEN_KEY_ROTATION=0", ""},
		{"TOKEN_REFRESH_GRACE=0", ""},
		{"HTTP_ADDR=127.0.0.1:0\nAUTHSERVE_OPS_ADDR=127.0.0.1:0", ""},
		{"PASSWORD_ARGON2_MEMORY_KIB=12288\nAUTHSERVE_PASSWORD_ARGON2_TIME=3", ""},
		{"PASSWORD_ARGON2_MEMORY_KIB=1024\nAUTHSERVE_PASSWORD_ALGORITHM=bcrypt", ""},
	}
	for _, c := range cases {
		t.Run(c.set, func(t *testing.T) {
			t.Parallel()
			_, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: override(goodProduction(), c.set)})
			if c.want == "" {
				wantFaults(t, err)
			} else {
				wantFaults(t, err, c.want)
			}
		})
	}
}

// override puts variables in the place of those with the same name.
func override(environ []string, set string) []string {
	for line := range strings.SplitSeq(set, "\n") {
		variable := "AUTHSERVE_" + strings.TrimPrefix(line, "AUTHSERVE_")
		name, _, _ := strings.Cut(variable, "=")
		kept := []string{variable}
		for _, pair := range environ {
			if !strings.HasPrefix(pair, name+"=") {
				kept = append(kept, pair)
			}
		}
		environ = kept
	}
	return environ
}

func TestProductionRefusesAllAtOnce(t *testing.T) {
	t.Parallel()
	_, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{
		"AUTHSERVE_ENV=production", "AUTHSERVE_TOKEN_ACCESS_TTL=1s", "AUTHSERVE_SESSION_IDLE_TTL=800h",
		"AUTHSERVE_SMTP_URL=smtp://mx", "AUTHSERVE_TRUSTED_PROXIES=::/0",
	}})
	wantFaults(t, err,
		"token.access_ttl: must be from 1m to 1h",
		"session.idle_ttl: (800h) must be at most session.absolute_ttl (720h)",
		"smtp.from: is needed",
		"master_key: must be given in production",
		"issuer: must be set in production (default)",
		"trusted_proxies: must not trust everyone",
	)
}

func TestDevelopmentOnlyWarns(t *testing.T) {
	t.Parallel()
	cfg, warnings, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{
		"AUTHSERVE_TOKEN_ACCESS_TTL=1s", "AUTHSERVE_ISSUER=http://auth.example.com", "AUTHSERVE_HTTP_ADDR=0.0.0.0:8080",
	}})
	if err != nil || cfg.DeveloperMailbox() {
		t.Fatalf("error %v, developer mailbox %v; want neither", err, cfg.DeveloperMailbox())
	}
	if len(warnings) != 2 || !strings.HasPrefix(warnings[0], "token.refresh_grace (30s) must be shorter") || !strings.HasPrefix(warnings[1], "smtp.url is empty, so mail is abandoned") {
		t.Errorf("warnings %q, want one of the grace window and one of the mail", warnings)
	}
}

func TestDeveloperMailboxNeedsLoopback(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{"127.0.0.1:0": true, "localhost:1": true, "[::1]:1": true, ":1": false, "192.0.2.1:1": false, "[::]:1": false} {
		for _, name := range []string{"HTTP_ADDR", "OPS_ADDR"} {
			cfg, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{"AUTHSERVE_" + name + "=" + addr}})
			if err != nil || cfg.DeveloperMailbox() != want {
				t.Errorf("%s=%s: developer mailbox %v, %v; want %v", name, addr, cfg.DeveloperMailbox(), err, want)
			}
		}
	}
}

func TestPermissionsOfSecretFiles(t *testing.T) {
	t.Parallel()
	cases := []struct {
		mode             fs.FileMode
		private, mounted bool
	}{
		{0o600, true, true},
		{0o400, true, true},
		{0o640, false, true},
		{0o644, false, true},
		{0o444, false, true},
		{0o660, false, false},
		{0o602, false, false},
		{0o610, false, false},
		{0o777, false, false},
	}
	for _, c := range cases {
		if got := bootstrap.PrivateMode(c.mode, false); got != c.private {
			t.Errorf("mode %04o: %v, want %v", c.mode, got, c.private)
		}
		if got := bootstrap.PrivateMode(c.mode, true); got != c.mounted {
			t.Errorf("mode %04o, mounted: %v, want %v", c.mode, got, c.mounted)
		}
	}
}

func TestFaultsCanBeAddedTo(t *testing.T) {
	t.Parallel()
	cfg, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{"AUTHSERVE_MASTER_KEY=x", "AUTHSERVE_OPS_PPROF=1"}})
	wantFaults(t, err, "ops.pprof")
	faults := append(cfg.Faults(), cfg.Fault("master_key", "is weak"))
	wantFaults(t, faults.Err(), "ops.pprof", "master_key: is weak (environment AUTHSERVE_MASTER_KEY)")
	wantFaults(t, cfg.Faults().Err(), "ops.pprof")
	if err := (bootstrap.Faults{}).Err(); err != nil {
		t.Errorf("no faults: %v, want nil", err)
	}
}

func TestAddressesOfOneself(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		":8080": "http://127.0.0.1:8080/healthz", "0.0.0.0:1": "http://127.0.0.1:1/healthz", "[::]:1": "http://[::1]:1/healthz",
		"192.0.2.1:1": "http://192.0.2.1:1/healthz", "127.0.0.1:0": "",
	} {
		got, err := bootstrap.Config{HTTP: bootstrap.HTTPConfig{Addr: addr}}.HealthURL()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", addr, got, err, want)
		}
	}
	got, err := bootstrap.Config{DataDir: "/srv/my data"}.DatabaseURL()
	if want := "sqlite:///srv/my%20data/authserve.db"; err != nil || got.Reveal() != want {
		t.Errorf("database in the data directory: %q, %v; want %q", got.Reveal(), err, want)
	}
	if got := fmt.Sprint(got); strings.Contains(got, "srv") {
		t.Errorf("printed as %q, want it hidden", got)
	}
}

func TestSecretInAnOpenConfigurationFile(t *testing.T) {
	t.Parallel()
	file := writeConfig(t, "env: production\nissuer: https://auth.example.com\nmaster_key: "+masterKey+"\n")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := bootstrap.Load(bootstrap.LoadInput{File: file})
	if err == nil || !strings.Contains(err.Error(), "master_key: has a file that others may use (mode 0644)") {
		t.Errorf("open file: %v; want it refused", err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := bootstrap.Load(bootstrap.LoadInput{File: file}); err != nil {
		t.Errorf("private file: %v", err)
	}
}

func TestOpenDataDirectoryIsWarnedOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, warnings, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{"AUTHSERVE_DATA_DIR=" + dir}})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], dir) {
		t.Errorf("warnings %q, %v; want one of the directory", warnings, err)
	}
}

// TestAPasswordThatIsNotEncodedIsAFault: its parts would stand in errors and logs as the
// host or the database.
func TestAPasswordThatIsNotEncodedIsAFault(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://u:sec@ret-XYZZY@127.0.0.1:5432/mv", "mysql://u:sec/ret-XYZZY@127.0.0.1/mv", "mysql://u:sec@ret-XYZZY@127.0.0.1/mv"} {
		_, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{"AUTHSERVE_DATABASE_URL=" + url}})
		if err == nil || !strings.Contains(err.Error(), "database.url") || !strings.Contains(err.Error(), "percent-encoded") || strings.Contains(err.Error(), "XYZZY") {
			t.Errorf("%s: Load = %v; want a fault of database.url that says what to do, and no part of it", url, err)
		}
	}
}
