package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// populateOnce adds tokens, counts, an erasure and a chain to the rows of populate.
// Account 7 is erased, account 8 is there to be. Event 1 is chained, event 3 is not.
func populateOnce(s *subject) {
	s.Helper()
	account, other, next := fake.Account(1), fake.Account(2), fake.Account(8)
	s.erased(fake.Epoch(), fake.Account(7))
	s.update(func(ctx context.Context, tx ports.Tx) error {
		_, clearErr := tx.Throttles().Fail(ctx, throttleKey(2), fake.Epoch())
		_, purgeErr := tx.Throttles().Fail(ctx, throttleKey(3), fake.Epoch().Add(-2*day))
		return errors.Join(clearErr, purgeErr,
			tx.OneTimeTokens().Put(ctx, fake.OneTimeToken(1, account)),
			tx.OneTimeTokens().Put(ctx, fake.OneTimeToken(2, other)),
			tx.OneTimeTokens().Put(ctx, fake.OneTimeToken(3, account, toUndo(account.Email), tokenExpiresAt(fake.Epoch().Add(-2*day)))),
			tx.OneTimeTokens().Put(ctx, fake.OneTimeToken(5, other, toUndo(other.Email))),
			tx.OneTimeTokens().Put(ctx, fake.OneTimeToken(8, next)),
			tx.Credentials().Create(ctx, fake.Credential(next)),
			tx.Sessions().Create(ctx, fake.Session(8, next)),
			tx.Audit().Append(ctx, fake.AuditEvent(3)),
			tx.AuditChain().Link(ctx, []domain.AuditLink{fake.AuditLink(fake.AuditEvent(1), 1)}, fake.AuditHead(1), 0))
	})
}

// onceWrites are the writes of tokens, counts, erasures and the chain.
func onceWrites() []operation {
	account, other, cut := fake.Account(1), fake.Account(2), fake.Epoch().Add(-day)
	return []operation{
		{"OneTimeTokens.Put", func(ctx context.Context, tx ports.Tx) error {
			return tx.OneTimeTokens().Put(ctx, fake.OneTimeToken(4, other, toUndo(account.Email)))
		}},
		{"OneTimeTokens.Spend", func(ctx context.Context, tx ports.Tx) error {
			return tx.OneTimeTokens().Spend(ctx, fake.OneTimeToken(1, account).Hash)
		}},
		{"OneTimeTokens.EndAll", func(ctx context.Context, tx ports.Tx) error {
			n, err := tx.OneTimeTokens().EndAll(ctx, other.ID, domain.TokenResetPassword)
			return didSomething(n > 0, err)
		}},
		{"OneTimeTokens.Purge", func(ctx context.Context, tx ports.Tx) error {
			n, err := tx.OneTimeTokens().Purge(ctx, cut, 10)
			return didSomething(n > 0, err)
		}},
		{"Throttles.Fail", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Throttles().Fail(ctx, throttleKey(1), fake.Epoch())
			return err
		}},
		{"Throttles.Clear", func(ctx context.Context, tx ports.Tx) error { return tx.Throttles().Clear(ctx, throttleKey(2)) }},
		{"Throttles.Purge", func(ctx context.Context, tx ports.Tx) error {
			n, err := tx.Throttles().Purge(ctx, cut, 10)
			return didSomething(n > 0, err)
		}},
		{"Erasures.Erase", func(ctx context.Context, tx ports.Tx) error {
			return tx.Erasures().Erase(ctx, fake.Account(8).ID, fake.Account(8).Version, fake.Epoch())
		}},
		{"Erasures.Anonymise", func(ctx context.Context, tx ports.Tx) error {
			n, err := tx.Erasures().Anonymise(ctx, account.ID, 10)
			return didSomething(n > 0, err)
		}},
		{"Erasures.Finish", func(ctx context.Context, tx ports.Tx) error {
			return tx.Erasures().Finish(ctx, fake.Account(7).ID, fake.Epoch().Add(time.Hour))
		}},
		{"AuditChain.Link", func(ctx context.Context, tx ports.Tx) error {
			return tx.AuditChain().Link(ctx, []domain.AuditLink{fake.AuditLink(fake.AuditEvent(3), 2)}, fake.AuditHead(2), 1)
		}},
		{"AuditChain.Prune", func(ctx context.Context, tx ports.Tx) error {
			n, err := tx.AuditChain().Prune(ctx, fake.AuditHead(1), 0)
			return didSomething(n > 0, err)
		}},
	}
}

