package bootstrap_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"authserve/bootstrap"
	"authserve/core/domain"
)

const testMasterKey = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="

// writeConfig writes a configuration file or a secret, private to its owner.
func writeConfig(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "authserve.yaml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func faultsOf(t *testing.T, err error) bootstrap.Faults {
	t.Helper()
	var faults bootstrap.Faults
	if err != nil && !errors.As(err, &faults) {
		t.Fatalf("error = %v, want a bootstrap.Faults", err)
	}
	return faults
}

// wantFaults holds the faults against parts that each must stand in the fault at
// the same place.
func wantFaults(t *testing.T, err error, want ...string) {
	t.Helper()
	got := faultsOf(t, err)
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("no fault with %q", want[i])
		case i >= len(want):
			t.Errorf("fault %q, want none", got[i])
		case !strings.Contains(got[i].String(), want[i]):
			t.Errorf("fault %q, want %q in it", got[i], want[i])
		}
	}
}

func TestLoadPrecedence(t *testing.T) {
	t.Parallel()
	file := writeConfig(t, "http:\n  addr: 127.0.0.1:1\n  max_header_bytes: 8192\ntoken: {access_ttl: 1h}\n")
	in := bootstrap.LoadInput{
		Environ: []string{"AUTHSERVE_CONFIG_FILE=" + file, "AUTHSERVE_HTTP_ADDR=127.0.0.1:2", "AUTHSERVE_HTTP_MAX_HEADER_BYTES=4096", "AUTHSERVE_ISSUER=", "PATH=/bin"},
		Flags:   map[string]string{"http-addr": "127.0.0.1:3"},
	}
	cfg, warnings, err := bootstrap.Load(in)
	if err != nil || len(warnings) != 0 {
		t.Fatalf("Load: %v, warnings %q", err, warnings)
	}
	type row struct{ got, want any }
	for name, r := range map[string]row{
		"flag above all":          {cfg.HTTP.Addr, "127.0.0.1:3"},
		"its source":              {cfg.Source("http.addr").String(), "flag --http-addr"},
		"environment above file":  {cfg.HTTP.MaxHeaderBytes, 4096},
		"its own source":          {cfg.Source("http.max_header_bytes").String(), "environment AUTHSERVE_HTTP_MAX_HEADER_BYTES"},
		"file above default":      {cfg.Token.AccessTTL, time.Hour},
		"its source with line":    {cfg.Source("token.access_ttl").String(), file + " line 4"},
		"default":                 {cfg.Token.RefreshGrace, 30 * time.Second},
		"its source is named too": {cfg.Source("token.refresh_grace").String(), "default"},
		"empty variable":          {cfg.Source("issuer").String(), "default"},
	} {
		if r.got != r.want {
			t.Errorf("%s: %v, want %v", name, r.got, r.want)
		}
	}

	in.File = writeConfig(t, "token: {access_ttl: 2h}")
	if cfg, _, err = bootstrap.Load(in); err != nil || cfg.Token.AccessTTL != 2*time.Hour {
		t.Errorf("--config beside AUTHSERVE_CONFIG_FILE: access_ttl %v, %v; want 2h", cfg.Token.AccessTTL, err)
	}
}

