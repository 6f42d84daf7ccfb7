package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"authserve/bootstrap/dbtest"
	"authserve/bootstrap/harness"
)

// rider is a client that goes on at the next replica when one does not answer, as
// behind a load balancer.
type rider struct {
	t        *testing.T
	replicas []harness.Client
	at       int
	missed   *atomic.Int64 // calls without an answer
}

// call repeats fn at one replica after the other until one answers.
func (r *rider) call(fn func(c harness.Client) (harness.Answer, error)) (a harness.Answer, repeated bool) {
	for range 2 * len(r.replicas) {
		var err error
		if a, err = fn(r.replicas[r.at%len(r.replicas)]); err == nil {
			r.at++
			return a, repeated
		}
		r.missed.Add(1)
		r.at++
		repeated = true
	}
	r.t.Error("no replica answers")
	return a, repeated
}

// ride registers, logs in and refreshes until ctx ends. It returns the refresh tokens
// that it was answered last, by address.
func (r *rider) ride(ctx context.Context, name string, done func()) map[string]string {
	last := map[string]string{}
	for n := 0; ctx.Err() == nil && !r.t.Failed(); n++ {
		email := fmt.Sprintf("%s-%d@example.com", name, n)
		a, repeated := r.call(func(c harness.Client) (harness.Answer, error) { return c.Register(r.t.Context(), email) })
		if a.Status != http.StatusCreated && (!repeated || a.Code() != "email_taken") {
			r.t.Errorf("register = %d %s", a.Status, a.Body)
		}
		var tokens harness.Tokens
		a, _ = r.call(func(c harness.Client) (a harness.Answer, err error) {
			a, tokens, err = c.Login(r.t.Context(), email)
			return a, err
		})
		for range 2 {
			if a.Status != http.StatusOK {
				r.t.Errorf("%s: %d %s", a.Request.URL.Path, a.Status, a.Body)
				return last
			}
			last[email] = tokens.Refresh
			spent := tokens.Refresh // presented again where the answer was lost
			a, _ = r.call(func(c harness.Client) (a harness.Answer, err error) {
				a, tokens, err = c.Refresh(r.t.Context(), spent)
				return a, err
			})
		}
		last[email] = tokens.Refresh
		done()
	}
	return last
}

func TestReplicaKilledUnderLoadLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, server *dbtest.Server) {
		all, _ := startReplicas(t, server)
		clients := make([]harness.Client, len(all))
		for i, p := range all {
			clients[i] = harness.NewClient(p.HTTP)
		}
		var missed atomic.Int64
		progress := acknowledged{grew: make(chan struct{})}
		load, stop := context.WithCancel(t.Context())
		defer stop()
		var riders sync.WaitGroup
		last := make([]map[string]string, 6)
		for i := range last {
			riders.Go(func() {
				r := rider{t: t, replicas: clients, at: i, missed: &missed}
				last[i] = r.ride(load, fmt.Sprintf("rider-%d", i), func() { progress.add("") })
			})
		}
		progress.awaitMore(t.Context(), 12)
		if err := all[0].Kill(); err != nil {
			t.Error(err)
		}
		progress.awaitMore(t.Context(), 12)
		stop()
		riders.Wait()
		if missed.Load() == 0 {
			t.Error("nobody missed the replica: the test tests nothing")
		}
		accounts := 0
		for _, tokens := range last {
			for email, token := range tokens {
				accounts++
				if a, _, err := clients[1+accounts%2].Refresh(t.Context(), token); err != nil || a.Status != http.StatusOK {
					t.Errorf("the last token of %s: %d, %v %s; want 200", email, a.Status, err, a.Body)
				}
				if a, _, err := clients[2-accounts%2].Login(t.Context(), email); err != nil || a.Status != http.StatusOK {
					t.Errorf("the login of %s: %d, %v %s; want 200", email, a.Status, err, a.Body)
				}
			}
		}
		t.Logf("%d accounts, %d calls without an answer", accounts, missed.Load())
		for i, p := range all[1:] {
			if code, err := p.Terminate(); err != nil || code != 0 {
				t.Errorf("replica %d ended with %d, %v; want 0\n%s", i+1, code, err, p.Log())
			}
		}
	})
}
