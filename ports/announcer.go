package ports

import (
	"context"

	"authserve/core/domain"
)

// Changes are rows that a transaction wrote, or may have written.
type Changes struct {
	Rows []domain.ID // an account stands for its sessions too
	Any  bool        // any row of all
}

// Announcer tells the replicas of one service what each of them wrote, so that the
// others need not wait until what they remember is too old. Nothing may rely on it: a
// message can be lost, late, doubled, out of order or forged. Who hears one reads anew,
// and trusts nothing more for it. Safe for concurrent use.
type Announcer interface {
	// Announce tells the others of c, which has at most MaxChanges rows; those who do not
	// listen at the moment never hear of it. Errors: ctx's, or ErrUnavailable, when it is
	// not known that the message went out.
	Announce(ctx context.Context, c Changes) error
	// Listen calls heard with what others announce, one message after the other, until
	// ctx ends or the connection is lost. It calls listening first, when nothing that is
	// announced from then on can pass unheard. What this replica announced is left out.
	// Errors: ctx's, or ErrUnavailable.
	Listen(ctx context.Context, listening func(), heard func(Changes)) error
}

// MaxChanges is how many rows one message names at most.
const MaxChanges = 256
