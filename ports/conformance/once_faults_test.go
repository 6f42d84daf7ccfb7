package conformance_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

func onceFaults() []fault {
	tokens := func(plant func(ports.OneTimeTokens) ports.OneTimeTokens) func(ports.Store) ports.Store {
		return with(func(tx ports.Tx) ports.Tx { return faultyTokensTx{tx, plant} })
	}
	throttles := func(plant func(ports.Throttles) ports.Throttles) func(ports.Store) ports.Store {
		return with(func(tx ports.Tx) ports.Tx { return faultyThrottlesTx{tx, plant} })
	}
	erasures := func(plant func(ports.Erasures) ports.Erasures) func(ports.Store) ports.Store {
		return with(func(tx ports.Tx) ports.Tx { return faultyErasuresTx{tx, plant} })
	}
	return []fault{
		{"lets an older token end a newer one", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return ageBlind{s} }), []string{"one_time.newer_ends_older", "races.one_time_put"}},
		{"moves a hash to another slot", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return moving{s} }), []string{"one_time.hash_is_unique"}},
		{"keeps the first expiry of a token", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return unmoved{s} }), []string{"one_time.put_again"}},
		{"has one slot for all addresses", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return oneSlot{s} }), []string{"one_time.slots"}},
		{"takes the token of nobody", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return unbound{s} }), []string{"one_time.need_their_account"}},
		{"keeps no generation of a token", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return ungenerous{s} }), []string{"one_time.put_then_read"}},
		{"spends twice", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return respender{s} }), []string{"one_time.spend", "races.one_time_spend"}},
		{"ends tokens of every purpose", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return thorough{s} }), []string{"one_time.end_all"}},
		{"lists tokens newest first", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return backward{s} }), []string{"one_time.list_by_account"}},
		{"returns tokens in local time", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return localTokens{s} }), []string{"instants.return_in_utc"}},
		{"takes an expired token to undo for good", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return timeless{s} }), []string{"one_time.holder", "instants.compare_across_zones"}},
		{"finds the holder of an address as typed", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return lenient{s} }), []string{"one_time.holder"}},
		{"purges too many tokens", tokens(func(s ports.OneTimeTokens) ports.OneTimeTokens { return eagerTokens{s} }), []string{"one_time.purge"}},
		{"counts from one again", throttles(func(s ports.Throttles) ports.Throttles { return forgetfulCounts{s} }), []string{"throttles.fail_counts", "races.throttle_fail"}},
		{"clears every count", throttles(func(s ports.Throttles) ports.Throttles { return clearing{s} }), []string{"throttles.clear"}},
		{"purges too many counts", throttles(func(s ports.Throttles) ports.Throttles { return eagerCounts{s} }), []string{"throttles.purge"}},
		{"erases any version", with(func(tx ports.Tx) ports.Tx { return blindErasuresTx{tx} }), []string{"erasures.erase_is_conditional"}},
		{"keeps the messages to an erased account", with(func(tx ports.Tx) ports.Tx { return keepingTx{tx} }), []string{"erasures.erase"}},
		{"lists pending erasures newest first", erasures(func(s ports.Erasures) ports.Erasures { return backwardErasures{s} }), []string{"erasures.pending"}},
		{"finishes nothing", erasures(func(s ports.Erasures) ports.Erasures { return endlessErasures{s} }), []string{"erasures.finish", "erasures.pending"}},
		{"anonymises more than it may", erasures(func(s ports.Erasures) ports.Erasures { return overeager{s} }), []string{"erasures.anonymise"}},
		{"stops to anonymise too early", erasures(func(s ports.Erasures) ports.Erasures { return lazy{s} }), []string{"erasures.anonymise", "erasures.anonymise_chained", "races.anonymise"}},
		{"lists unverified accounts newest first", erasures(func(s ports.Erasures) ports.Erasures { return backwardErasures{s} }), []string{"erasures.unverified"}},
		{"hides what is over from its owner", with(func(tx ports.Tx) ports.Tx { return hidingTx{tx} }), []string{"personal_data.sessions", "personal_data.messages"}},
	}
}

type faultyTokensTx struct {
	ports.Tx
	plant func(ports.OneTimeTokens) ports.OneTimeTokens
}

func (t faultyTokensTx) OneTimeTokens() ports.OneTimeTokens { return t.plant(t.Tx.OneTimeTokens()) }

