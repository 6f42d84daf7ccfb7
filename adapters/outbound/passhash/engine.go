package passhash

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"

	"authserve/adapters/outbound/passhash/queue"
	"authserve/adapters/outbound/passhash/scheme"
	"authserve/adapters/outbound/passhash/worker"
	"authserve/core/domain"
	"authserve/ports"
)

// Runner computes. No two jobs are given the same slot at a time.
type Runner interface {
	Run(slot int, job worker.Job) (worker.Result, error)
	Close()
}

// Deps are what an Engine needs from outside.
type Deps struct {
	Runner Runner // closed with the engine
	Random ports.Random
	Clock  ports.Clock // must agree with the deadlines of contexts
	Sealer ports.Sealer
	Meters metric.MeterProvider
}

// Engine implements ports.Hasher.
type Engine struct {
	settings scheme.Settings // of new hashes
	pepper   bool
	deps     Deps
	queue    *queue.Queue
	meter    *instruments
}

var _ ports.Hasher = (*Engine)(nil)

// New makes an engine. The error names what is wrong with cfg.
func New(cfg Config, deps Deps) (*Engine, error) {
	settings, err := cfg.Settings()
	if err != nil {
		return nil, fmt.Errorf("password hashing: %w", err)
	}
	e := &Engine{settings: settings, pepper: cfg.Pepper, deps: deps}
	if e.meter, err = newInstruments(deps.Meters); err != nil {
		return nil, fmt.Errorf("password hashing: %w", err)
	}
	e.queue, err = queue.New(queue.Config{Slots: cfg.Workers, Waiting: cfg.Queue, Events: e.meter.events()}, deps.Clock)
	if err != nil {
		return nil, fmt.Errorf("password hashing: %w", err)
	}
	return e, e.meter.observe(e.queue)
}

// closeTime is how long Close waits for what runs.
const closeTime = 5 * time.Second

// Close refuses new work with ErrUnavailable, waits for what runs, though no longer
// than 5 s, and ends the workers.
func (e *Engine) Close() {
	impatience := time.AfterFunc(closeTime, e.deps.Runner.Close)
	defer impatience.Stop()
	e.queue.Close()
	e.meter.close()
	e.deps.Runner.Close()
}

// Hash implements ports.Hasher. With bcrypt and no pepper, a password of more than
// 72 bytes is refused with KindInvalid.
func (e *Engine) Hash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	return e.make(ctx, p, operationHash)
}

// Rehash implements ports.Hasher.
func (e *Engine) Rehash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	return e.make(ctx, p, operationRehash)
}

func (e *Engine) make(ctx context.Context, p domain.Password, op operation) (domain.PasswordHash, error) {
	o := e.origin()
	plain, possible, err := e.input(ctx, o, e.settings, p)
	if err != nil {
		return domain.PasswordHash{}, err
	}
	if !possible {
		return domain.PasswordHash{}, domain.Invalid(domain.FieldError{
			Field: "password", Code: domain.CodeTooLong,
			Message: fmt.Sprintf("The password has more than %d bytes.", domain.MaxBcryptBytes),
		})
	}
	result, err := e.run(ctx, op, e.settings, worker.Job{
		Settings: e.settings.String(), Salt: e.deps.Random.Bytes(scheme.SaltSize), Password: plain,
	})
	if err != nil {
		return domain.PasswordHash{}, err
	}
	return domain.NewSecret(o.String() + result.Hash), nil
}

// Verify implements ports.Hasher.
func (e *Engine) Verify(ctx context.Context, p domain.Password, hash domain.PasswordHash) (match, needsRehash bool, err error) {
	r, err := parseRecord(hash.Reveal())
	if err != nil {
		return false, false, err
	}
	plain, possible, err := e.input(ctx, r.origin, r.hash.Settings(), p)
	if err != nil {
		return false, false, err
	}
	result, err := e.run(ctx, operationVerify, r.hash.Settings(), worker.Job{Hash: r.hash.String(), Password: plain})
	if err != nil {
		return false, false, err
	}
	return result.Match && possible, r.origin != e.origin() || r.hash.WeakerThan(e.settings), nil
}

// Dummy implements ports.Hasher.
func (e *Engine) Dummy(settings string) domain.PasswordHash {
	o, text := cutOrigin(settings)
	s, err := scheme.ParseSettings(text)
	if err != nil || !e.hasPepper(o) {
		o, s = e.origin(), e.settings
	}
	return domain.NewSecret(o.String() + s.Dummy(e.deps.Random.Bytes).String())
}

// Import implements ports.Hasher.
func (e *Engine) Import(encoded domain.Secret) (domain.PasswordHash, error) {
	hash, err := scheme.Import(encoded.Reveal())
	if err != nil {
		return domain.PasswordHash{}, domain.NewError(domain.KindInvalid, domain.CodeInvalidFormat, "The password hash cannot be imported: "+err.Error()+".")
	}
	return domain.NewSecret(origin{imported: true}.String() + hash.String()), nil
}

// run computes job when its turn comes. A panic and what else a worker fails with is
// ErrUnavailable: the stored password is neither right nor wrong.
func (e *Engine) run(ctx context.Context, op operation, s scheme.Settings, job worker.Job) (worker.Result, error) {
	ticket := queue.Ticket{Network: network(domain.ActorFrom(ctx)), Kind: s.String(), Background: op == operationRehash}
	result, err := queue.Do(ctx, e.queue, ticket, func(slot int) (worker.Result, error) {
		begun := e.deps.Clock.Now()
		result, err := e.deps.Runner.Run(slot, job)
		e.meter.worked(ctx, s.Algorithm(), op, e.deps.Clock.Now().Sub(begun), err)
		return result, err
	})
	if err != nil && !errors.As(err, new(*domain.Error)) && (ctx.Err() == nil || !errors.Is(err, ctx.Err())) {
		err = ports.ErrUnavailable.Wrap(err)
	}
	return result, err
}
