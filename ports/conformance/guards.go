package conformance

import (
	"context"

	"authserve/ports"
)

func guardCases() []Case {
	return []Case{
		{
			"guards.read_and_advance", true,
			"A guard never advanced reads 0; each Advance from the present count raises it by one, and other guards stay.",
			guardReadAndAdvance,
		},
		{
			"guards.advance_is_conditional", true,
			"Advance from any other count than the present one is ErrStale and changes nothing.",
			guardAdvanceIsConditional,
		},
	}
}

func (s *subject) advanceGuard(name string, from int64) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Guards().Advance(ctx, name, from) })
}

func guardReadAndAdvance(s *subject) {
	equal(s, "a guard never advanced", s.guard("a"), 0)
	for i := range int64(3) {
		if err := s.advanceGuard("a", i); err != nil {
			s.Fatalf("Advance from %d: got error %v, want none", i, err)
		}
		equal(s, "the guard", s.guard("a"), i+1)
	}
	equal(s, "another guard", s.guard("b"), 0)
}

func guardAdvanceIsConditional(s *subject) {
	for _, from := range []int64{1, -1} {
		s.fails("the first Advance from another count than 0", s.advanceGuard("a", from), ports.ErrStale)
	}
	equal(s, "a guard never advanced", s.guard("a"), 0)
	for i := range int64(2) {
		if err := s.advanceGuard("a", i); err != nil {
			s.Fatalf("Advance from %d: got error %v, want none", i, err)
		}
	}
	for _, from := range []int64{0, 1, 3} {
		s.fails("Advance from another count", s.advanceGuard("a", from), ports.ErrStale)
	}
	equal(s, "the guard", s.guard("a"), 2)
}
