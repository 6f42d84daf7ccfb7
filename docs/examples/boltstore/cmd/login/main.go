// Command login is authserve on a bbolt file. Everything but the store is as in
// authserve itself: AUTHSERVE_* and their defaults, both listeners, telemetry.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"authserve/bootstrap"

	"example.com/boltstore"
)

// maxSize bounds the file, in bytes: some hundred thousand accounts.
const maxSize = 1 << 30

func main() {
	workers := bootstrap.HashWorkers() // first: in a child process it does not return
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// The second result are warnings, which the service's log tells too.
	cfg, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: os.Environ()})
	if err != nil {
		log.Fatal(err)
	}
	app, err := build(cfg, workers, bootstrap.WithContext(ctx))
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// build makes the service on the file authserve.bolt of its data directory. The
// service closes the store when it stops.
func build(cfg bootstrap.Config, options ...bootstrap.Option) (*bootstrap.App, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	store, err := boltstore.Open(filepath.Join(cfg.DataDir, "authserve.bolt"), maxSize)
	if err != nil {
		return nil, err
	}
	app, err := bootstrap.New(append(options, bootstrap.WithConfig(cfg), bootstrap.WithStore(store))...)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return app, nil
}
