package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"authserve/bootstrap"
	"authserve/bootstrap/harness"
)

// settings bound a measurement.
type settings struct {
	rounds   int
	period   time.Duration // of one measurement
	workers  int           // closed-loop clients of the calls
	starts   int
	constant time.Duration // for the test of constant cost, all in all
	strict   bool
}

// errBounds ends the program where a bound does not hold.
var errBounds = errors.New("a bound does not hold")

func main() {
	bootstrap.HashWorkers() // this program is a hash worker too, and then ends here
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, args []string) error {
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	switch command {
	case "":
		return withBinary(ctx, args, settings{rounds: 3, period: 3 * time.Second}, measure)
	case "storm":
		return withBinary(ctx, args, settings{rounds: 3, period: 6 * time.Second}, storm)
	case "db":
		return growth(ctx, args)
	case "audit":
		return auditCost(ctx, args)
	case "engines":
		return withBinary(ctx, args, settings{rounds: 3, period: 4 * time.Second}, engines)
	default:
		return child(ctx, command, args)
	}
}

// withBinary reads the flags, builds the program into a directory of its own, and
// measures it.
func withBinary(ctx context.Context, args []string, s settings, measure func(ctx context.Context, s settings, binary string) error) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.IntVar(&s.rounds, "rounds", s.rounds, "how often everything is measured")
	flags.DurationVar(&s.period, "period", s.period, "how long one measurement of one round lasts")
	flags.IntVar(&s.workers, "workers", 4, "closed-loop clients of the calls")
	flags.IntVar(&s.starts, "starts", 20, "how often the start is timed")
	flags.DurationVar(&s.constant, "constant", time.Minute, "how long refused logins are compared")
	flags.BoolVar(&s.strict, "strict", true, "exit with 1 when a bound does not hold")
	if err := flags.Parse(args); err != nil {
		return err
	}
	harness.EndWithParent()
	dir, err := os.MkdirTemp("", "authserve-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	began := now()
	binary, err := harness.Build(ctx, dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d cores; build %.1f s (whatever the cache held), binary %.1f MB\n\n",
		runtime.Version(), runtime.NumCPU(), now().Sub(began).Seconds(), float64(info.Size())/1e6)
	err = measure(ctx, s, binary)
	fmt.Printf("\n(%v in all)\n", now().Sub(began).Round(time.Second))
	if errors.Is(err, errBounds) && !s.strict {
		return nil
	}
	return err
}

// measure prints what a request, a start and an idle service cost, and whether
// refused logins cost the same.
func measure(ctx context.Context, s settings, binary string) error {
	if err := measureStarts(ctx, s, binary); err != nil {
		return err
	}
	if err := measureCalls(ctx, s, binary, embedded); err != nil {
		return err
	}
	if err := measureOnPostgres(ctx, s, binary); err != nil {
		return err
	}
	return constantCost(ctx, s, binary)
}

// now is the time: benchmarks measure the real one.
func now() time.Time { return time.Now() } //nolint:forbidigo // as said