func TestLoadDefaultsEqualTheTable(t *testing.T) {
	t.Parallel()
	cfg, warnings, err := bootstrap.Load(bootstrap.LoadInput{})
	if err != nil || len(warnings) != 0 {
		t.Fatalf("Load of nothing: %v, warnings %q", err, warnings)
	}
	want := bootstrap.Config{
		Env: bootstrap.Development, DataDir: "./data",
		HTTP: bootstrap.HTTPConfig{
			Addr: "127.0.0.1:8080", ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
			WriteTimeout: 15 * time.Second, IdleTimeout: time.Minute, RequestTimeout: 10 * time.Second,
			MaxHeaderBytes: 16384, ShutdownTimeout: 20 * time.Second,
		},
		Ops:      bootstrap.OpsConfig{Addr: "127.0.0.1:9090"},
		Database: bootstrap.DatabaseConfig{Migrate: bootstrap.MigrateAuto, Synchronous: "full", BusyTimeout: 5 * time.Second, StatementTimeout: 10 * time.Second},
		Cache:    bootstrap.CacheConfig{Entries: 100000, TTL: time.Second, Stale: 30 * time.Second},
		SMTP:     bootstrap.SMTPConfig{Timeout: 10 * time.Second},
		Mail:     bootstrap.MailConfig{ProductName: "authserve", Locale: "en"},
		Log:      bootstrap.LogConfig{Level: "info", Format: "console"},
		Password: bootstrap.PasswordConfig{
			MinLength: 15, Algorithm: "argon2id", BcryptCost: 12,
			Argon2MemoryKiB: 19456, Argon2Time: 2, Argon2Parallelism: 1,
			Isolation: bootstrap.IsolationAuto, Nice: 19, Queue: 256,
		},
		Token: bootstrap.TokenConfig{
			AccessTTL: 10 * time.Minute, RefreshGrace: 30 * time.Second, Algorithm: domain.ES256,
			Leeway: 30 * time.Second, KeyRotation: 2160 * time.Hour,
		},
		Session: bootstrap.SessionConfig{IdleTTL: 336 * time.Hour, AbsoluteTTL: 720 * time.Hour, MaxPerAccount: 20},
		Backup:  bootstrap.BackupConfig{Interval: 24 * time.Hour, Keep: 7},
		Audit:   bootstrap.AuditConfig{Retention: 400 * 24 * time.Hour},
		RateLimit: bootstrap.RateLimitConfig{
			Enabled: true,
			Login:   bootstrap.RateConfig{Burst: 100, Period: time.Minute}, Register: bootstrap.RateConfig{Burst: 30, Period: time.Hour},
			Mail: bootstrap.RateConfig{Burst: 30, Period: time.Hour}, Token: bootstrap.RateConfig{Burst: 600, Period: time.Minute},
			Session: bootstrap.RateConfig{Burst: 30, Period: time.Minute}, Global: bootstrap.RateConfig{Burst: 600, Period: time.Minute},
			Account: bootstrap.RateConfig{Burst: 90, Period: time.Minute}, AccountNetwork: bootstrap.RateConfig{Burst: 70, Period: time.Minute},
			Mailbox: bootstrap.RateConfig{Burst: 20, Period: time.Hour}, MailboxNetwork: bootstrap.RateConfig{Burst: 5, Period: time.Hour},
			FreeFailures: 5, MaxFailures: 100, LongestDelay: 15 * time.Minute,
		},
	}
	want.Guard, want.Upkeep = cfg.Guard, cfg.Upkeep // tuning; what matters is that nothing is zero
	for name, c := range map[string]bootstrap.CircuitConfig{"db_read": cfg.Guard.DBRead, "db_write": cfg.Guard.DBWrite, "hash": cfg.Guard.Hash, "mail": cfg.Guard.Mail, "breach": cfg.Guard.Breach, "redis": cfg.Guard.Redis, "limiter": cfg.Guard.Limiter} {
		if c.Timeout == 0 || c.MaxConcurrent == 0 || c.RequestVolume == 0 || c.ErrorPercent == 0 || c.SleepWindow == 0 {
			t.Errorf("guard.%s = %+v, want no zero", name, c)
		}
	}
	if u := cfg.Upkeep; u.Interval == 0 || u.SessionRetention == 0 || u.MessageRetention == 0 {
		t.Errorf("upkeep = %+v, want no zero", u)
	}
	for i := range reflect.TypeFor[bootstrap.Config]().NumField() {
		field := reflect.TypeFor[bootstrap.Config]().Field(i)
		if !field.IsExported() {
			continue
		}
		g, w := reflect.ValueOf(cfg).Field(i).Interface(), reflect.ValueOf(want).Field(i).Interface()
		if !reflect.DeepEqual(g, w) {
			t.Errorf("%s = %+v, want %+v", field.Name, g, w)
		}
	}
	docs := string(bootstrap.ConfigMarkdown())
	for _, l := range bootstrap.ConfigLeaves() {
		if got := cfg.Source(l.Path).String(); got != "default" {
			t.Errorf("%s comes from %q, want default", l.Path, got)
		}
		if l.Default != "" && !strings.Contains(docs, fmt.Sprintf("| `%s` | `%s` | `%s` |", l.Path, l.Env, l.Default)) {
			t.Errorf("%s: the default %s is not documented", l.Path, l.Default)
		}
	}
}

