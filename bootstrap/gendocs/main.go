// Command gendocs writes the reference pages that are made from the code itself:
// gendocs DIR. `task generate` runs it, and CI refuses a page that is not fresh.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"authserve/bootstrap"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gendocs DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	ports, err := portsPage("ports")
	if err != nil {
		return err
	}
	metrics, err := metricsPage()
	if err != nil {
		return err
	}
	for name, page := range map[string][]byte{
		"config.md": bootstrap.ConfigMarkdown(), "errors.md": errorsPage(), "ports.md": ports, "metrics.md": metrics,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), page, 0o644); err != nil { //nolint:gosec // a public document
			return err
		}
	}
	return nil
}

// withService builds and starts a service of its own for what only a running one
// knows.
func withService(fn func(*bootstrap.App)) (err error) {
	dir, err := os.MkdirTemp("", "authserve-docs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	cfg, _, err := bootstrap.Load(bootstrap.LoadInput{
		Flags:   map[string]string{"data-dir": dir, "http-addr": "127.0.0.1:0", "ops-addr": "127.0.0.1:0"},
		Environ: []string{"AUTHSERVE_REDIS_URL=redis://127.0.0.1:1"}, // some metrics need one, though it is never asked
	})
	if err != nil {
		return err
	}
	app, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(io.Discard))
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := app.Start(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer func() { err = errors.Join(err, app.Stop(ctx)) }()
	fn(app)
	return nil
}
