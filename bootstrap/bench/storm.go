package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"authserve/bootstrap/bench/load"
	"authserve/bootstrap/bench/stat"
)

// results are what a storm printed in the end.
type results struct {
	rows     []row
	verdicts []verdict
}

func (r *results) add(more results) {
	r.rows = append(r.rows, more.rows...)
	r.verdicts = append(r.verdicts, more.verdicts...)
}

// storm measures what logins do to reading, what they cost, and what a crowd of
// them does.
func storm(ctx context.Context, s settings, binary string) error {
	var all results
	for i, a := range algorithms() {
		r, err := stormOf(ctx, s, binary, dataDir(binary, "storm", i), a)
		if err != nil {
			return err
		}
		all.add(r)
	}
	r, err := crowd(ctx, s, binary)
	if err != nil {
		return err
	}
	all.add(r)
	fmt.Printf("%d reads/s; logins by %d workers, %d in the crowd; medians of %d rounds of %v, max of all\n",
		readsPerSecond, stormWorkers, crowdWorkers, s.rounds, s.period)
	if err := printRows(all.rows); err != nil {
		return err
	}
	fmt.Println()
	return printVerdicts(all.verdicts)
}

// stormOf measures one algorithm.
func stormOf(ctx context.Context, s settings, binary, dir string, a algorithm) (results, error) {
	server, err := startService(ctx, binary, dir, a)
	if err != nil {
		return results{}, err
	}
	defer server.end()
	scenes := []struct {
		name string
		scene
	}{
		{"alone", scene{}},
		{"storm", scene{logins: stormWorkers}},
		{"fed directly", scene{fed: true}},
		{"alone, half a core busy", scene{disturbed: true}},
		{"storm, half a core busy", scene{logins: stormWorkers, disturbed: true}},
	}
	played := make([]takes, len(scenes))
	var costs []cost
	var shared share
	for range s.rounds {
		for i, c := range scenes {
			t, err := server.play(ctx, c.scene, s.period)
			if err != nil {
				return results{}, fmt.Errorf("%v, %s: %w", a, c.name, err)
			}
			played[i] = append(played[i], t)
		}
		if err := shared.measure(ctx, server, s.period/2); err != nil {
			return results{}, fmt.Errorf("%v, the share of logins: %w", a, err)
		}
		c, err := measureCost(ctx, s, server)
		if err != nil {
			return results{}, fmt.Errorf("%v: %w", a, err)
		}
		costs = append(costs, c)
	}
	var r results
	for i, c := range scenes {
		r.rows = append(r.rows, row{name: fmt.Sprintf("%v, %s", a, c.name), takes: played[i], fed: c.fed})
	}
	r.verdicts = append(r.verdicts, stormVerdicts(fmt.Sprintf("%v, storm", a), played[0], played[1])...)
	r.verdicts = append(r.verdicts, shared.verdict(a))
	r.verdicts = append(r.verdicts, costVerdicts(a, costs)...)
	r.verdicts = append(r.verdicts, disturbedVerdicts(fmt.Sprintf("%v, storm, half a core busy", a), played[3], played[4])...)
	r.verdicts = append(r.verdicts, faultVerdict(a.String(), played...))
	return r, nil
}

// share is what logins get of the hash workers. A machine's speed may change by a
// fifth within seconds, so the two sides are measured in many short turns.
type share struct {
	logins, fed float64   // per second, summed over the turns
	turns       []float64 // the share of each
}

// turnsOfRound is a multiple of two: which side begins alternates.
const turnsOfRound = 4

func (sh *share) measure(ctx context.Context, server *service, period time.Duration) error {
	for i := range turnsOfRound {
		sides := []scene{{logins: stormWorkers}, {fed: true}}
		if i%2 == 1 {
			slices.Reverse(sides)
		}
		var logins, fed float64
		for _, side := range sides {
			t, err := server.play(ctx, side, period)
			if err != nil {
				return err
			}
			logins += t.perSecond(http.StatusOK)
			fed += t.fed.PerSecond
		}
		sh.logins, sh.fed = sh.logins+logins, sh.fed+fed
		sh.turns = append(sh.turns, logins/fed)
	}
	return nil
}

func (sh *share) verdict(a algorithm) verdict {
	return verdict{
		what: fmt.Sprintf("%v: logins against fed directly", a), measured: sh.logins / sh.fed, bound: fedShare, atLeast: true, unit: "×",
		why: fmt.Sprintf("of %d turns in all; median %.2f, %.2f to %.2f", len(sh.turns), stat.Median(sh.turns), slices.Min(sh.turns), slices.Max(sh.turns)),
	}
}

// cost is the CPU of one round, in milliseconds.
type cost struct{ raw, login, register float64 }

// measureCost measures the CPU of a hash, of a login and of a registration, one
// after the other.
func measureCost(ctx context.Context, s settings, server *service) (cost, error) {
	raw, err := ask[rawResult](ctx, commandRaw, rawSpec{
		Algorithm: server.hash, Window: load.Window{Begin: now(), Warm: warmUp, Period: s.period / 2},
	})
	if err != nil {
		return cost{}, err
	}
	c := cost{raw: millis(raw.CPU)}
	closed := settings{workers: 4, period: s.period / 2}
	login, err := measureCall(ctx, closed, call{name: "login", do: server.login}, server.PID())
	if err != nil {
		return cost{}, err
	}
	register, err := measureCall(ctx, closed, call{name: "register", do: server.registerNext}, server.PID())
	// CPU seconds of 1,000 calls are milliseconds of one.
	c.login, c.register = login.cpu, register.cpu
	return c, err
}

func costVerdicts(a algorithm, costs []cost) []verdict {
	ratios := func(of func(cost) float64) (ratio, millis float64) {
		var all, each []float64
		for _, c := range costs {
			all, each = append(all, of(c)/c.raw), append(each, of(c))
		}
		return stat.Median(all), stat.Median(each)
	}
	_, raw := ratios(func(c cost) float64 { return c.raw })
	login, loginMillis := ratios(func(c cost) float64 { return c.login })
	register, registerMillis := ratios(func(c cost) float64 { return c.register })
	return []verdict{
		{
			what: fmt.Sprintf("%v: CPU of a login", a), measured: login, bound: rawTimes, unit: "raw hashes",
			why: fmt.Sprintf("%.1f ms against %.1f", loginMillis, raw),
		},
		{
			what: fmt.Sprintf("%v: CPU of a registration", a), measured: register, bound: rawTimes, unit: "raw hashes",
			why: fmt.Sprintf("%.1f ms against %.1f", registerMillis, raw),
		},
	}
}
