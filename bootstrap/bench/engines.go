package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
)

// engines measures the storm with every way to run a hash, the product's last, and
// prints a table in Markdown.
func engines(ctx context.Context, s settings, binary string) error {
	ways := []struct{ name, hasher string }{
		{"in the request's goroutine, unbounded", unbounded},
		{fmt.Sprintf("semaphore of %d (= cores)", cores()), slots},
		{fmt.Sprintf("semaphore of %d", max(cores()-1, 1)), fewerSlots},
		{fmt.Sprintf("%d threads at nice 19, GOMAXPROCS = cores + 2", cores()), lowThreads},
		{"the product", ""},
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Printf("%d login workers beside %d reads/s; reads p50 / p99 / max in ms, logins/s; medians of %d rounds of %v, max of all\n\n",
		stormWorkers, readsPerSecond, s.rounds, s.period)
	fmt.Println("| how the hash runs | argon2id, quiet | logins/s | argon2id, half a core busy | logins/s | bcrypt 12, quiet | logins/s | bcrypt 12, half a core busy | logins/s |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	// One service for each way and algorithm, all up throughout; those that nobody
	// asks do nothing.
	services := make([][]*service, len(ways))
	for i, way := range ways {
		for j, a := range algorithms() {
			path, args := binary, []string(nil)
			if way.hasher != "" {
				path, args = program, []string{"-hasher=" + way.hasher, "-algorithm=" + string(a)}
			}
			one, err := startService(ctx, path, dataDir(binary, "engine", 10*i+j), a, args...)
			if err != nil {
				return fmt.Errorf("%s, %v: %w", way.name, a, err)
			}
			defer one.end()
			services[i] = append(services[i], one)
		}
	}
	product := services[len(services)-1]
	columns := 2 * len(algorithms())
	alone, played := make([]takes, columns), make([][]takes, len(ways))
	for i := range played {
		played[i] = make([]takes, columns)
	}
	for range s.rounds {
		for c := range columns {
			disturbed := c%2 == 1
			t, err := product[c/2].play(ctx, scene{disturbed: disturbed}, s.period)
			if err != nil {
				return fmt.Errorf("alone: %w", err)
			}
			alone[c] = append(alone[c], t)
			for i, way := range ways {
				t, err := services[i][c/2].play(ctx, scene{logins: stormWorkers, disturbed: disturbed}, s.period)
				if err != nil {
					return fmt.Errorf("%s: %w", way.name, err)
				}
				played[i][c] = append(played[i][c], t)
			}
		}
	}
	printColumns("(reads alone)", alone)
	for i, way := range ways {
		printColumns(way.name, played[i])
	}
	for i, way := range ways {
		if v := faultVerdict(way.name, played[i]...); !v.holds() {
			fmt.Printf("\n%s: %.0f answers failed, such as %s\n", way.name, v.measured, v.why)
		}
	}
	return nil
}

func printColumns(name string, columns []takes) {
	fmt.Printf("| %s |", name)
	for _, t := range columns {
		logins := "-"
		if len(t[0].logins) > 0 {
			logins = number(t.perSecond(http.StatusOK))
		}
		fmt.Printf(" %s / %s / %.0f | %s |", number(t.read(half)), number(t.read(mostly)), t.slowest(), logins)
	}
	fmt.Println()
}
