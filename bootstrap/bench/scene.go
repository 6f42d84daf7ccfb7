package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"authserve/bootstrap/bench/load"
	"authserve/bootstrap/bench/stat"
	"authserve/bootstrap/harness"
)

const (
	readsPerSecond = 200
	stormWorkers   = 32
	crowdWorkers   = 1000
	stormAccounts  = 128
	reader         = "reader@example.com"
	// assembly is the time that the processes of one measurement get to start.
	assembly = time.Second
	warmUp   = time.Second
)

// service is one running service with accounts.
type service struct {
	*harness.Process
	hash   algorithm
	client harness.Client
	idle   footprint // before it had any work

	loggedIn, registered atomic.Int64
}

// startService starts the binary with a data directory of its own in dir and
// registers who reads and who logs in.
func startService(ctx context.Context, binary, dir string, a algorithm, args ...string) (*service, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	p, err := harness.Start(ctx, binary, dir, harness.Environ(dir, a.environ()...), args...)
	if err != nil {
		return nil, err
	}
	s := &service{Process: p, hash: a, client: harness.NewClient(p.HTTP)}
	if s.idle, err = s.settled(ctx); err == nil {
		err = s.register(ctx)
	}
	if err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// settled is the memory of the service once it has answered and done nothing since.
func (s *service) settled(ctx context.Context) (footprint, error) {
	a, err := s.client.Do(ctx, http.MethodGet, "/healthz", nil, "")
	if err := expect(a, err, http.StatusOK); err != nil {
		return footprint{}, err
	}
	load.Precisely(now().Add(time.Second))
	return memoryOf(s.PID())
}

func (s *service) register(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	group.Go(func() error {
		a, err := s.client.Register(ctx, reader)
		return expect(a, err, http.StatusCreated)
	})
	for i := range stormAccounts {
		group.Go(func() error {
			a, err := s.client.Register(ctx, address(i))
			return expect(a, err, http.StatusCreated)
		})
	}
	return group.Wait()
}

// login is a call for measureCall.
func (s *service) login(ctx context.Context, _ int) error {
	a, _, err := s.client.Login(ctx, address(int(s.loggedIn.Add(1)%stormAccounts)))
	return expect(a, err, http.StatusOK)
}

// registerNext is a call for measureCall.
func (s *service) registerNext(ctx context.Context, _ int) error {
	a, err := s.client.Register(ctx, address(stormAccounts+int(s.registered.Add(1))))
	return expect(a, err, http.StatusCreated)
}

// end stops the service, whatever state it is in.
func (s *service) end() { _ = s.Kill() }

// scene is what happens beside the reader.
type scene struct {
	logins    int  // workers who log in
	fed       bool // the hash workers are fed directly
	disturbed bool // one core is half busy with something else
	warm      time.Duration
}

// take is one measurement of a scene.
type take struct {
	window load.Window
	reads  load.Opened
	logins []load.Attempt
	fed    fedResult
}

// play measures one scene once.
func (s *service) play(ctx context.Context, c scene, period time.Duration) (take, error) {
	_, tokens, err := s.client.Login(ctx, reader)
	if err != nil {
		return take{}, err
	}
	begin := now().Add(assembly)
	if c.fed {
		begin = begin.Add(assembly) // the engine hashes once before it can be fed
	}
	t := take{window: load.Window{Begin: begin, Warm: max(c.warm, warmUp), Period: period}}
	if c.disturbed {
		end, err := startBurner(ctx)
		if err != nil {
			return take{}, err
		}
		defer end()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		t.reads, err = ask[load.Opened](ctx, commandReader, readerSpec{Base: s.HTTP, Token: tokens.Access, Window: t.window})
		return err
	})
	if c.logins > 0 {
		group.Go(func() (err error) {
			t.logins, err = ask[[]load.Attempt](ctx, commandLogins, loginSpec{Base: s.HTTP, Workers: c.logins, Window: t.window})
			return err
		})
	}
	if c.fed {
		group.Go(func() (err error) {
			t.fed, err = ask[fedResult](ctx, commandFeed, feedSpec{Algorithm: s.hash, Workers: stormWorkers, Window: t.window})
			return err
		})
	}
	return t, group.Wait()
}

// faults counts the answers that no scene should have, and describes one.
func (t take) faults() (n int, example string) {
	n, example = t.reads.Failed, t.reads.Fault
	for _, a := range t.logins {
		if a.Status != http.StatusOK && a.Status != http.StatusServiceUnavailable {
			n++
			example = fmt.Sprintf("a login after %v: %d %s", a.Took(), a.Status, a.Fault)
		}
	}
	return n, example
}

// perSecond is how many logins a second ended with the status.
func (t take) perSecond(status int) float64 { return load.PerSecond(t.window, t.logins, status) }

// read is a percentile of the latencies of reading, in milliseconds.
func (t take) read(q float64) float64 { return millis(stat.Percentile(t.reads.Latency, q)) }

// late is the 99th percentile of how late the generator was, in milliseconds.
func (t take) late() float64 { return millis(stat.Percentile(t.reads.Late, 0.99)) }

// takes are the rounds of one scene.
type takes []take

// median is the median over the rounds.
func (t takes) median(of func(take) float64) float64 {
	values := make([]float64, len(t))
	for i := range t {
		values[i] = of(t[i])
	}
	return stat.Median(values)
}

// highest is the highest over the rounds.
func (t takes) highest(of func(take) float64) float64 {
	var most float64
	for i := range t {
		most = max(most, of(t[i]))
	}
	return most
}

func (t takes) read(q float64) float64 {
	return t.median(func(t take) float64 { return t.read(q) })
}

// slowest is the slowest read of all rounds, in milliseconds.
func (t takes) slowest() float64 {
	return t.highest(func(t take) float64 { return t.read(1) })
}

func (t takes) perSecond(status int) float64 {
	return t.median(func(t take) float64 { return t.perSecond(status) })
}

// startBurner begins the disturbance and returns what ends it.
func startBurner(ctx context.Context) (end func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd, err := self(ctx, commandBurn)
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return func() { cancel(); _ = cmd.Wait() }, nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// dataDir is a directory for the numbered service beside the binary.
func dataDir(binary, name string, number int) string {
	return filepath.Join(filepath.Dir(binary), name+strconv.Itoa(number))
}
