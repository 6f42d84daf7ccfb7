package conformance

import (
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func keyCases() []Case {
	return []Case{
		{
			"keys.create_then_list", true,
			"List returns every key with every field, oldest first, those of one instant by ID.",
			keyCreateThenList,
		},
		{
			"keys.id_is_unique", true,
			"Creating a key whose ID is taken is a conflict of id and leaves the first.",
			keyIDIsUnique,
		},
		{
			"keys.set_state", true,
			"SetState writes state and time where the key is in the expected state; otherwise, or when the key is gone, it is ErrStale and changes nothing.",
			keySetState,
		},
		{
			"keys.delete", true,
			"Delete removes the key; of an unknown key it is ErrNotFound.",
			keyDelete,
		},
	}
}

func (s *subject) keys() []domain.SigningKey {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) ([]domain.SigningKey, error) { return tx.Keys().List(ctx) })
}

func (s *subject) createKey(k domain.SigningKey) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Keys().Create(ctx, k) })
}

func (s *subject) setState(id domain.ID, from, to domain.KeyState, at time.Time) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Keys().SetState(ctx, id, from, to, at) })
}

func keyCreateThenList(s *subject) {
	equal(s, "the number of keys of an empty store", len(s.keys()), 0)
	created := func(at time.Time) func(*domain.SigningKey) { return func(k *domain.SigningKey) { k.CreatedAt = at } }
	oldest := fake.SigningKey(9, created(fake.Epoch().Add(-time.Microsecond)), func(k *domain.SigningKey) {
		k.Algorithm, k.State, k.StateSince = domain.RS256, domain.KeyRetired, fake.Epoch().Add(time.Hour)
	})
	youngest := fake.SigningKey(1, created(fake.Epoch().Add(time.Hour)), func(k *domain.SigningKey) {
		k.Algorithm, k.State = domain.EdDSA, domain.KeyNext
	})
	want := []domain.SigningKey{oldest, fake.SigningKey(2), fake.SigningKey(3), fake.SigningKey(4), youngest}
	for _, i := range []int{3, 0, 4, 2, 1} {
		if err := s.createKey(want[i]); err != nil {
			s.Fatalf("Create: got error %v, want none", err)
		}
	}
	got := s.keys()
	equal(s, "the order of keys", ids(got, keyID), ids(want, keyID))
	for i := range min(len(got), len(want)) {
		equal(s, "a listed key", got[i], want[i])
	}
}

func keyIDIsUnique(s *subject) {
	first := fake.SigningKey(1)
	if err := s.createKey(first); err != nil {
		s.Fatalf("Create: got error %v, want none", err)
	}
	s.conflicts("a second key of the same ID", s.createKey(fake.SigningKey(2, func(k *domain.SigningKey) { k.ID = first.ID })), "id")
	equal(s, "the keys", s.keys(), []domain.SigningKey{first})
}

func keySetState(s *subject) {
	key, other := fake.SigningKey(1), fake.SigningKey(2)
	for _, k := range []domain.SigningKey{key, other} {
		if err := s.createKey(k); err != nil {
			s.Fatalf("Create: got error %v, want none", err)
		}
	}
	at := fake.Epoch().Add(time.Hour)
	for _, from := range []domain.KeyState{domain.KeyNext, domain.KeyRetired} {
		s.fails("SetState from another state", s.setState(key.ID, from, domain.KeyRetired, at), ports.ErrStale)
	}
	s.fails("SetState of nothing", s.setState(fake.SigningKey(3).ID, domain.KeyActive, domain.KeyRetired, at), ports.ErrStale)
	equal(s, "the keys", s.keys(), []domain.SigningKey{key, other})
	if err := s.setState(key.ID, domain.KeyActive, domain.KeyRetired, at); err != nil {
		s.Fatalf("SetState: got error %v, want none", err)
	}
	key.State, key.StateSince = domain.KeyRetired, at
	equal(s, "the keys", s.keys(), []domain.SigningKey{key, other})
}

func keyDelete(s *subject) {
	for n := 1; n <= 2; n++ {
		if err := s.createKey(fake.SigningKey(n)); err != nil {
			s.Fatalf("Create: got error %v, want none", err)
		}
	}
	remove := func() error {
		return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Keys().Delete(ctx, fake.SigningKey(1).ID) })
	}
	if err := remove(); err != nil {
		s.Fatalf("Delete: got error %v, want none", err)
	}
	equal(s, "the keys", s.keys(), []domain.SigningKey{fake.SigningKey(2)})
	s.fails("Delete of nothing", remove(), ports.ErrNotFound)
}
