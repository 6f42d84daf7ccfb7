package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// query is one thing that is asked of a store. What is asked differs with n; a page is
// full at every size.
type query struct {
	name string
	ask  func(ctx context.Context, s filledStore, n int) error
}

const dbPage = 20

// errPage: what is measured would not be what is said.
var errPage = errors.New("the page is not full")

func queries() []query {
	return []query{
		{"account by e-mail address", viewing(func(ctx context.Context, tx ports.Tx, s filledStore, n int) error {
			_, err := tx.Accounts().ByEmail(ctx, s.Email(s.anyAccount(n)))
			return err
		})},
		{"account by id", viewing(func(ctx context.Context, tx ports.Tx, s filledStore, n int) error {
			_, err := tx.Accounts().ByID(ctx, s.Account(s.anyAccount(n)))
			return err
		})},
		{"session by id", viewing(func(ctx context.Context, tx ports.Tx, s filledStore, n int) error {
			_, err := tx.Sessions().ByID(ctx, s.anySession(n))
			return err
		})},
		{"accounts by prefix of e-mail address, first page", searching(domain.AccountsByEmail, false)},
		{"accounts by prefix of e-mail address, page deep inside", searching(domain.AccountsByEmail, true)},
		{"accounts by prefix of username, first page", searching(domain.AccountsByUsername, false)},
		{"accounts by prefix of username, page deep inside", searching(domain.AccountsByUsername, true)},
		{"own sessions, first page", viewing(func(ctx context.Context, tx ports.Tx, s filledStore, _ int) error {
			return full(tx.Sessions().ListActive(ctx, s.Account(1), s.Now, 0, domain.PageRequest{Limit: dbPage}))
		})},
		{"audit, first page", reading(false, false)},
		{"audit, page deep inside", reading(false, true)},
		{"audit of a subject, first page", reading(true, false)},
		{"audit of a subject, page deep inside", reading(true, true)},
		{"refresh, a write", refreshing},
	}
}

func viewing(do func(ctx context.Context, tx ports.Tx, s filledStore, n int) error) func(context.Context, filledStore, int) error {
	return func(ctx context.Context, s filledStore, n int) error {
		return s.View(ctx, func(ctx context.Context, tx ports.Tx) error { return do(ctx, tx, s, n) })
	}
}

// searching asks for the accounts that begin with a digit, a sixteenth of all; deep
// inside there are half of them before the page.
func searching(order domain.AccountOrder, deep bool) func(context.Context, filledStore, int) error {
	return viewing(func(ctx context.Context, tx ports.Tx, _ filledStore, n int) error {
		search := domain.AccountSearch{Order: order, Prefix: fmt.Sprintf("%x", n%16)}
		request := domain.PageRequest{Limit: dbPage}
		if deep {
			request.After = &domain.Position{Text: search.Prefix + "8"}
		}
		return full(tx.Accounts().Search(ctx, search, request))
	})
}

// reading asks for events, of the busy account or of all; deep inside there are half
// of them before the page.
func reading(ofSubject, deep bool) func(context.Context, filledStore, int) error {
	return viewing(func(ctx context.Context, tx ports.Tx, s filledStore, _ int) error {
		var filter domain.AuditFilter
		if ofSubject {
			filter.Subject = s.Account(1)
		}
		request := domain.PageRequest{Limit: dbPage}
		if deep {
			request.After = &domain.Position{At: s.Now.Add(-time.Duration(s.Accounts/2) * time.Second), ID: s.Account(1)}
		}
		return full(tx.Audit().List(ctx, filter, request))
	})
}

func refreshing(ctx context.Context, s filledStore, n int) error {
	limits := domain.SessionLimits{Idle: time.Hour, Absolute: time.Hour}
	return s.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		session, err := tx.Sessions().ByID(ctx, s.anySession(n))
		if err != nil {
			return err
		}
		next := session.Rotated(session.Refresh.Counter, "k1", nil, limits, s.Now)
		return tx.Sessions().Advance(ctx, next, session.Refresh.RefreshPosition)
	})
}

func full[T any](page domain.Page[T], err error) error {
	if err == nil && len(page.Items) != dbPage {
		return fmt.Errorf("%w: %d of %d rows", errPage, len(page.Items), dbPage)
	}
	return err
}

// anyAccount and anySession are spread over all, in no order; the session has not
// ended.
func (s filledStore) anyAccount(n int) int { return 1 + n*7919%s.Accounts }

func (s filledStore) anySession(n int) domain.ID {
	number := 1 + n*7919%s.Sessions
	if number%3 == 0 {
		number--
	}
	return s.Session(number)
}
