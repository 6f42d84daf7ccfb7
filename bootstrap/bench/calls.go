package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"authserve/bootstrap/bench/stat"
	"authserve/bootstrap/dbtest"
	"authserve/bootstrap/harness"
)

// call is one thing that a closed-loop client does again and again.
type call struct {
	name string
	goal float64 // most times the CPU of the bare handler, on SQLite; 0: none
	do   func(ctx context.Context, worker int) error
}

// figure is one measurement of one call.
type figure struct {
	perSecond float64
	cpu       float64 // CPU seconds of the process tree per 1,000 requests
}

// embedded is the database that the service has by default, and the goals are for.
const embedded = "SQLite"

// measureOnPostgres measures the calls with the database in another process, whose
// CPU does not count. Without a Docker engine it says so.
func measureOnPostgres(ctx context.Context, s settings, binary string) error {
	servers := dbtest.New()
	defer servers.Close() //nolint:errcheck // it is measured by then
	if err := servers.Postgres.Start(ctx); err != nil {
		fmt.Printf("PostgreSQL was not measured: %v\n\n", err)
		return nil
	}
	url, err := servers.Postgres.Empty(ctx)
	if err != nil {
		return err
	}
	return measureCalls(ctx, s, binary, servers.Postgres.Name(), "AUTHSERVE_DATABASE_URL="+url)
}

// measureCalls prints the table of calls on a database beside the bare handler.
func measureCalls(ctx context.Context, s settings, binary, database string, environ ...string) error {
	bareBase, barePID, err := startBare(ctx)
	if err != nil {
		return err
	}
	dir := binary + "." + database
	p, err := harness.Start(ctx, binary, ".", harness.Environ(dir, environ...))
	if err != nil {
		return err
	}
	defer p.Kill() //nolint:errcheck // where anything below fails
	idle, err := memoryOf(p.PID())
	if err != nil {
		return err
	}
	bare := call{name: "bare mux handler", do: helloCall(bareBase)}
	calls, err := serviceCalls(ctx, s, p.HTTP)
	if err != nil {
		return err
	}
	figures, ratios := map[string][]figure{}, map[string][]float64{}
	for range s.rounds {
		base, err := measureCall(ctx, s, bare, barePID)
		if err != nil {
			return err
		}
		figures[bare.name] = append(figures[bare.name], base)
		for _, c := range calls {
			f, err := measureCall(ctx, s, c, p.PID())
			if err != nil {
				return err
			}
			figures[c.name] = append(figures[c.name], f)
			ratios[c.name] = append(ratios[c.name], f.cpu/base.cpu)
		}
	}
	busy, err := memoryOf(p.PID())
	if err != nil {
		return err
	}
	peak, err := peakOf(p.PID())
	if err != nil {
		return err
	}
	printTable(s, database, append([]call{bare}, calls...), figures, ratios)
	fmt.Printf("\nmemory of the process tree (%d processes): idle %.0f MiB, after the calls %.0f MiB; peak of the server alone %.0f MiB\n\n",
		busy.processes, idle.mib, busy.mib, peak)
	code, err := p.Terminate()
	if code != 0 {
		return errors.Join(err, fmt.Errorf("the service ended with %d", code))
	}
	return err
}

func printTable(s settings, database string, calls []call, figures map[string][]figure, ratios map[string][]float64) {
	fmt.Printf("%-18s %12s %18s %14s %8s\n", "on "+database, "requests/s", "CPU s per 1,000", "times bare", "goal")
	for _, c := range calls {
		perSecond := median(figures[c.name], func(f figure) float64 { return f.perSecond })
		cpu := median(figures[c.name], func(f figure) float64 { return f.cpu })
		ratio := 1.0
		if r := ratios[c.name]; r != nil {
			ratio = median(r, func(x float64) float64 { return x })
		}
		goal := "-"
		if c.goal > 0 && database == embedded {
			goal = fmt.Sprintf("≤ %.1f", c.goal)
		}
		fmt.Printf("%-18s %12.0f %18.3f %14.1f %8s\n", c.name, perSecond, cpu, ratio, goal)
	}
	fmt.Printf("(%d closed-loop clients, medians of %d rounds of %v each)\n", s.workers, s.rounds, s.period)
}

func median[T any](all []T, of func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, v := range all {
		values[i] = of(v)
	}
	return stat.Median(values)
}

// measureCall lets every worker repeat the call for the period.
func measureCall(ctx context.Context, s settings, c call, pid int) (figure, error) {
	before, err := cpuTime(pid)
	if err != nil {
		return figure{}, err
	}
	began := now()
	until, cancel := context.WithDeadline(ctx, began.Add(s.period))
	defer cancel()
	var done atomic.Int64
	errs := make([]error, s.workers)
	var group sync.WaitGroup
	for i := range s.workers {
		group.Go(func() {
			for until.Err() == nil && errs[i] == nil {
				errs[i] = c.do(ctx, i)
				done.Add(1)
			}
		})
	}
	group.Wait()
	took := now().Sub(began)
	after, err := cpuTime(pid)
	if err = errors.Join(append(errs, err)...); err != nil {
		return figure{}, fmt.Errorf("%s: %w", c.name, err)
	}
	n := float64(done.Load())
	return figure{perSecond: n / took.Seconds(), cpu: (after - before).Seconds() / n * 1000}, nil
}

func helloCall(base string) func(context.Context, int) error {
	client := harness.NewClient(base)
	return func(ctx context.Context, _ int) error {
		a, err := client.Do(ctx, http.MethodGet, "/hello/world", nil, "")
		return expect(a, err, http.StatusOK)
	}
}

// serviceCalls prepares a session per worker and returns the calls to measure.
func serviceCalls(ctx context.Context, s settings, base string) ([]call, error) {
	client := harness.NewClient(base)
	// Two accounts a worker: logins end the oldest sessions of their account.
	for i := range 2 * s.workers {
		a, err := client.Register(ctx, address(i))
		if err := expect(a, err, http.StatusCreated); err != nil {
			return nil, err
		}
	}
	tokens := make([]harness.Tokens, s.workers)
	for i := range tokens {
		var a harness.Answer
		var err error
		a, tokens[i], err = client.Login(ctx, address(i))
		if err := expect(a, err, http.StatusOK); err != nil {
			return nil, err
		}
	}
	var registered atomic.Int64
	registered.Store(int64(2 * s.workers))
	return []call{
		{"GET /users/me", 4.5, func(ctx context.Context, i int) error {
			a, err := client.Do(ctx, http.MethodGet, "/api/v1/users/me", nil, tokens[i].Access)
			return expect(a, err, http.StatusOK)
		}},
		{"refresh", 13, func(ctx context.Context, i int) error {
			a, next, err := client.Refresh(ctx, tokens[i].Refresh)
			tokens[i] = next
			return expect(a, err, http.StatusOK)
		}},
		{"login", 0, func(ctx context.Context, i int) error {
			a, _, err := client.Login(ctx, address(s.workers+i))
			return expect(a, err, http.StatusOK)
		}},
		{"register", 0, func(ctx context.Context, _ int) error {
			a, err := client.Register(ctx, address(int(registered.Add(1))))
			return expect(a, err, http.StatusCreated)
		}},
	}, nil
}

func address(i int) string { return "user" + strconv.Itoa(i) + "@example.com" }

func expect(a harness.Answer, err error, status int) error {
	if err == nil && a.Status != status {
		err = fmt.Errorf("%d %s; want %d", a.Status, a.Body, status)
	}
	return err
}