type faultyThrottlesTx struct {
	ports.Tx
	plant func(ports.Throttles) ports.Throttles
}

func (t faultyThrottlesTx) Throttles() ports.Throttles { return t.plant(t.Tx.Throttles()) }

type faultyErasuresTx struct {
	ports.Tx
	plant func(ports.Erasures) ports.Erasures
}

func (t faultyErasuresTx) Erasures() ports.Erasures { return t.plant(t.Tx.Erasures()) }

type ageBlind struct{ ports.OneTimeTokens }

func (s ageBlind) Put(ctx context.Context, t domain.OneTimeToken) error {
	err := s.OneTimeTokens.Put(ctx, t)
	if !errors.Is(err, ports.ErrStale) {
		return err
	}
	if _, err := s.EndAll(ctx, t.AccountID, t.Purpose); err != nil {
		return err
	}
	return s.OneTimeTokens.Put(ctx, t)
}

type moving struct{ ports.OneTimeTokens }

func (s moving) Put(ctx context.Context, t domain.OneTimeToken) error {
	err := s.OneTimeTokens.Put(ctx, t)
	if !errors.Is(err, ports.ErrConflict) {
		return err
	}
	if err := s.Spend(ctx, t.Hash); err != nil {
		return err
	}
	return s.OneTimeTokens.Put(ctx, t)
}

type unmoved struct{ ports.OneTimeTokens }

func (s unmoved) Put(ctx context.Context, t domain.OneTimeToken) error {
	if _, err := s.ByHash(ctx, t.Hash); err == nil {
		return nil
	}
	return s.OneTimeTokens.Put(ctx, t)
}

type oneSlot struct{ ports.OneTimeTokens }

func (s oneSlot) Put(ctx context.Context, t domain.OneTimeToken) error {
	if _, err := s.EndAll(ctx, t.AccountID, t.Purpose); err != nil {
		return err
	}
	return s.OneTimeTokens.Put(ctx, t)
}

type unbound struct{ ports.OneTimeTokens }

func (s unbound) Put(ctx context.Context, t domain.OneTimeToken) error {
	if err := s.OneTimeTokens.Put(ctx, t); !errors.Is(err, ports.ErrNotFound) {
		return err
	}
	return nil
}

type ungenerous struct{ ports.OneTimeTokens }

func (s ungenerous) Put(ctx context.Context, t domain.OneTimeToken) error {
	t.Generation = 1
	return s.OneTimeTokens.Put(ctx, t)
}

type respender struct{ ports.OneTimeTokens }

func (s respender) Spend(ctx context.Context, hash []byte) error {
	if err := s.OneTimeTokens.Spend(ctx, hash); !errors.Is(err, ports.ErrStale) {
		return err
	}
	return nil
}

type thorough struct{ ports.OneTimeTokens }

func (s thorough) EndAll(ctx context.Context, id domain.ID, _ ...domain.TokenPurpose) (int, error) {
	return s.OneTimeTokens.EndAll(ctx, id, domain.TokenVerifyEmail, domain.TokenChangeEmail, domain.TokenUndoEmail, domain.TokenResetPassword)
}

type backward struct{ ports.OneTimeTokens }

func (s backward) ListByAccount(ctx context.Context, id domain.ID) ([]domain.OneTimeToken, error) {
	list, err := s.OneTimeTokens.ListByAccount(ctx, id)
	slices.Reverse(list)
	return list, err
}

type localTokens struct{ ports.OneTimeTokens }

func (s localTokens) ListByAccount(ctx context.Context, id domain.ID) ([]domain.OneTimeToken, error) {
	list, err := s.OneTimeTokens.ListByAccount(ctx, id)
	for i := range list {
		list[i].ExpiresAt = list[i].ExpiresAt.In(time.FixedZone("here", 2*3600))
	}
	return list, err
}

type timeless struct{ ports.OneTimeTokens }

func (s timeless) Holder(ctx context.Context, canonical string, now time.Time) (domain.ID, error) {
	return s.OneTimeTokens.Holder(ctx, canonical, now.Add(-time.Microsecond))
}

type lenient struct{ ports.OneTimeTokens }

func (s lenient) Holder(ctx context.Context, canonical string, now time.Time) (domain.ID, error) {
	return s.OneTimeTokens.Holder(ctx, strings.ToLower(canonical), now)
}