// onceReads are the reads of tokens, counts, erasures, personal data and the chain.
func onceReads() []operation {
	account, page := fake.Account(1), domain.PageRequest{Limit: 10}
	return []operation{
		{"OneTimeTokens.ByHash", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.OneTimeTokens().ByHash(ctx, fake.OneTimeToken(1, account).Hash)
			return err
		}},
		{"OneTimeTokens.ListByAccount", func(ctx context.Context, tx ports.Tx) error {
			tokens, err := tx.OneTimeTokens().ListByAccount(ctx, account.ID)
			return didSomething(len(tokens) > 0, err)
		}},
		{"OneTimeTokens.Holder", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.OneTimeTokens().Holder(ctx, fake.Account(2).Email.Canonical, fake.Epoch())
			return err
		}},
		{"Throttles.ByKey", func(ctx context.Context, tx ports.Tx) error {
			count, err := tx.Throttles().ByKey(ctx, throttleKey(2))
			return didSomething(count.Failures > 0, err)
		}},
		{"Erasures.ByAccount", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Erasures().ByAccount(ctx, fake.Account(7).ID)
			return err
		}},
		{"Erasures.Pending", func(ctx context.Context, tx ports.Tx) error {
			pending, err := tx.Erasures().Pending(ctx, 10)
			return didSomething(len(pending) > 0, err)
		}},
		{"Erasures.Unverified", func(ctx context.Context, tx ports.Tx) error {
			unverified, err := tx.Erasures().Unverified(ctx, fake.Epoch().Add(day), 10)
			return didSomething(len(unverified) > 0, err)
		}},
		{"PersonalData.Sessions", func(ctx context.Context, tx ports.Tx) error {
			sessions, err := tx.PersonalData().Sessions(ctx, account.ID, page)
			return didSomething(len(sessions.Items) > 0, err)
		}},
		{"PersonalData.Messages", func(ctx context.Context, tx ports.Tx) error {
			messages, err := tx.PersonalData().Messages(ctx, account.ID, page)
			return didSomething(len(messages.Items) > 0, err)
		}},
		{"AuditChain.Head", func(ctx context.Context, tx ports.Tx) error {
			head, _, err := tx.AuditChain().Head(ctx)
			return didSomething(head.Seq > 0, err)
		}},
		{"AuditChain.Unchained", func(ctx context.Context, tx ports.Tx) error {
			events, err := tx.AuditChain().Unchained(ctx, 10)
			return didSomething(len(events) > 0, err)
		}},
		{"AuditChain.Read", func(ctx context.Context, tx ports.Tx) error {
			chained, err := tx.AuditChain().Read(ctx, 0, 10)
			return didSomething(len(chained) > 0, err)
		}},
	}
}

// dumpOnce notes what dump tells of number n of tokens, counts and erasures.
func dumpOnce(ctx context.Context, tx ports.Tx, n int, note func(name string, value any, err error)) {
	token, err := tx.OneTimeTokens().ByHash(ctx, fake.OneTimeToken(n, fake.Account(1)).Hash)
	note(fmt.Sprintf("token %d", n), token, err)
	count, err := tx.Throttles().ByKey(ctx, throttleKey(n))
	if err != nil || count.Failures > 0 {
		note(fmt.Sprintf("count %d", n), count, err)
	}
	erasure, err := tx.Erasures().ByAccount(ctx, fake.Account(n).ID)
	note(fmt.Sprintf("erasure %d", n), erasure, err)
	messages, err := tx.PersonalData().Messages(ctx, fake.Account(n).ID, domain.PageRequest{Limit: 10})
	if err != nil || len(messages.Items) > 0 {
		note(fmt.Sprintf("messages to account %d", n), messages.Items, err)
	}
}

// dumpChain notes what dump tells of the chain.
func dumpChain(ctx context.Context, tx ports.Tx, note func(name string, value any, err error)) {
	head, anchor, err := tx.AuditChain().Head(ctx)
	note("head", head, err)
	note("anchor", anchor, err)
	unchained, err := tx.AuditChain().Unchained(ctx, 10)
	note("unchained", ids(unchained, eventID), err)
	chained, err := tx.AuditChain().Read(ctx, 0, 10)
	note("chained", chained, err)
}
