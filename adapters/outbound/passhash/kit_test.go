package passhash_test

import (
	"encoding/base64"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"

	"authserve/adapters/outbound/passhash"
	"authserve/adapters/outbound/passhash/worker"
	"authserve/adapters/outbound/seal"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// runner computes in the caller's goroutine, counts, and can be made to wait.
type runner struct {
	mu   sync.Mutex
	jobs []worker.Job
	err  error
	gate chan struct{} // nil: open
}

func (r *runner) Run(_ int, job worker.Job) (worker.Result, error) {
	r.mu.Lock()
	r.jobs = append(r.jobs, job)
	gate, err := r.gate, r.err
	r.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if err != nil {
		return worker.Result{}, err
	}
	return passhash.Compute(job)
}

func (*runner) Close() {}

func (r *runner) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.jobs)
}

func cheap() passhash.Config {
	return passhash.Config{Algorithm: passhash.Argon2id, Argon2Memory: 64, Argon2Time: 1, Argon2Parallelism: 1, BcryptCost: 10, Workers: 2, Queue: 16}
}

func masterKey(seed uint64) domain.Secret {
	return domain.NewSecret(base64.StdEncoding.EncodeToString(fake.NewRandom(seed).Bytes(32)))
}

func keyring(t *testing.T, keys ...domain.Secret) ports.Sealer {
	t.Helper()
	ring, err := seal.New(fake.NewRandom(1), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func engine(t *testing.T, cfg passhash.Config, deps passhash.Deps) *passhash.Engine {
	t.Helper()
	if deps.Runner == nil {
		deps.Runner = &runner{}
	}
	if deps.Sealer == nil {
		deps.Sealer = keyring(t, masterKey(1))
	}
	deps.Random, deps.Clock, deps.Meters = fake.NewRandom(1), fake.NewClock(fake.Epoch()), noop.NewMeterProvider()
	e, err := passhash.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func hashOf(t *testing.T, e *passhash.Engine, password string) domain.PasswordHash {
	t.Helper()
	h, err := e.Hash(t.Context(), domain.PresentedPassword(password))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

type verdict struct{ match, rehash bool }

func verify(t *testing.T, e *passhash.Engine, password string, h domain.PasswordHash) verdict {
	t.Helper()
	match, rehash, err := e.Verify(t.Context(), domain.PresentedPassword(password), h)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return verdict{match, rehash}
}

const right = "correct horse battery staple"
