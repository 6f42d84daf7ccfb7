package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"authserve/bootstrap"
)

// TestServiceOnBolt registers, logs in and refreshes, starts the service anew on the
// same file, and goes on with what it kept.
func TestServiceOnBolt(t *testing.T) {
	t.Parallel()
	cfg, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{
		"AUTHSERVE_DATA_DIR=" + t.TempDir(), "AUTHSERVE_HTTP_ADDR=127.0.0.1:0", "AUTHSERVE_OPS_ADDR=127.0.0.1:0",
		"AUTHSERVE_ISSUER=http://127.0.0.1", // the port changes from start to start
	}})
	if err != nil {
		t.Fatal(err)
	}
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	serve(t, cfg, func(api, ops string) {
		call(t, http.MethodPost, api+"/auth/register", "", map[string]string{"email": "ada@example.com", "password": "correct horse battery staple"}, http.StatusCreated, nil)
		call(t, http.MethodPost, api+"/auth/login", "", map[string]string{"identifier": "ada@example.com", "password": "correct horse battery staple"}, http.StatusOK, &tokens)
		call(t, http.MethodPost, api+"/auth/refresh", "", map[string]string{"refresh_token": tokens.Refresh}, http.StatusOK, &tokens)
		call(t, http.MethodGet, ops+"/readyz", "", nil, http.StatusOK, nil)
	})
	serve(t, cfg, func(api, _ string) {
		var me struct {
			Email string `json:"email"`
		}
		call(t, http.MethodGet, api+"/users/me", tokens.Access, nil, http.StatusOK, &me)
		if want := "ada@example.com"; me.Email != want {
			t.Errorf("after a restart: got e-mail address %q, want %q", me.Email, want)
		}
		call(t, http.MethodPost, api+"/auth/refresh", "", map[string]string{"refresh_token": tokens.Refresh}, http.StatusOK, &tokens)
		call(t, http.MethodPost, api+"/auth/logout", tokens.Access, nil, http.StatusNoContent, nil)
		call(t, http.MethodGet, api+"/users/me", tokens.Access, nil, http.StatusUnauthorized, nil)
	})
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "authserve.bolt")); err != nil {
		t.Error(err)
	}
	if others, _ := filepath.Glob(filepath.Join(cfg.DataDir, "*.db")); len(others) > 0 {
		t.Errorf("got other databases %q, want none", others)
	}
}

// serve runs the service while use does.
func serve(t *testing.T, cfg bootstrap.Config, use func(api, ops string)) {
	t.Helper()
	app, err := build(cfg, bootstrap.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := app.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	use("http://"+app.HTTPAddr()+"/api/v1", "http://"+app.OpsAddr())
}

// call sends body as JSON and reads the answer into out, where there is one.
func call(t *testing.T, method, url, token string, body any, want int, out any) {
	t.Helper()
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, &sent)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Fatalf("%s %s: got status %d, want %d\n%s", method, url, resp.StatusCode, want, got)
	}
	if out != nil {
		if err := json.Unmarshal(got, out); err != nil {
			t.Fatalf("%s %s: %v", method, url, err)
		}
	}
}
