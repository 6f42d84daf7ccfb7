package account

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// ImportRow is one account as another program kept it. Nothing in it can give an
// account more than the role user.
type ImportRow struct {
	Line          int           // where it stands in its source, from 1
	SourceID      string        // its id in the other program; empty: unknown
	Email         string        //
	Username      string        // empty: none
	DisplayName   string        // empty: none
	PasswordHash  domain.Secret // in the other program's encoding; zero, or beginning with "!": no password
	Disabled      bool          //
	EmailVerified bool          // the other program saw that the owner reads the address
	CreatedAt     time.Time     // zero: unknown
}

// Refusal says why a row was not imported. It never holds the password hash.
type Refusal struct {
	Line     int
	SourceID string
	Email    string
	Field    string // empty: the row as a whole
	Code     domain.Code
	Message  string
}

// Codes of refused rows, beside those of single fields in core/domain, those of
// ports.Hasher.Import, domain.CodeEmailTaken and domain.CodeUsernameTaken.
const (
	CodeMalformedRow domain.Code = "malformed_row" // it cannot be read as a row at all
	CodeDuplicate    domain.Code = "duplicate"     // an earlier row of the same source has the value
	CodeOutOfRange   domain.Code = "out_of_range"
)

// ImportOptions say how to import.
type ImportOptions struct {
	// DryRun checks everything, also against the store, and writes nothing.
	DryRun bool
	// Refused is told of every row that is refused, in their order; nil: they are
	// only counted. Its error ends the import.
	Refused func(Refusal) error
	// Progress is told what is done after every batch; nil: nobody is.
	Progress func(ImportReport)
}

// ImportReport counts rows: each is imported, was imported before, or is refused.
type ImportReport struct {
	Rows            int64 // decided so far
	Imported        int64 // in a dry run: would be
	WithoutPassword int64 // of the imported ones
	Disabled        int64 // of the imported ones
	AlreadyImported int64
	Refused         int64
	Reasons         []ImportReason // of the refused ones, in the order of their first row
}

// ImportReason counts the rows that were refused for one reason.
type ImportReason struct {
	Field string
	Code  domain.Code
	Rows  int64
}

// Import creates an account for every row, with the role user alone and with the
// hash that the other program made, which the next login replaces. The policy for
// new passwords does not apply: a hash does not show what it would judge.
//
// Rows go into the store by the batch, each with all it consists of or not at all.
// The id of an account follows from its row (importedID), so a row that is there
// already is recognised, and an import that ended early, for whatever reason, is
// continued by running it again. Accounts that exist are never changed.
//
// An error beside a row of KindInvalid or KindMalformed refuses that row; any other
// ends the import after the rows before it. The report is right also beside an
// error. Errors: those of rows, of the store, and of ctx.
func (s *Service) Import(ctx context.Context, rows iter.Seq2[ImportRow, error], o ImportOptions) (ImportReport, error) {
	r := importRun{service: s, options: o, seen: map[identifierKey]uint32{}}
	for row, err := range rows {
		if ctx.Err() != nil {
			return r.report, ctx.Err()
		}
		c, err := s.candidate(ctx, row, err)
		if err != nil {
			if flushErr := r.flush(ctx); flushErr != nil {
				return r.report, flushErr
			}
			return r.report, err
		}
		if r.batch = append(r.batch, c); len(r.batch) < domain.MaxImportBatch {
			continue
		}
		if err := r.flush(ctx); err != nil {
			return r.report, err
		}
	}
	return r.report, r.flush(ctx)
}

// importRun is one import under way.
type importRun struct {
	service *Service
	options ImportOptions
	report  ImportReport
	batch   []candidate
	// seen has the e-mail addresses and usernames of the rows that were not refused
	// so far, with the line of each, so that a dry run and a true one tell the same
	// of rows that repeat an earlier one.
	seen map[identifierKey]uint32
}

// importAttempts bounds how often a batch is tried: somebody else can take an
// identifier between the question who has it and the answer's use.
const importAttempts = 3

// flush brings the batch into the store, and into the report once that is certain.
func (r *importRun) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	verdicts, err := r.store(ctx)
	if err != nil {
		return err
	}
	for i, v := range verdicts {
		r.settle(&r.batch[i], v)
	}
	for i, v := range verdicts {
		if v.outcome != outcomeRefused || r.options.Refused == nil {
			continue
		}
		if err := r.options.Refused(r.batch[i].refusal(v.fault)); err != nil {
			return err
		}
	}
	clear(r.batch) // the hashes in it
	r.batch = r.batch[:0]
	if r.options.Progress != nil {
		report := r.report
		report.Reasons = slices.Clone(report.Reasons)
		r.options.Progress(report)
	}
	return nil
}

// store decides about each row of the batch and creates the new accounts, in one
// transaction; a dry run only decides.
func (r *importRun) store(ctx context.Context) (verdicts []verdict, err error) {
	door, lookAtIDs := r.service.store.Update, false
	if r.options.DryRun {
		door, lookAtIDs = r.service.store.View, true
	}
	for range importAttempts {
		err = door(ctx, func(ctx context.Context, tx ports.Tx) error {
			verdicts, err = r.judge(ctx, tx, lookAtIDs)
			if err != nil || r.options.DryRun {
				return err
			}
			if fresh := r.fresh(verdicts); len(fresh) > 0 {
				return tx.Imports().Create(ctx, fresh)
			}
			return nil
		})
		if !errors.Is(err, ports.ErrConflict) {
			break
		}
		lookAtIDs = true // or an account that has another address by now is in the way
	}
	return verdicts, err
}

// fresh returns the accounts of the batch that are to be created.
func (r *importRun) fresh(verdicts []verdict) []domain.ImportedAccount {
	fresh := make([]domain.ImportedAccount, 0, len(verdicts))
	for i, v := range verdicts {
		if v.outcome == outcomeNew {
			fresh = append(fresh, r.batch[i].imported)
		}
	}
	return fresh
}

// settle counts a row whose fate is certain.
func (r *importRun) settle(c *candidate, v verdict) {
	r.report.Rows++
	switch v.outcome {
	case outcomeNew:
		r.report.Imported++
		if c.imported.Hash.IsZero() {
			r.report.WithoutPassword++
		}
		if !c.imported.Account.IsActive() {
			r.report.Disabled++
		}
		c.record(r.seen)
	case outcomeKnown:
		r.report.AlreadyImported++
		c.record(r.seen)
	case outcomeRefused:
		r.report.Refused++
		r.countReason(v.fault)
	}
}

func (r *importRun) countReason(fault domain.FieldError) {
	same := func(n ImportReason) bool { return n.Field == fault.Field && n.Code == fault.Code }
	i := slices.IndexFunc(r.report.Reasons, same)
	if i < 0 {
		i = len(r.report.Reasons)
		r.report.Reasons = append(r.report.Reasons, ImportReason{Field: fault.Field, Code: fault.Code})
	}
	r.report.Reasons[i].Rows++
}
