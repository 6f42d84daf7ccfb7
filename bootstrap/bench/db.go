package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"authserve/adapters/outbound/entstore"
	"authserve/bootstrap/bench/stat"
	"authserve/bootstrap/dbtest"
)

// Bounds of what a query costs, and of how that grows with the database: from the
// smallest to the largest by as much as log(1,000,000) / log(10,000) = 1.5, twice over,
// or by what a busy machine adds.
const (
	pageMillis            = 10.0
	growTimes, growMillis = 3.0, 0.2
)

// dbSizes are the numbers of accounts.
func dbSizes() []int { return []int{10_000, 100_000, 1_000_000} }

// filledStore is a store with so many accounts.
type filledStore struct {
	*entstore.Store
	dbtest.Filled
}

// growth prints how queries grow with the database, on every kind of it that is at
// hand.
func growth(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench db", flag.ExitOnError)
	calls := flags.Int("calls", 2000, "how often each query is asked, at each size")
	strict := flags.Bool("strict", true, "exit with 1 when a bound does not hold")
	if err := flags.Parse(args); err != nil {
		return err
	}
	began := now()
	dir, err := os.MkdirTemp("", "authserve-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	servers := dbtest.New()
	defer func() { err = errors.Join(err, servers.Close()) }()

	var verdicts []verdict
	more, err := growthOf(ctx, "SQLite", *calls, func(_ context.Context, accounts int) (string, error) {
		return "sqlite://" + filepath.Join(dir, fmt.Sprintf("%d.db", accounts)), nil
	})
	if err != nil {
		return err
	}
	verdicts = append(verdicts, more...)
	for _, server := range servers.All() {
		if err := server.Start(ctx); err != nil {
			fmt.Printf("%s was not measured: %v\n\n", server.Name(), err)
			continue
		}
		more, err := growthOf(ctx, server.Name(), *calls, func(ctx context.Context, _ int) (string, error) { return server.Empty(ctx) })
		if err != nil {
			return err
		}
		verdicts = append(verdicts, more...)
	}
	err = printVerdicts(verdicts)
	fmt.Printf("\n(%v in all)\n", now().Sub(began).Round(time.Second))
	if errors.Is(err, errBounds) && !*strict {
		return nil
	}
	return err
}

// growthOf measures one kind of database, whose URL for so many accounts locate tells.
func growthOf(ctx context.Context, name string, calls int, locate func(ctx context.Context, accounts int) (string, error)) ([]verdict, error) {
	began := now()
	var stores []filledStore
	for _, accounts := range dbSizes() {
		url, err := locate(ctx, accounts)
		if err != nil {
			return nil, err
		}
		s, err := fillStore(ctx, url, accounts)
		if err != nil {
			return nil, fmt.Errorf("%s, %d accounts: %w", name, accounts, err)
		}
		defer s.Close() //nolint:errcheck // nothing is kept
		stores = append(stores, s)
	}
	filled := now()
	var verdicts []verdict
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	head := name + ", ms"
	for _, accounts := range dbSizes() {
		head += fmt.Sprintf("\t%d p50\tp99", accounts)
	}
	_, _ = fmt.Fprintln(w, head+"\tgrowth")
	for _, q := range queries() {
		p50, p99, err := q.measure(ctx, stores, calls)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", name, q.name, err)
		}
		line := q.name
		for i := range stores {
			line += fmt.Sprintf("\t%.2f\t%.2f", p50[i], p99[i])
		}
		largest := len(stores) - 1
		_, _ = fmt.Fprintf(w, "%s\t%.1f ×\n", line, p50[largest]/p50[0])
		verdicts = append(verdicts, q.verdicts(name, p50[0], p50[largest], p99[largest])...)
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	fmt.Printf("(%v to fill, %v to ask %d times each)\n\n", filled.Sub(began).Round(time.Second), now().Sub(filled).Round(time.Second), calls)
	return verdicts, nil
}

// fillStore opens a new store with so many accounts.
func fillStore(ctx context.Context, url string, accounts int) (filledStore, error) {
	cfg := entstore.Config{URL: url}
	store, err := entstore.Open(ctx, cfg)
	if err != nil {
		return filledStore{}, err
	}
	_, err = store.Migrator().Up(ctx)
	if err = errors.Join(err, store.Close()); err != nil {
		return filledStore{}, err
	}
	filled, err := dbtest.Fill(ctx, url, accounts)
	if err != nil {
		return filledStore{}, err
	}
	if store, err = entstore.Open(ctx, cfg); err != nil {
		return filledStore{}, err
	}
	return filledStore{store, filled}, store.Optimize(ctx)
}

// measure asks the stores in turns, so that what else the machine does meets them
// alike, and returns milliseconds.
func (q query) measure(ctx context.Context, stores []filledStore, calls int) (p50, p99 []float64, err error) {
	taken := make([][]float64, len(stores))
	warm := calls / 10
	for n := range warm + calls {
		for i, s := range stores {
			began := now()
			if err := q.ask(ctx, s, n); err != nil {
				return nil, nil, err
			}
			if n >= warm {
				taken[i] = append(taken[i], millis(now().Sub(began)))
			}
		}
	}
	for _, t := range taken {
		p50, p99 = append(p50, stat.Percentile(t, half)), append(p99, stat.Percentile(t, mostly))
	}
	return p50, p99, nil
}

func (q query) verdicts(database string, small, large, p99 float64) []verdict {
	all := []verdict{{
		what: fmt.Sprintf("%s: %s, p50", database, q.name), measured: large, bound: max(growTimes*small, small+growMillis), unit: "ms",
		why: fmt.Sprintf("%.2f × 3, or 0.2 more", small),
	}}
	if strings.Contains(q.name, "page") {
		all = append(all, verdict{what: fmt.Sprintf("%s: %s, p99", database, q.name), measured: p99, bound: pageMillis, unit: "ms"})
	}
	return all
}
