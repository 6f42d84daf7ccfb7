package bootstrap_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"authserve/adapters/inbound/cli"
	"authserve/bootstrap"
)

func TestPrintedConfigLoadsToTheSame(t *testing.T) {
	t.Parallel()
	first, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{
		"AUTHSERVE_AUDIENCE=null", "AUTHSERVE_HTTP_CORS_ORIGINS=https://a.example,https://b.example:8443", "AUTHSERVE_TRUSTED_PROXIES=10.0.0.0/8",
		"AUTHSERVE_TOKEN_KEY_ROTATION=0", "AUTHSERVE_HTTP_IDLE_TIMEOUT=1m30s", "AUTHSERVE_LOG_LEVEL=debug", "AUTHSERVE_DATA_DIR=a # b: 'c'",
	}})
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := bootstrap.Load(bootstrap.LoadInput{File: writeConfig(t, string(first.YAML()))})
	if err != nil {
		t.Fatalf("the printed form is refused: %v\n%s", err, first.YAML())
	}
	for i := range reflect.TypeFor[bootstrap.Config]().NumField() {
		field := reflect.TypeFor[bootstrap.Config]().Field(i)
		if !field.IsExported() {
			continue
		}
		a, b := reflect.ValueOf(first).Field(i), reflect.ValueOf(second).Field(i)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s = %v, want %v", field.Name, b, a)
		}
	}
}

func TestPrintNamesSourcesAndHidesSecrets(t *testing.T) {
	t.Parallel()
	secret := writeConfig(t, testMasterKey)
	cfg, warnings, err := bootstrap.Load(bootstrap.LoadInput{
		Environ: []string{
			"AUTHSERVE_MASTER_KEY_FILE=" + secret, "AUTHSERVE_SMTP_URL=smtp://u:hunter2@mx", "AUTHSERVE_DATABASE_URL=sqlite:///hunter2.db",
			"AUTHSERVE_SMTP_FROM=a@b.example", "AUTHSERVE_REDIS_URL=redis://:hunter2@cache", "AUTHSERVE_BREACH_URL=nowhere",
		},
		Flags: map[string]string{"http-addr": ":1"},
	})
	wantFaults(t, err, "breach.url: must be an https URL")
	printed := string(cfg.YAML())
	for _, want := range []string{
		"  addr: :1 # flag --http-addr\n", "  idle_timeout: 1m # default\n",
		"master_key: '[redacted]' # environment AUTHSERVE_MASTER_KEY_FILE, read from " + secret + "\n",
		"  url: '[redacted]' # environment AUTHSERVE_SMTP_URL\n", "  url: '[redacted]' # environment AUTHSERVE_REDIS_URL\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("want %q in\n%s", want, printed)
		}
	}
	for name, text := range map[string]string{
		"YAML": printed, "%v": fmt.Sprintf("%v", cfg), "%+v": fmt.Sprintf("%+v", cfg), "%#v": fmt.Sprintf("%#v", cfg), "String": cfg.String(),
		"pointer": fmt.Sprintf("%+v", &cfg), "error": err.Error(), "warnings": fmt.Sprint(warnings),
	} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, testMasterKey) {
			t.Errorf("%s shows a secret:\n%s", name, text)
		}
	}
}

func TestNamesOfSettingsAreUnambiguous(t *testing.T) {
	t.Parallel()
	seen := map[string]string{"AUTHSERVE_CONFIG_FILE": "the configuration file", "--config": "the configuration file", "--help": "help"}
	for _, l := range bootstrap.ConfigLeaves() {
		names := []string{l.Path, l.Env, "--" + l.Flag}
		if l.Secret {
			names = append(names, l.Path+"_file", l.Env+"_FILE", "--"+l.Flag+"-file")
		}
		for _, name := range names {
			if owner, taken := seen[name]; taken {
				t.Errorf("%s is a name of %s and of %s", name, owner, l.Path)
			}
			seen[name] = l.Path
		}
		for _, other := range bootstrap.ConfigLeaves() {
			if strings.HasPrefix(other.Path, l.Path+".") {
				t.Errorf("%s is a setting and the section of %s", l.Path, other.Path)
			}
		}
	}
}

// TestEveryFlagIsASetting sends each flag of the command line through the loader.
func TestEveryFlagIsASetting(t *testing.T) {
	t.Parallel()
	flags := map[string]string{}
	for _, s := range bootstrap.ConfigFlags() {
		if strings.HasSuffix(s.Flag, "-file") {
			continue // of secrets; see TestSecretsFromFiles
		}
		flags[s.Flag] = s.Default
		if strings.Contains(s.Usage, "`") {
			t.Errorf("--%s: backquotes in the usage would name the value", s.Flag)
		}
	}
	_, _, err := bootstrap.Load(bootstrap.LoadInput{Flags: flags})
	wantFaults(t, err)
	var out bytes.Buffer
	actions := cli.Actions{Settings: bootstrap.ConfigFlags()}
	if code := cli.Run(t.Context(), actions, cli.Streams{Out: &out, Err: &out}, []string{"config", "--help"}); code != cli.ExitOK {
		t.Fatalf("config --help: exit code %d: %s", code, out.String())
	}
	help := strings.Join(strings.Fields(out.String()), " ") // lines are broken anywhere
	for _, want := range []string{
		"--http-addr value", "--master-key-file value", "--ops-pprof",
		"One of development, production.", "One of auto, check, off.", "One of json, console.", "One of argon2id, bcrypt.",
		"AUTHSERVE_DATABASE_URL can hold", "postgres://user:password@host:5432/database",
	} {
		if !strings.Contains(help, want) {
			t.Errorf("config --help does not show %q", want)
		}
	}
	if strings.Contains(out.String(), "--master-key ") {
		t.Error("a secret has a flag for its value")
	}
}

func TestConfigDocumentIsFresh(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile(filepath.Join("..", "docs", "config.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bootstrap.ConfigMarkdown()) {
		t.Error("docs/config.md is not what ConfigMarkdown makes: run task generate")
	}
}
