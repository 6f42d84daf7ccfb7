package entstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"authserve/ports"
)

// stepwise is for databases that have no transactions for a schema. There a step is
// one statement, which is done whole or not at all, but the process can end between
// it and its record. So before the statement it is noted what is about to be done, and
// to what schema. A statement that is refused because its work is there was ours if
// the schema has changed since the note: the lock keeps other migrators out, and what
// somebody else had made before is part of the noted schema.
type stepwise struct {
	// held fails unless this process still has the lock.
	held func(ctx context.Context, db *sql.DB) error
	// schema is the same text as long as the schema is the same.
	schema func(ctx context.Context, db *sql.DB) (string, error)
	// answered reports that the server refused a statement, which then did nothing.
	answered func(err error) bool
	// done reports that it was refused because what it does is there.
	done func(err error) bool
}

func (r *runner) runNoted(ctx context.Context, version int64, up bool) error {
	how := r.plan.stepwise
	if err := how.held(ctx, r.db); err != nil {
		return err
	}
	before, err := r.note(ctx, version, up)
	if err != nil {
		return err
	}
	_, err = r.provider.ApplyVersion(ctx, version, up)
	switch {
	case err == nil:
	case errors.Is(err, goose.ErrAlreadyApplied), errors.Is(err, goose.ErrNotApplied):
		err = nil // only the note was left
	case how.done(err):
		now, failed := r.schemaSum(ctx)
		if failed != nil {
			return errors.Join(err, failed)
		}
		if now != before {
			if err = r.record(ctx, version, up); err != nil {
				return err
			}
		}
	case !how.answered(err):
		return err // whether it did is unknown: the note stays
	}
	return errors.Join(err, r.notes.forget(ctx))
}

// resume finishes the step that a process has left, and returns it if that was
// upwards and had not been recorded; otherwise nil.
func (r *runner) resume(ctx context.Context) (*ports.Migration, error) {
	if r.plan.stepwise == nil {
		return nil, nil //nolint:nilnil // documented
	}
	left, err := r.notes.read(ctx)
	if err != nil || left == nil {
		return nil, err
	}
	all, err := r.status(ctx)
	if err != nil {
		return nil, err
	}
	for _, step := range all {
		if step.Version != left.version {
			continue
		}
		if !left.up {
			_, err := r.revert(ctx, step)
			return nil, err
		}
		applied, err := r.apply(ctx, step)
		if err != nil || !step.AppliedAt.IsZero() {
			return nil, err
		}
		return applied, nil
	}
	return nil, r.notes.forget(ctx) // of a step that no program has any more
}

func (r *runner) record(ctx context.Context, version int64, up bool) error {
	if up {
		return r.versions.Insert(ctx, r.db, database.InsertRequest{Version: version})
	}
	return r.versions.Delete(ctx, r.db, version)
}

// note makes the note, unless an earlier run has, and returns the schema it was made at.
func (r *runner) note(ctx context.Context, version int64, up bool) (string, error) {
	left, err := r.notes.read(ctx)
	if err != nil {
		return "", err
	}
	if left != nil && left.version == version && left.up == up {
		return left.schema, nil
	}
	sum, err := r.schemaSum(ctx)
	if err != nil {
		return "", err
	}
	return sum, r.notes.write(ctx, note{version: version, up: up, schema: sum})
}

func (r *runner) schemaSum(ctx context.Context) (string, error) {
	text, err := r.plan.stepwise.schema(ctx, r.db)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]), err
}

// notesTable has at most one row.
const notesTable = "migration_notes"

// notes keeps the note of the step under way.
type notes struct{ db *sql.DB }

type note struct {
	version int64
	up      bool
	schema  string // SHA-256 of stepwise.schema before the step
}

func (n notes) make(ctx context.Context) error {
	_, err := n.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+notesTable+
		" (version BIGINT NOT NULL PRIMARY KEY, upwards BOOLEAN NOT NULL, schema_sum CHAR(64) NOT NULL)")
	return err
}

// read returns nil where there is none.
func (n notes) read(ctx context.Context) (*note, error) {
	var left note
	err := n.db.QueryRowContext(ctx, "SELECT version, upwards, schema_sum FROM "+notesTable+" ORDER BY version DESC LIMIT 1").
		Scan(&left.version, &left.up, &left.schema)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // documented
	}
	return &left, err
}

func (n notes) write(ctx context.Context, w note) error {
	_, err := n.db.ExecContext(ctx, "INSERT INTO "+notesTable+" (version, upwards, schema_sum) VALUES (?, ?, ?)", w.version, w.up, w.schema)
	return err
}

func (n notes) forget(ctx context.Context) error {
	_, err := n.db.ExecContext(ctx, "DELETE FROM "+notesTable)
	return err
}
