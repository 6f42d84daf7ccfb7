package entstore_test

import (
	"context"
	"errors"
	"time"

	"authserve/bootstrap/dbtest"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// everythingOnce is everything for tokens, counts, erasures, personal data and the
// chain, with an account of its own, which goes with it.
func everythingOnce(ctx context.Context, tx ports.Tx) {
	account, now := fake.Account(7), fake.Epoch()
	_ = tx.Accounts().Create(ctx, account)
	_ = tx.Audit().Append(ctx, fake.AuditEvent(7))
	undo := func(t *domain.OneTimeToken) { t.Purpose, t.Address = domain.TokenUndoEmail, account.Email }
	older := func(t *domain.OneTimeToken) { t.CreatedAt = now.Add(-time.Hour) }
	tokens, key := tx.OneTimeTokens(), fake.IdempotencyRecord(1).Key
	_ = tokens.Put(ctx, fake.OneTimeToken(1, account))
	_ = tokens.Put(ctx, fake.OneTimeToken(2, account, undo))
	_ = tokens.Put(ctx, fake.OneTimeToken(3, account, older)) // stale
	_ = tokens.Put(ctx, fake.OneTimeToken(1, account, undo))  // a taken hash
	_, _ = tokens.ByHash(ctx, fake.OneTimeToken(1, account).Hash)
	_, _ = tokens.ListByAccount(ctx, account.ID)
	_, _ = tokens.Holder(ctx, account.Email.Canonical, now)
	_ = tokens.Spend(ctx, fake.OneTimeToken(1, account).Hash)
	_, _ = tokens.EndAll(ctx, account.ID, domain.TokenUndoEmail)
	_, _ = tokens.EndAll(ctx, account.ID, domain.TokenVerifyEmail, domain.TokenChangeEmail, domain.TokenResetPassword)
	_, _ = tokens.Purge(ctx, now.Add(time.Hour), 10)
	for range 2 {
		_, _ = tx.Throttles().Fail(ctx, key, now)
	}
	_, _ = tx.Throttles().ByKey(ctx, key)
	_ = tx.Throttles().Clear(ctx, key)
	_, _ = tx.Throttles().Purge(ctx, now.Add(time.Hour), 10)
	for _, page := range []domain.PageRequest{{Limit: 10}, {Limit: 10, After: &domain.Position{At: now, ID: account.ID}}} {
		_, _ = tx.PersonalData().Sessions(ctx, account.ID, page)
		_, _ = tx.PersonalData().Messages(ctx, account.ID, page)
	}
	_, _ = tx.Erasures().Unverified(ctx, now, 10)
	_ = tx.Erasures().Erase(ctx, account.ID, account.Version, now)
	_, _ = tx.Erasures().ByAccount(ctx, account.ID)
	_, _ = tx.Erasures().Pending(ctx, 10)
	for range 2 { // the second time there is nothing left
		_, _ = tx.Erasures().Anonymise(ctx, account.ID, 10)
	}
	_ = tx.Erasures().Finish(ctx, account.ID, now)
	everythingChained(ctx, tx)
}

// everythingChained is everything for the chain, with event 7.
func everythingChained(ctx context.Context, tx ports.Tx) {
	chain, link := tx.AuditChain(), []domain.AuditLink{fake.AuditLink(fake.AuditEvent(7), 1)}
	_, _ = chain.Unchained(ctx, 10)
	for range 2 {
		_, _ = chain.Prune(ctx, fake.AuditHead(0), 0) // removes nothing, so that clients of a replay do not meet
	}
	for range 2 { // the second time it is stale
		_ = chain.Link(ctx, link, fake.AuditHead(1), 0)
	}
	_ = chain.Link(ctx, nil, fake.AuditHead(1), 1)
	_, _, _ = chain.Head(ctx)
	_, _ = chain.Read(ctx, 0, 10)
}

// onceInUse is inUse for the same.
func onceInUse(ctx context.Context, tx ports.Tx, f dbtest.Filled) error {
	const holder, ordinary = 18, 17
	busy := f.Account(1)
	var errs []error
	check := func(err error) { errs = append(errs, err) }
	_, err := tx.OneTimeTokens().ByHash(ctx, f.Token(holder))
	check(err)
	_, err = tx.OneTimeTokens().ListByAccount(ctx, f.Account(holder))
	check(err)
	who, err := tx.OneTimeTokens().Holder(ctx, f.Former(holder), f.Now.AddDate(-1, 0, 0))
	check(err)
	if who != f.Account(holder) {
		check(errors.New("the holder is " + string(who)))
	}
	check(tx.OneTimeTokens().Spend(ctx, f.Token(holder)))
	for _, account := range []domain.ID{f.Account(ordinary), f.Account(20)} {
		_, err = tx.OneTimeTokens().EndAll(ctx, account, domain.TokenUndoEmail, domain.TokenResetPassword)
		check(err)
	}
	_, err = tx.Throttles().Fail(ctx, f.Throttle(ordinary), f.Now)
	check(err)
	check(tx.Throttles().Clear(ctx, f.Throttle(holder)))
	for _, until := range []time.Time{f.Now.AddDate(-9, 0, 0), f.Now} {
		_, err = tx.OneTimeTokens().Purge(ctx, until, pageRows)
		check(err)
		_, err = tx.Throttles().Purge(ctx, until, pageRows)
		check(err)
		_, err = tx.Erasures().Unverified(ctx, until, pageRows)
		check(err)
	}
	pending, err := tx.Erasures().Pending(ctx, pageRows)
	check(err)
	if len(pending) != pageRows {
		check(errors.New("fewer erasures are pending than there are"))
	}
	check(tx.Erasures().Finish(ctx, f.Erased(10), f.Now))
	for _, after := range []*domain.Position{nil, {At: f.Now.Add(-time.Duration(f.Sessions/2) * time.Second), ID: busy}} {
		for _, account := range []domain.ID{busy, f.Account(ordinary)} {
			request := domain.PageRequest{Limit: pageRows, After: after}
			_, err = tx.PersonalData().Sessions(ctx, account, request)
			check(err)
			_, err = tx.PersonalData().Messages(ctx, account, request)
			check(err)
		}
	}
	erased, err := tx.Accounts().ByID(ctx, f.Account(ordinary))
	check(err)
	check(tx.Erasures().Erase(ctx, erased.ID, erased.Version, f.Now))
	for _, account := range []domain.ID{busy, erased.ID, "nobody"} {
		_, err = tx.Erasures().Anonymise(ctx, account, pageRows)
		check(err)
	}
	check(chainInUse(ctx, tx, f))
	return errors.Join(errs...)
}

// chainInUse is inUse for the chain.
func chainInUse(ctx context.Context, tx ports.Tx, f dbtest.Filled) error {
	head, anchor, err := tx.AuditChain().Head(ctx)
	if err != nil {
		return err
	}
	events, err := tx.AuditChain().Unchained(ctx, pageRows)
	if err != nil || len(events) != pageRows {
		return errors.Join(err, errors.New("fewer events are unchained than there are"))
	}
	links := make([]domain.AuditLink, len(events))
	for i, e := range events {
		links[i] = fake.AuditLink(e, int64(f.Accounts+i))
	}
	if err := tx.AuditChain().Link(ctx, links, fake.AuditHead(links[pageRows-1].Seq), head.Seq); err != nil {
		return err
	}
	for _, after := range []int64{0, int64(f.Accounts / 2), int64(f.Accounts * 2)} {
		if _, err := tx.AuditChain().Read(ctx, after, pageRows); err != nil {
			return err
		}
	}
	_, err = tx.AuditChain().Prune(ctx, fake.AuditHead(pageRows), anchor.Seq)
	return err
}
