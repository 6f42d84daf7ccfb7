package harness

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Witness holds every secret that clients and services exchange against everything that
// the services leave behind: logs, metrics, traces, answers to what they refuse, and
// the files of their databases. Safe for concurrent use.
type Witness struct {
	mu      sync.Mutex
	secrets map[string]string // what would give it away, and what it is
	windows map[window][]string
	kept    []trace
	found   []string
}

// trace is something that was left behind, and whose.
type trace struct {
	name string
	text func() []byte
}

// window is the end of a secret. Comparing that much at each place is quick however
// many secrets there are.
type window [shortestSecret]byte

// shortestSecret is the length from which a secret is looked for, in bytes: shorter
// ones occur by chance.
const shortestSecret = 14

// witness is the present one, nil where nobody observes: benchmarks do without.
var witness atomic.Pointer[Witness] //nolint:gochecknoglobals // clients and services of one test run are all observed by one

// Observe begins to note what all clients and services of this process exchange.
func Observe() *Witness {
	w := &Witness{secrets: map[string]string{}, windows: map[window][]string{}}
	witness.Store(w)
	return w
}

// Keep notes something that a service left behind, for holding it against every secret
// in the end.
func Keep(name string, text []byte) {
	if w := witness.Load(); w != nil {
		w.keep(name, func() []byte { return text })
	}
}

func (w *Witness) keep(name string, text func() []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, trace{name, text})
}

// Secret notes a secret, in every form in which it might be written.
func (w *Witness) Secret(what, secret string) {
	for _, form := range []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret),
	} {
		w.note(what, strings.TrimRight(form, "="))
	}
}

func (w *Witness) note(what, form string) {
	if len(form) < shortestSecret {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.secrets[form]; known {
		return
	}
	w.secrets[form] = what
	end := window([]byte(form[len(form)-shortestSecret:]))
	w.windows[end] = append(w.windows[end], form)
}

// secretMembers are the members of bodies that hold secrets.
var secretMembers = regexp.MustCompile(`^(password|current_password|new_password|token|access_token|refresh_token|device_token)$`)

// linkToken is the token in a link of a mail.
var linkToken = regexp.MustCompile(`#token=([A-Za-z0-9_-]+)`)

// exchange notes the secrets of a request and its answer, and keeps what was refused.
func (w *Witness) exchange(r *http.Request, a Answer) {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		w.Secret("access token", bearer)
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		w.Secret("Idempotency-Key", key)
	}
	if r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			text, _ := io.ReadAll(body) // a body in memory
			w.members(text)
		}
	}
	if a.Status >= http.StatusBadRequest {
		w.keep(fmt.Sprintf("answer %d to %s %s", a.Status, r.Method, r.URL.Path), func() []byte { return a.Body })
		return
	}
	w.members(a.Body)
	for _, m := range linkToken.FindAllSubmatch(a.Body, -1) {
		w.Secret("token of a mail", string(m[1]))
	}
}

func (w *Witness) members(text []byte) {
	var body map[string]any
	if json.Unmarshal(text, &body) != nil {
		return
	}
	for name, value := range body {
		if secret, ok := value.(string); ok && secretMembers.MatchString(name) {
			w.Secret(name, secret)
		}
	}
}

// service keeps what the process leaves behind; dir is where its data are.
func (w *Witness) service(p *Process, dir string) {
	w.keep("log of "+dir, func() []byte { return []byte(p.log.String()) })
	if key, err := os.ReadFile(filepath.Join(dir, "data", "master.key")); err == nil { //nolint:gosec // of the service under test
		for line := range strings.Lines(string(key)) {
			w.Secret("master key", strings.TrimSpace(line))
		}
	}
}

// KeepMetrics notes what the service measured, where somebody observes.
func (p *Process) KeepMetrics(ctx context.Context) {
	if witness.Load() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	a, err := NewClient(p.Ops).Do(ctx, http.MethodGet, "/metrics", nil, "")
	if err == nil && a.Status == http.StatusOK {
		Keep("metrics of "+p.HTTP, a.Body)
	}
}

// files looks at once at what stands in the database: its directory may soon be gone.
func (w *Witness) files(dir string) {
	_ = filepath.WalkDir(filepath.Join(dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != "master.key" {
			if text, err := os.ReadFile(path); err == nil { //nolint:gosec // as above
				w.look(path, text)
			}
		}
		return nil
	})
}

// look notes the secrets in a text.
func (w *Witness) look(name string, text []byte) {
	for _, what := range w.in(text) {
		w.mu.Lock()
		w.found = append(w.found, name+" holds a secret: "+what)
		w.mu.Unlock()
	}
}

// in tells what the secrets in a text are, of those known by now.
func (w *Witness) in(text []byte) (found []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for end := shortestSecret; end <= len(text); end++ {
		for _, secret := range w.windows[window(text[end-shortestSecret:end])] {
			if bytes.HasSuffix(text[:end], []byte(secret)) {
				found = append(found, w.secrets[secret])
			}
		}
	}
	return found
}

// Report holds everything that was kept against every secret. It returns how many
// secrets and texts were compared, and where any was found.
func (w *Witness) Report() (secrets, texts int, found []string) {
	w.mu.Lock()
	kept := slices.Clone(w.kept)
	w.mu.Unlock()
	for _, t := range kept {
		w.look(t.name, t.text())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.found)
	return len(w.secrets), len(kept), slices.Compact(w.found)
}

// Finds reports whether the text holds a secret that was exchanged.
func Finds(text []byte) bool {
	w := witness.Load()
	if w == nil {
		return false
	}
	return len(w.in(text)) > 0
}