type eagerTokens struct{ ports.OneTimeTokens }

func (s eagerTokens) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.OneTimeTokens.Purge(ctx, before.Add(time.Microsecond), limit)
}

type forgetfulCounts struct{ ports.Throttles }

func (s forgetfulCounts) Fail(ctx context.Context, key []byte, at time.Time) (domain.Throttle, error) {
	if err := s.Throttles.Clear(ctx, key); err != nil {
		return domain.Throttle{}, err
	}
	return s.Throttles.Fail(ctx, key, at)
}

type clearing struct{ ports.Throttles }

func (s clearing) Clear(ctx context.Context, _ []byte) error {
	_, err := s.Purge(ctx, time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC), 100)
	return err
}

type eagerCounts struct{ ports.Throttles }

func (s eagerCounts) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.Throttles.Purge(ctx, before.Add(time.Microsecond), limit)
}

type blindErasuresTx struct{ ports.Tx }

func (t blindErasuresTx) Erasures() ports.Erasures {
	return blindErasures{t.Tx.Erasures(), t.Accounts()}
}

type blindErasures struct {
	ports.Erasures
	accounts ports.Accounts
}

func (s blindErasures) Erase(ctx context.Context, id domain.ID, from domain.AccountVersion, at time.Time) error {
	if kept, err := s.accounts.ByID(ctx, id); err == nil {
		from = kept.Version
	}
	return s.Erasures.Erase(ctx, id, from, at)
}

type keepingTx struct{ ports.Tx }

func (t keepingTx) Erasures() ports.Erasures { return keepingErasures{t.Tx.Erasures(), t.Tx} }

type keepingErasures struct {
	ports.Erasures
	tx ports.Tx
}

func (s keepingErasures) Erase(ctx context.Context, id domain.ID, from domain.AccountVersion, at time.Time) error {
	kept, err := s.tx.PersonalData().Messages(ctx, id, domain.PageRequest{Limit: 1})
	if err == nil {
		err = s.Erasures.Erase(ctx, id, from, at)
	}
	for _, m := range kept.Items {
		err = errors.Join(err, s.tx.Outbox().Enqueue(ctx, m))
	}
	return err
}

type backwardErasures struct{ ports.Erasures }

func (s backwardErasures) Pending(ctx context.Context, limit int) ([]domain.Erasure, error) {
	list, err := s.Erasures.Pending(ctx, limit)
	slices.Reverse(list)
	return list, err
}

func (s backwardErasures) Unverified(ctx context.Context, before time.Time, limit int) ([]domain.Account, error) {
	list, err := s.Erasures.Unverified(ctx, before, limit)
	slices.Reverse(list)
	return list, err
}

type endlessErasures struct{ ports.Erasures }

func (s endlessErasures) Finish(ctx context.Context, id domain.ID, _ time.Time) error {
	_, err := s.ByAccount(ctx, id)
	return err
}

type overeager struct{ ports.Erasures }

func (s overeager) Anonymise(ctx context.Context, id domain.ID, limit int) (int, error) {
	return s.Erasures.Anonymise(ctx, id, limit+1)
}

type lazy struct{ ports.Erasures }

// Anonymise says that nothing is left after each batch.
func (s lazy) Anonymise(ctx context.Context, id domain.ID, limit int) (int, error) {
	_, err := s.Erasures.Anonymise(ctx, id, limit)
	return 0, err
}

type hidingTx struct{ ports.Tx }

func (t hidingTx) PersonalData() ports.PersonalData { return hiding{t.Tx.PersonalData()} }

type hiding struct{ ports.PersonalData }

func (s hiding) Sessions(ctx context.Context, id domain.ID, request domain.PageRequest) (domain.Page[domain.Session], error) {
	page, err := s.PersonalData.Sessions(ctx, id, request)
	page.Items = slices.DeleteFunc(page.Items, func(v domain.Session) bool { return !v.EndedAt.IsZero() })
	return page, err
}

func (s hiding) Messages(ctx context.Context, id domain.ID, request domain.PageRequest) (domain.Page[domain.Message], error) {
	page, err := s.PersonalData.Messages(ctx, id, request)
	page.Items = slices.DeleteFunc(page.Items, func(m domain.Message) bool { return m.State != domain.MessagePending })
	return page, err
}
