package bootstrap_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"authserve/adapters/inbound/cli"
	"authserve/bootstrap"
	"authserve/core/domain"
)

// letterbox is a mailer that hands letters to whoever waits for one.
type letterbox chan domain.Letter

func (b letterbox) Send(ctx context.Context, l domain.Letter) error {
	select {
	case b <- l:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestLinksComeFromTheConfigurationAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		variables map[string]string
		base      func(app *bootstrap.App) string
	}{
		"the bound address": {nil, func(app *bootstrap.App) string { return "http://" + app.HTTPAddr() }},
		"the issuer":        {map[string]string{"AUTHSERVE_ISSUER": "https://auth.example.com"}, func(*bootstrap.App) string { return "https://auth.example.com" }},
		"links.base_url": {
			map[string]string{"AUTHSERVE_ISSUER": "https://auth.example.com", "AUTHSERVE_LINKS_BASE_URL": "https://login.example.com/auth"},
			func(*bootstrap.App) string { return "https://login.example.com/auth" },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variables := map[string]string{"AUTHSERVE_MAIL_PRODUCT_NAME": "Example Shop", "AUTHSERVE_MAIL_LOCALE": "de", "AUTHSERVE_PASSWORD_ISOLATION": "none"}
			for name, value := range tt.variables {
				variables[name] = value
			}
			box := make(letterbox)
			app, err := bootstrap.New(bootstrap.WithConfig(load(t, variables)), bootstrap.WithLogWriter(io.Discard), bootstrap.WithMailer(box))
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = app.Stop(context.WithoutCancel(t.Context())) })
			registerAs(t, app.HTTPAddr(), "evil.example")
			l := <-box
			if want := "\n" + tt.base(app) + "/links/verify-email#token="; !strings.Contains(l.Text, want) || strings.Contains(l.Text+l.HTML, "evil") {
				t.Errorf("letter: got %s, want a link that begins with %s", l.Text, want)
			}
			if want := "Bestätigen Sie Ihre E-Mail-Adresse für Example Shop"; l.Subject != want {
				t.Errorf("subject: got %q, want %q", l.Subject, want)
			}
		})
	}
}

// registerAs registers at addr and says in every way that the service's name is host.
func registerAs(t *testing.T, addr, host string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/api/v1/auth/register", strings.NewReader(registration))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-Forwarded-Host": host, "X-Forwarded-Server": host, "X-Original-Host": host,
		"Forwarded": "host=" + host, "X-Forwarded-Proto": "gopher", "Referer": "https://" + host + "/",
	} {
		r.Header.Set(name, value)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("register: got %s", answer.Status)
	}
}

// logWatch tells of the first line with the words, and keeps everything.
type logWatch struct {
	words string
	found chan struct{}
	mu    sync.Mutex
	text  strings.Builder
}

func (w *logWatch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := strings.Contains(w.text.String(), w.words)
	w.text.Write(p)
	if !before && strings.Contains(w.text.String(), w.words) {
		close(w.found)
	}
	return len(p), nil
}

func (w *logWatch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestMailThatIsNotNeededIsLoggedAndCounted(t *testing.T) {
	t.Parallel()
	log := &logWatch{words: "mail not needed any more", found: make(chan struct{})}
	app, err := bootstrap.New(bootstrap.WithConfig(load(t, map[string]string{"AUTHSERVE_PASSWORD_ISOLATION": "none"})), bootstrap.WithLogWriter(log))
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Stop(context.WithoutCancel(t.Context())) })
	if status, _, body := ask(t, http.MethodPost, "http://"+app.HTTPAddr()+"/api/v1/auth/password/forgot", `{"email":"nobody@example.com"}`); status != http.StatusAccepted {
		t.Fatalf("forgot: got %d %s", status, body)
	}
	<-log.found
	_, _, metrics := ask(t, http.MethodGet, "http://"+app.OpsAddr()+"/metrics", "")
	if want := `authserve_mail_messages_total{outcome="moot"} 1`; !strings.Contains(metrics, want) {
		t.Errorf("metrics: got none of %s", want)
	}
	if strings.Contains(log.String()+metrics, "nobody") {
		t.Errorf("log and metrics: got %s, want no address", log)
	}
}

func TestFaultsOfTemplatesStopTheStart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "en"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"verify_email.txt": "Subject: Hi\n\n{{.Nothing}}", "welcome.html": "x"} {
		if err := os.WriteFile(filepath.Join(folder, "en", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		variables map[string]string
		want      []string
	}{
		"a folder": {map[string]string{"AUTHSERVE_MAIL_TEMPLATES": folder}, []string{
			"mail.templates: has a fault: en/verify_email.txt: template: body:3", "mail.templates: has a fault: en/welcome.html: there is no template of this name",
		}},
		"no folder":  {map[string]string{"AUTHSERVE_MAIL_TEMPLATES": filepath.Join(folder, "missing")}, []string{"mail.templates: has a fault: the folder of templates cannot be read"}},
		"a language": {map[string]string{"AUTHSERVE_MAIL_LOCALE": "fr"}, []string{"mail.locale: has a fault: there are no templates for the default language fr"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := load(t, tt.variables)
			_, err := bootstrap.New(bootstrap.WithConfig(cfg))
			var faults bootstrap.Faults
			if !errors.As(err, &faults) || len(faults) != len(tt.want) {
				t.Fatalf("New: got %v, want %d faults", err, len(tt.want))
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("New: got %v, want it to tell %q", err, want)
				}
			}
			if _, err := os.Stat(cfg.DataDir + "/authserve.db"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("database: got %v, want nothing opened before the faults were told", err)
			}
		})
	}
}

func TestDoctorSaysWhatMailsAreMadeOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		content, summary, fact string
		status                 cli.CheckStatus
	}{
		"a mailbox": {"mail: {locale: de}\n", "written in de, en; links begin with http://127.0.0.1:8080/links/", "/dev/mail", cli.CheckOK},
		"SMTP": {
			"smtp: {url: 'smtp://mx.example.com', from: no-reply@example.com}\nlinks: {base_url: 'https://login.example.com'}\n",
			"written in en, de; links begin with https://login.example.com/links/", "SMTP", cli.CheckOK,
		},
		"nothing": {"http: {addr: ':8080'}\nissuer: https://auth.example.com\n", "written in en, de; links begin with https://auth.example.com/links/", "", cli.CheckWarn},
	}
	for name, tt := range tests {
		checks, _ := examined(t.Context(), t, "password: {isolation: none, argon2_memory_kib: 1024, argon2_time: 1}\n"+tt.content)
		got := checks["mail"]
		if got.Status != tt.status || got.Summary != tt.summary || (got.Advice != "") != (tt.status == cli.CheckWarn) {
			t.Errorf("%s: got %+v, want %s %q", name, got, tt.status, tt.summary)
		}
		if tt.fact != "" {
			wantFact(t, got, tt.fact)
		}
	}
}