// TestNamesThatClientsRelyOn sets each variable of the published list.
func TestNamesThatClientsRelyOn(t *testing.T) {
	t.Parallel()
	secret := writeConfig(t, testMasterKey+"\n")
	cases := []struct {
		variable string
		got      func(bootstrap.Config) any
		want     any
	}{
		{"AUTHSERVE_ENV=development", func(c bootstrap.Config) any { return c.Env }, bootstrap.Development},
		{"AUTHSERVE_DATA_DIR=/srv/x", func(c bootstrap.Config) any { return c.DataDir }, "/srv/x"},
		{"AUTHSERVE_HTTP_ADDR=:0", func(c bootstrap.Config) any { return c.HTTP.Addr }, ":0"},
		{"AUTHSERVE_OPS_ADDR=[::1]:9", func(c bootstrap.Config) any { return c.Ops.Addr }, "[::1]:9"},
		{"AUTHSERVE_ISSUER=http://x.example", func(c bootstrap.Config) any { return c.Issuer }, "http://x.example"},
		{"AUTHSERVE_AUDIENCE=shop", func(c bootstrap.Config) any { return c.Audience }, "shop"},
		{"AUTHSERVE_DATABASE_URL=sqlite:///srv/x.db", func(c bootstrap.Config) any { return c.Database.URL.Reveal() }, "sqlite:///srv/x.db"},
		{"AUTHSERVE_REDIS_URL=", func(c bootstrap.Config) any { return c.Redis.URL.IsZero() }, true},
		{"AUTHSERVE_REDIS_URL=rediss://u:p@cache:6380/1", func(c bootstrap.Config) any { return c.Redis.URL.Reveal() }, "rediss://u:p@cache:6380/1"},
		{"AUTHSERVE_REDIS_URL=unix:///run/redis.sock", func(c bootstrap.Config) any { return c.Redis.URL.Reveal() }, "unix:///run/redis.sock"},
		{"AUTHSERVE_MASTER_KEY=" + testMasterKey, func(c bootstrap.Config) any { return c.MasterKey.Reveal() }, testMasterKey},
		{"AUTHSERVE_MASTER_KEY_FILE=" + secret, func(c bootstrap.Config) any { return c.MasterKey.Reveal() }, testMasterKey},
		{"AUTHSERVE_LOG_LEVEL=debug", func(c bootstrap.Config) any { return c.Log.Level }, "debug"},
		{"AUTHSERVE_LOG_FORMAT=json", func(c bootstrap.Config) any { return c.Log.Format }, "json"},
		{"AUTHSERVE_RATE_LIMIT_ENABLED=false", func(c bootstrap.Config) any { return c.RateLimit.Enabled }, false},
		{"AUTHSERVE_PASSWORD_MIN_LENGTH=8", func(c bootstrap.Config) any { return c.Password.MinLength }, 8},
		{"AUTHSERVE_PASSWORD_ALGORITHM=bcrypt", func(c bootstrap.Config) any { return c.Password.Algorithm }, "bcrypt"},
		{"AUTHSERVE_PASSWORD_BCRYPT_COST=10", func(c bootstrap.Config) any { return c.Password.BcryptCost }, 10},
		{"AUTHSERVE_TOKEN_ACCESS_TTL=2s", func(c bootstrap.Config) any { return c.Token.AccessTTL }, 2 * time.Second},
		{"AUTHSERVE_TOKEN_REFRESH_GRACE=0s", func(c bootstrap.Config) any { return c.Token.RefreshGrace }, time.Duration(0)},
		{"AUTHSERVE_TOKEN_ALGORITHM=EdDSA", func(c bootstrap.Config) any { return c.Token.Algorithm }, domain.EdDSA},
		{"AUTHSERVE_SESSION_IDLE_TTL=1ms", func(c bootstrap.Config) any { return c.Session.IdleTTL }, time.Millisecond},
		{"AUTHSERVE_SESSION_ABSOLUTE_TTL=1h30m", func(c bootstrap.Config) any { return c.Session.AbsoluteTTL }, 90 * time.Minute},
		{"AUTHSERVE_REGISTRATION_PRIVACY=false", func(c bootstrap.Config) any { return c.Registration.Privacy }, false},
		{"AUTHSERVE_REGISTRATION_REQUIRE_VERIFIED_EMAIL=false", func(c bootstrap.Config) any { return c.Registration.RequireVerifiedEmail }, false},
		{"AUTHSERVE_BREACH_URL=", func(c bootstrap.Config) any { return c.Breach.URL }, ""},
		{"AUTHSERVE_TRUSTED_PROXIES=10.0.0.0/8, ::1/128", func(c bootstrap.Config) any { return fmt.Sprint(c.TrustedProxies) }, fmt.Sprint([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")})},
	}
	for _, c := range cases {
		t.Run(c.variable, func(t *testing.T) {
			t.Parallel()
			cfg, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{c.variable}})
			if err != nil {
				t.Fatal(err)
			}
			if got := c.got(cfg); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("AUTHSERVE_SMTP_URL", func(t *testing.T) {
		t.Parallel()
		cfg, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{"AUTHSERVE_SMTP_URL=smtp://u:p@mx:587", "AUTHSERVE_SMTP_FROM=a@b.example"}})
		if err != nil || cfg.SMTP.URL.Reveal() != "smtp://u:p@mx:587" || cfg.SMTP.From != "a@b.example" || cfg.DeveloperMailbox() {
			t.Errorf("smtp = %q, %v; developer mailbox %v", cfg.SMTP.URL.Reveal(), err, cfg.DeveloperMailbox())
		}
	})
}

func TestLoadRefusesWhatNobodyReads(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, file string
		want       []string
	}{
		{"unknown key", "http:\n  adr: x\n", []string{"http.adr: unknown key, did you mean http.addr? ("}},
		{"unknown section", "htp:\n  addr: x\n", []string{"htp: unknown key, did you mean http?"}},
		{"key twice", "issuer: http://a\nissuer: http://b\n", []string{"issuer: is given twice, first on line 1 ("}},
		{"section twice", "http: {addr: ':1'}\nhttp: {idle_timeout: 1s}\n", []string{"http: is given twice"}},
		{"dotted key", "http.addr: ':1'\n", []string{"http.addr: unknown key"}},
		{"section as value", "http: x\n", []string{"http: is a section"}},
		{"value as section", "issuer: {x: y}\n", []string{"issuer: takes a value, not a section"}},
		{"list for one value", "issuer: [http://a, http://b]\n", []string{"issuer: takes one value, not a list"}},
		{"nested list", "ops: {hosts: [[a]]}\n", []string{"ops.hosts: must be a list of plain values"}},
		{"alias", "issuer: &a http://a\naudience: *a\n", []string{"audience: is an alias"}},
		{"merge key", "<<: {issuer: http://a}\n", []string{"<<: unknown key"}},
		{"key that is no word", "[a, b]: c\n", []string{"has a key that is not a word"}},
		{"second document", "issuer: http://a\n---\nissuer: http://b\n", []string{"holds more than one YAML document"}},
		{"not a mapping", "- issuer\n", []string{"must be a mapping of settings"}},
		{"not YAML", "issuer: http://a\n  audience: [\n", []string{"is not valid YAML"}},
		{"secret that looks like an alias", "master_key: *hunter2\n", []string{"is not valid YAML"}},
		{"file of what is no secret", "issuer_file: /etc/hostname\n", []string{"issuer_file: unknown key"}},
		{"value and file", "master_key: x\nmaster_key_file: y\n", []string{"master_key: is given both as a value and as a file"}},

		{"empty", "", nil},
		{"only a comment", "# nothing\n", nil},
		{"null document", "~\n", nil},
		{"section without settings", "http:\n# addr: x\n", nil},
		{"value left out", "issuer:\n", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := writeConfig(t, c.file)
			_, _, err := bootstrap.Load(bootstrap.LoadInput{File: file})
			wantFaults(t, err, c.want...)
			for _, f := range faultsOf(t, err) {
				if !strings.Contains(f.Source, file) || strings.Contains(f.String(), "hunter2") {
					t.Errorf("fault %q: want the file named and nothing secret", f)
				}
			}
		})
	}
}

