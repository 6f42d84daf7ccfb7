package ports

import (
	"context"

	"authserve/core/domain"
)

// ErrBatchTooLarge says that one call of Imports was given more than
// domain.MaxImportBatch. It is a bug of the caller.
var ErrBatchTooLarge = domain.NewError(domain.KindInternal, "store_batch_too_large", "A batch is larger than a store takes.")

// Imports adds accounts by the batch, of at most domain.MaxImportBatch: what costs
// statements for each account elsewhere costs a few for the whole batch here.
type Imports interface {
	// Taken returns which of the canonical e-mail addresses and usernames are
	// taken, and by whom. Errors: ErrBatchTooLarge.
	Taken(ctx context.Context, emails, usernames []string) (domain.TakenIdentifiers, error)
	// Create adds every account, its credential where it has a hash, and its audit
	// event, as one by one would. When it fails it leaves nothing, even where the
	// transaction goes on. Errors: Conflict("email"), Conflict("username") and
	// Conflict("id"), also of one of the batch with another; where several are
	// taken, either is named. ErrBatchTooLarge.
	Create(ctx context.Context, batch []domain.ImportedAccount) error
}
