package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"authserve/bootstrap/harness"
)

// measureStarts times the way from the start of the process to its first 200 with
// a fresh data directory, and again with the one that this made.
func measureStarts(ctx context.Context, s settings, binary string) error {
	root := filepath.Dir(binary)
	for _, c := range []struct {
		name string
		dir  func(i int) string
	}{
		{"fresh directory", func(i int) string { return filepath.Join(root, "fresh"+strconv.Itoa(i)) }},
		{"existing directory", func(int) string { return filepath.Join(root, "fresh0") }},
	} {
		var times []time.Duration
		for i := range s.starts {
			took, err := timeStart(ctx, binary, c.dir(i))
			if err != nil {
				return err
			}
			times = append(times, took)
		}
		slices.Sort(times)
		fmt.Printf("start to first 200, %-18s  median %3d ms  (min %d, max %d, %d starts)\n", c.name,
			times[len(times)/2].Milliseconds(), times[0].Milliseconds(), times[len(times)-1].Milliseconds(), len(times))
	}
	fmt.Println()
	return nil
}

func timeStart(ctx context.Context, binary, dir string) (time.Duration, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	began := now()
	p, err := harness.Start(ctx, binary, dir, harness.Environ(dir))
	if err != nil {
		return 0, err
	}
	defer p.Kill() //nolint:errcheck // where anything below fails
	a, err := harness.NewClient(p.HTTP).Do(ctx, "GET", "/healthz", nil, "")
	took := now().Sub(began)
	if err != nil || a.Status != 200 {
		return 0, fmt.Errorf("/healthz: %d, %w", a.Status, err)
	}
	_, err = p.Terminate()
	return took, err
}
