package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"authserve/bootstrap/harness"
)

// settings bound the measurement.
type settings struct {
	rounds  int
	period  time.Duration // of one measurement
	workers int
	starts  int
}

func main() {
	var s settings
	flag.IntVar(&s.rounds, "rounds", 3, "how often everything is measured")
	flag.DurationVar(&s.period, "period", 3*time.Second, "how long one call is measured in one round")
	flag.IntVar(&s.workers, "workers", 4, "closed-loop clients")
	flag.IntVar(&s.starts, "starts", 20, "how often the start is timed")
	bare := flag.Bool("bare", false, "serve the bare handler (used by bench itself)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	run := func() error { return measure(ctx, s) }
	if *bare {
		run = func() error { return serveBare(ctx) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// measure builds the program and prints every table.
func measure(ctx context.Context, s settings) error {
	dir, err := os.MkdirTemp("", "authserve-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	began := time.Now()     //nolint:forbidigo // benchmarks measure real time
	binary, err := harness.Build(ctx, dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	fmt.Printf("build %.1f s (whatever the cache held), binary %.1f MB\n\n", time.Since(began).Seconds(), float64(info.Size())/1e6) //nolint:forbidigo // as above
	if err := measureStarts(ctx, s, binary); err != nil {
		return err
	}
	return measureCalls(ctx, s, binary)
}
