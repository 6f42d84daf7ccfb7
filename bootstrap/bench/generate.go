package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"authserve/bootstrap/bench/load"
	"authserve/bootstrap/harness"
)

// errTardy is a process that had not started when its window began.
var errTardy = errors.New("this process started too late for its window")

// readerSpec asks for GET /users/me at the fixed rate.
type readerSpec struct {
	Base, Token string
	Window      load.Window
}

func readProfiles(ctx context.Context, spec readerSpec) (load.Opened, error) {
	client := clientFrom(spec.Base, nil)
	do := func(ctx context.Context) error {
		a, err := client.Do(ctx, http.MethodGet, "/api/v1/users/me", nil, spec.Token)
		return expect(a, err, http.StatusOK)
	}
	// Connections for the usual number of requests at a time; more are made as needed.
	var group sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		group.Go(func() { errs[i] = do(ctx) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return load.Opened{}, err
	}
	if now().After(spec.Window.Begin) {
		return load.Opened{}, errTardy
	}
	return load.Open(ctx, spec.Window, readsPerSecond, load.Precisely, do), nil
}

// loginSpec asks for workers who log in again and again.
type loginSpec struct {
	Base    string
	Workers int
	Window  load.Window
}

// logIn lets every worker come from a network of its own, as far as loopback has
// them: a storm from one network is a different thing, and the queue knows. Each login
// is somebody else's, as far as there are accounts.
func logIn(ctx context.Context, spec loginSpec) ([]load.Attempt, error) {
	clients := make([]harness.Client, spec.Workers)
	for i := range clients {
		clients[i] = clientFrom(spec.Base, &net.TCPAddr{IP: net.IPv4(127, byte(1+i/250), byte(1+i%250), 1)})
	}
	if now().After(spec.Window.Begin) {
		return nil, errTardy
	}
	var logins atomic.Int64
	return load.Closed(ctx, spec.Window, spec.Workers, func(ctx context.Context, worker int) load.Answer {
		a, _, err := clients[worker].Login(ctx, address(int(logins.Add(1)%stormAccounts)))
		answer := load.Answer{Status: a.Status}
		if err != nil {
			answer.Fault, answer.RetryAfter = err.Error(), time.Second
		} else if a.Status != http.StatusOK {
			answer.Fault = string(a.Body)
		}
		if seconds, err := strconv.Atoi(a.Header.Get("Retry-After")); err == nil {
			answer.RetryAfter = time.Duration(seconds) * time.Second
		}
		return answer
	}), nil
}

// clientFrom makes a client with connections of its own from the address.
func clientFrom(base string, from net.Addr) harness.Client {
	dialer := &net.Dialer{LocalAddr: from}
	client := harness.NewClient(base)
	client.HTTP.Transport = &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 1024}
	return client
}

func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}