func TestLoadRefusesBadValues(t *testing.T) {
	t.Parallel()
	cases := []struct{ variable, want string }{
		{"ENV=prod", "must be one of development, production"},
		{"HTTP_ADDR=8080", "must be host:port"},
		{"HTTP_ADDR=:65536", "must end in a port"},
		{"HTTP_ADDR=http://x:1", "must be host:port"},
		{"OPS_HOSTS=Example.com", "host names in lower case"},
		{"OPS_HOSTS=example.com:1", "host names in lower case"},
		{"HTTP_CORS_ORIGINS=*", "must hold origins"},
		{"HTTP_CORS_ORIGINS=https://a.example/", "must hold origins"},
		{"HTTP_CORS_ORIGINS=https://*.example", "must hold origins"},
		{"HTTP_MAX_HEADER_BYTES=0x10", "must be a whole number"},
		{"HTTP_MAX_HEADER_BYTES=1", "must be from 4096 to 1048576"},
		{"HTTP_IDLE_TIMEOUT=60", "must be a duration"},
		{"HTTP_IDLE_TIMEOUT=0", "must be a positive duration"},
		{"TOKEN_LEEWAY=-1s", "must be a positive duration"},
		{"OPS_PPROF=yes", "must be true or false"},
		{"ISSUER=auth.example.com", "must be an absolute http or https URL"},
		{"ISSUER=https://u:p@auth.example.com", "must have neither user"},
		{"ISSUER=https://auth.example.com/?x", "must have neither user"},
		{"AUDIENCE=a\nb", "must not hold control characters"},
		{"PASSWORD_MIN_LENGTH=7", "must be from 8 to 64"},
		{"PASSWORD_MIN_LENGTH=65", "must be from 8 to 64"},
		{"PASSWORD_ALGORITHM=md5", "must be one of argon2id, bcrypt"},
		{"PASSWORD_BCRYPT_COST=9", "must be from 10 to 14"},
		{"TOKEN_ALGORITHM=HS256", "must be one of ES256, EdDSA, RS256"},
		{"TRUSTED_PROXIES=10.0.0.1", "must hold CIDR prefixes"},
		{"TRUSTED_PROXIES=10.0.0.1/8", "write 10.0.0.0/8"},
		{"SMTP_FROM=nobody", "must be a mail address"},
		{"SMTP_URL=http://mx", "must be a URL such as smtp://"},
		{"DATABASE_URL=sqlite://data/x.db", "absolute path"},
		{"DATABASE_URL=oracle://x", "must be a URL such as sqlite:///path"},
		{"DATABASE_URL=postgres://u:hunter2@/x", "must be a URL such as"},
		{"DATABASE_URL=mysql://u:hunter2@db", "must be a URL such as"},
		{"DATABASE_WRITERS=1001", "must be from 0 to 1000"},
		{"REDIS_URL=http://:hunter2@cache", "redis.url: must be a URL such as redis://"},
		{"REDIS_URL=redis://:hunter2@cache?read_timeout=1h", "redis.url: must be a URL such as redis://"},
		{"REDIS_URL=redis://:hunter2%@cache", "redis.url: must be a URL such as redis://"},
		{"RATE_LIMIT_ENABLED=on", "must be true or false"},
		{"RATE_LIMIT_LOGIN_BURST=0", "must be from 1 to 1000000"},
		{"RATE_LIMIT_MAX_FAILURES=101", "must be from 10 to 100"},
		{"BREACH_URL=http://breach.example", "must be an https URL"},
		{"BREACH_URL=https://user@breach.example", "without user, query and fragment"},
		{"BREACH_URL=https://breach.example/?padding=1", "without user, query and fragment"},
		{"BREACH_URL=breach.example", "must be an https URL"},
		{"PASSWORD_CONTEXT_WORDS=no", "must hold words of 3 to 64 characters"},
		{"PASSWORD_ISOLATION=jail", "must be one of auto, process, none"},
		{"PASSWORD_NICE=20", "must be from 0 to 19"},
		{"MASTER_KEY_FILE=/nonexistent/hunter2", "cannot read the secret's file: no such file"},
		{"CONFIG_FILE=/nonexistent/x.yaml", "cannot read the configuration file"},
	}
	for _, c := range cases {
		t.Run(c.variable, func(t *testing.T) {
			t.Parallel()
			_, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{"AUTHSERVE_" + c.variable}})
			wantFaults(t, err, c.want)
			name, _, _ := strings.Cut(c.variable, "=")
			if err != nil && (!strings.Contains(err.Error(), "AUTHSERVE_"+name) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("error %q: want the variable named and nothing secret", err)
			}
		})
	}
}

func TestLoadReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	file := writeConfig(t, "bogus: 1\nhttp:\n  idle_timeout: soon\n")
	_, _, err := bootstrap.Load(bootstrap.LoadInput{
		File:    file,
		Environ: []string{"AUTHSERVE_TOKEN_ALGORITHM=none", "AUTHSERVE_SMTP_URL=smtp://mx"},
		Flags:   map[string]string{"password-min-length": "3", "master-key": "hunter2"},
	})
	wantFaults(t, err,
		"bogus: unknown key ("+file+" line 1)",
		"unknown flag (flag --master-key)",
		`http.idle_timeout: must be a duration such as 30s, 10m or 336h, got "soon" (`+file+" line 3)",
		`password.min_length: must be from 8 to 64, got "3" (flag --password-min-length)`,
		`token.algorithm: must be one of ES256, EdDSA, RS256, got "none" (environment AUTHSERVE_TOKEN_ALGORITHM)`,
		"smtp.from: is needed with smtp.url (default)",
	)
	if got := strings.Count(err.Error(), "\n"); got != 6 || !strings.HasPrefix(err.Error(), "the configuration has 6 faults:") {
		t.Errorf("error = %q, want a head and one line for each of six faults", err)
	}
}

func TestUnknownVariablesOnlyWarn(t *testing.T) {
	t.Parallel()
	_, warnings, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{"AUTHSERVE_SERVICE_HOST=10.0.0.7", "AUTHSERVE_HTTP_ADR=:1"}})
	want := []string{
		"AUTHSERVE_SERVICE_HOST is not a setting and has no effect",
		"AUTHSERVE_HTTP_ADR is not a setting and has no effect, did you mean AUTHSERVE_HTTP_ADDR?",
	}
	if err != nil || len(warnings) != 2 || !strings.HasPrefix(warnings[0], want[0]) || warnings[1] != want[1] {
		t.Errorf("warnings %q, error %v; want %q and none", warnings, err, want)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	secret, broken := writeConfig(t, testMasterKey+"\r\n"), writeConfig(t, "\n")
	load := func(file string, environ []string, flags map[string]string) (bootstrap.Config, error) {
		cfg, _, err := bootstrap.Load(bootstrap.LoadInput{File: writeConfig(t, file), Environ: environ, Flags: flags})
		return cfg, err
	}
	cases := []struct {
		name, file string
		environ    []string
		flags      map[string]string
		want       string // of the key, or of the fault when it is none
	}{
		{"key in the file", "master_key_file: " + secret, nil, nil, testMasterKey},
		{"variable", "", []string{"AUTHSERVE_MASTER_KEY_FILE=" + secret}, nil, testMasterKey},
		{"flag", "", nil, map[string]string{"master-key-file": secret}, testMasterKey},
		{"a higher source overrides, unread", "master_key_file: /nonexistent", []string{"AUTHSERVE_MASTER_KEY=" + testMasterKey}, nil, testMasterKey},
		{"a file overrides a lower value", "master_key: other", []string{"AUTHSERVE_MASTER_KEY_FILE=" + secret}, nil, testMasterKey},
		{"both", "", []string{"AUTHSERVE_MASTER_KEY_FILE=" + secret, "AUTHSERVE_MASTER_KEY=" + testMasterKey}, nil, "both as a value and as a file"},
		{"empty file", "", []string{"AUTHSERVE_MASTER_KEY_FILE=" + broken}, nil, "the secret's file is empty"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(c.file, c.environ, c.flags)
			if c.want != testMasterKey {
				wantFaults(t, err, c.want)
				return
			}
			if err != nil || cfg.MasterKey.Reveal() != c.want {
				t.Errorf("key %q, error %v; want %q", cfg.MasterKey.Reveal(), err, c.want)
			}
		})
	}
}
