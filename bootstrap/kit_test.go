package bootstrap_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"authserve/bootstrap"
)

func load(t *testing.T, variables map[string]string) bootstrap.Config {
	t.Helper()
	environ := []string{"AUTHSERVE_DATA_DIR=" + t.TempDir(), "AUTHSERVE_HTTP_ADDR=127.0.0.1:0", "AUTHSERVE_OPS_ADDR=127.0.0.1:0"}
	for name, value := range variables {
		environ = append(environ, name+"="+value)
	}
	cfg, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// ask sends a request, whose body is JSON unless it is empty, over a connection that
// does not outlive it.
func ask(t *testing.T, method, url, body string, headers ...string) (status int, header http.Header, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(read)
}

// post fails unless the answer is of success, and returns its members.
func post(t *testing.T, url, body string) map[string]any {
	t.Helper()
	status, _, text := ask(t, http.MethodPost, url, body)
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil || status/100 != 2 {
		t.Fatalf("%s = %d %s, %v", url, status, text, err)
	}
	return members
}

const (
	registration = `{"email":"ada@example.com","password":"correct horse battery staple"}`
	credentials  = `{"identifier":"ada@example.com","password":"correct horse battery staple"}`
)
