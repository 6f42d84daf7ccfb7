package token

import (
	"context"
	"errors"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// guardAttempts bounds how often a change of the keys is planned anew after
// another replica changed them first.
const guardAttempts = 5

// PublishedMaxAge is how long clients may keep the published keys. A next key waits
// for publishedFor before it signs, so that each of them has seen it.
const (
	PublishedMaxAge = 5 * time.Minute
	publishedFor    = PublishedMaxAge + ringMaxAge
)

// EnsureKeys makes sure that there are one active key, and one next key of the
// configured algorithm, and loads the ring. Safe to call from many replicas at
// once: one of them makes the keys.
func (s *Service) EnsureKeys(ctx context.Context) error {
	if _, err := s.change(ctx, s.planMissing); err != nil {
		return err
	}
	_, err := s.load(ctx, s.ring.Load())
	return err
}

// RotateIfDue takes every key one step further when the active one is older than
// every, and deletes retired keys that nothing unexpired was signed with. It
// reports whether another key signs now.
func (s *Service) RotateIfDue(ctx context.Context, every time.Duration) (bool, error) {
	steps, err := s.change(ctx, func(ctx context.Context, keys []domain.SigningKey) ([]step, error) {
		return s.planDue(ctx, keys, every)
	})
	if err != nil || len(steps) == 0 {
		return false, err
	}
	_, err = s.load(ctx, s.ring.Load())
	return slices.ContainsFunc(steps, func(st step) bool { return st.to == domain.KeyActive }), err
}

// step is one change of one key.
type step struct {
	key    domain.SigningKey
	create bool
	remove bool
	to     domain.KeyState // where neither created nor removed
}

type plan func(ctx context.Context, keys []domain.SigningKey) ([]step, error)

// change plans against the stored keys and carries the plan out if no other
// replica changed them in between; otherwise it plans anew. Keys are generated
// while planning, outside of any transaction. It returns the steps that were done.
func (s *Service) change(ctx context.Context, plan plan) ([]step, error) {
	for range guardAttempts {
		var keys []domain.SigningKey
		var guard int64
		err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
			if guard, err = tx.Guards().Read(ctx, domain.SigningKeysGuard); err != nil {
				return err
			}
			keys, err = tx.Keys().List(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		steps, err := plan(ctx, keys)
		if err != nil || len(steps) == 0 {
			return nil, err
		}
		err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
			if err := tx.Guards().Advance(ctx, domain.SigningKeysGuard, guard); err != nil {
				return err
			}
			for _, st := range steps {
				if err := s.apply(ctx, tx, st); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			return steps, nil
		}
		if !errors.Is(err, ports.ErrStale) {
			return nil, err
		}
	}
	return nil, ports.ErrStale
}

func (s *Service) apply(ctx context.Context, tx ports.Tx, st step) error {
	now := s.clock.Now()
	action, detail := domain.AuditKeyStateChanged, map[string]string{"kid": string(st.key.ID)}
	var err error
	switch {
	case st.create:
		action, detail["state"] = domain.AuditKeyCreated, string(st.key.State)
		err = tx.Keys().Create(ctx, st.key)
	case st.remove:
		detail["state"] = "deleted"
		err = tx.Keys().Delete(ctx, st.key.ID)
	default:
		detail["state"] = string(st.to)
		err = tx.Keys().SetState(ctx, st.key.ID, st.key.State, st.to, now)
	}
	if err != nil {
		return err
	}
	return tx.Audit().Append(ctx, domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), action, "", now, detail))
}

// planMissing creates what the configured algorithm lacks. The active key stays,
// whatever its algorithm: a key signs only after it was published as the next one.
func (s *Service) planMissing(ctx context.Context, keys []domain.SigningKey) ([]step, error) {
	var steps []step
	present := map[domain.KeyState]bool{}
	for _, k := range keys {
		if k.State == domain.KeyNext && k.Algorithm != s.cfg.Algorithm {
			steps = append(steps, step{key: k, remove: true}) // it never signed
			continue
		}
		present[k.State] = true
	}
	for _, state := range []domain.KeyState{domain.KeyActive, domain.KeyNext} {
		if present[state] {
			continue
		}
		k, err := s.generate(ctx, state)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step{key: k, create: true})
	}
	return steps, nil
}

// planDue rotates when the active key is old enough or of another algorithm than
// the configured one, and only onto a next key that was published for long enough.
func (s *Service) planDue(ctx context.Context, keys []domain.SigningKey, every time.Duration) ([]step, error) {
	now := s.clock.Now()
	var steps []step
	var active, next *domain.SigningKey
	for i, k := range keys {
		switch k.State {
		case domain.KeyActive:
			active = &keys[i]
		case domain.KeyNext:
			next = &keys[i]
		case domain.KeyRetired:
			// The last token it signed, as late as a replica with an old ring could.
			if now.Sub(k.StateSince) > s.cfg.AccessTTL+s.cfg.Leeway+ringMaxAge {
				steps = append(steps, step{key: k, remove: true})
			}
		}
	}
	if active == nil || next == nil || now.Sub(next.CreatedAt) < publishedFor {
		return steps, nil
	}
	if old := every > 0 && now.Sub(active.StateSince) >= every; !old && active.Algorithm == s.cfg.Algorithm {
		return steps, nil
	}
	fresh, err := s.generate(ctx, domain.KeyNext)
	if err != nil {
		return nil, err
	}
	return append(steps,
		step{key: *active, to: domain.KeyRetired},
		step{key: *next, to: domain.KeyActive},
		step{key: fresh, create: true},
	), nil
}
