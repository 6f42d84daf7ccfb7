package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"authserve/bootstrap/bench/load"
	"authserve/bootstrap/bench/stat"
)

// crowd measures a thousand workers who log in, and come back when they are told
// to, on a service that has done nothing yet.
func crowd(ctx context.Context, s settings, binary string) (results, error) {
	const a = argon2id
	server, err := startService(ctx, binary, dataDir(binary, "crowd", 0), a)
	if err != nil {
		return results{}, err
	}
	defer server.end()
	var alone, crowded takes
	var most footprint
	for range s.rounds {
		t, err := server.play(ctx, scene{}, s.period)
		if err != nil {
			return results{}, fmt.Errorf("%v, alone: %w", a, err)
		}
		alone = append(alone, t)
		stop := watchMemory(ctx, server.PID())
		t, err = server.play(ctx, scene{logins: crowdWorkers, warm: crowdWarmUp}, crowdPeriod(s))
		highest, watchErr := stop()
		if err == nil {
			err = watchErr
		}
		if err != nil {
			return results{}, fmt.Errorf("%v, crowd: %w", a, err)
		}
		crowded = append(crowded, t)
		if highest.mib > most.mib {
			most = highest
		}
	}
	name := fmt.Sprintf("%v, crowd", a)
	return results{
		rows:     []row{{name: name + " alone", takes: alone}, {name: name, takes: crowded}},
		verdicts: append(stormVerdicts(name, alone, crowded), crowdVerdicts(name, server, crowded, most)...),
	}, nil
}

// crowdWarmUp is how long a crowd takes to arrive, and to fall into its rhythm.
const crowdWarmUp = 4 * time.Second

// crowdPeriod is long enough for most of those who were refused to come back.
func crowdPeriod(s settings) time.Duration { return max(2*s.period, 10*time.Second) }

// fewestRefusals give a 99th percentile.
const fewestRefusals = 100

func crowdVerdicts(name string, server *service, crowded takes, most footprint) []verdict {
	var refusals []time.Duration
	var slowest time.Duration
	told, slow := 0, 0
	for _, t := range crowded {
		for _, attempt := range t.logins {
			slowest = max(slowest, attempt.Took())
			if attempt.Status == http.StatusServiceUnavailable {
				refusals = append(refusals, attempt.Took())
				if attempt.RetryAfter > 0 {
					told++
				}
				if millis(attempt.Took()) > refusalMillis {
					slow++
				}
			}
		}
	}
	workers := max(server.idle.processes-1, most.processes-1)
	inside := ""
	if workers == 0 { // hashes run in the service itself: one for each core
		workers, inside = cores(), " in the process"
	}
	measured := "PSS"
	if most.resident || server.idle.resident {
		measured = "RSS"
	}
	return []verdict{
		faultVerdict(name, crowded),
		{
			what: name + ": memory of the tree", measured: most.mib, unit: "MiB",
			bound: server.idle.mib + float64(workers)*(copiesOfMemory*argon2MiB+workerMiB) + treeMiB,
			why:   fmt.Sprintf("%s; idle %.0f + %d workers%s × (2 × %.0f + 15) + 100", measured, server.idle.mib, workers, inside, argon2MiB),
		},
		{what: name + ": logins refused", measured: float64(len(refusals)), bound: fewestRefusals, atLeast: true, why: "or the crowd was none"},
		{what: name + ": refusals with Retry-After", measured: float64(told) / float64(len(refusals)), bound: refusedWithRetryAfterOf, atLeast: true, unit: "of all"},
		{
			what: name + ": refusal p99", measured: millis(stat.Percentile(refusals, mostly)), bound: refusalMillis, unit: "ms",
			why: fmt.Sprintf("p50 %.1f, max %.0f; %d of %d slower", millis(stat.Percentile(refusals, half)), millis(stat.Percentile(refusals, 1)), slow, len(refusals)),
		},
		{what: name + ": slowest login", measured: slowest.Seconds(), bound: deadlineSeconds, unit: "s", why: "http.request_timeout"},
	}
}

// watchMemory looks at the memory of a process tree through the measurement. stop
// ends that and returns the highest.
//
// It asks for the proportional set size only where more is resident than ever before:
// the kernel walks all pages for it, and for those milliseconds keeps the service from
// memory and everyone from that core. Asked every quarter of a second, that alone was
// what one request in a hundred waited for.
func watchMemory(ctx context.Context, pid int) (stop func() (footprint, error)) {
	ctx, cancel := context.WithCancel(ctx)
	type outcome struct {
		footprint
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		var most outcome
		resident := 0.0
		for ctx.Err() == nil && most.err == nil {
			var r, f footprint
			if r, most.err = residentOf(pid); r.mib > resident {
				resident = r.mib
				if f, most.err = memoryOf(pid); f.mib > most.mib {
					most.footprint = f
				}
			}
			load.Precisely(now().Add(time.Second))
		}
		done <- most
	}()
	return func() (footprint, error) {
		cancel()
		most := <-done
		return most.footprint, most.err
	}
}
