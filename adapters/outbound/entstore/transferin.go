package entstore

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"

	"authserve/ent/guard"
	"authserve/ports"
)

const (
	// maxExportLine bounds one row: the longest text of a message is far below it.
	maxExportLine = 4 << 20
	// transferBytes bounds the rows of one statement, as JSON: MariaDB takes 16 MiB.
	transferBytes = 1 << 20
	// unfinished is the guard of a store that holds a part of an import: it is there before
	// the first row, and goes with the verified end.
	unfinished = "import_unfinished"
)

// Import implements ports.Transferer. It writes some hundred rows in each transaction,
// and then reads everything back.
func (s *Store) Import(ctx context.Context, r io.Reader, progress func(ports.TransferReport)) (ports.TransferReport, error) {
	tables := transferTables()
	if err := s.requireEmpty(ctx, tables); err != nil {
		return nil, err
	}
	in := &importer{store: s, progress: progress, tables: map[string]transferTable{}, sums: map[string]*tableSum{}}
	for _, t := range tables {
		in.tables[t.Name], in.sums[t.Name] = newTransferTable(s.engine.dialect(), t), &tableSum{}
	}
	end, err := in.read(ctx, r, fingerprint(tables))
	if err != nil {
		return in.report(tables), err
	}
	if err := in.compare(end); err != nil {
		return in.report(tables), err
	}
	return in.finish(ctx, tables)
}

// checkImported fails where an import did not end. Without a schema there was none.
func (s *Store) checkImported(ctx context.Context) error {
	tables, err := column(ctx, s.pools.reader, s.engine.migrations().tables)
	if err != nil || !slices.Contains(tables, guard.Table) {
		return s.translate(ctx, err)
	}
	query, args := entsql.Dialect(s.engine.dialect()).Select(guard.FieldID).From(entsql.Table(guard.Table)).Where(entsql.EQ(guard.FieldID, unfinished)).Query()
	var id string
	err = s.pools.reader.QueryRowContext(ctx, query, args...).Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return s.translate(ctx, err)
	}
	return ports.ErrUnavailable.Wrap(ports.ErrUnusable.Wrap(
		fmt.Errorf("an import into %s did not end, and a part is there: drop the database, make it anew and import again", s.engine)))
}

func (s *Store) requireEmpty(ctx context.Context, tables []*schema.Table) error {
	for _, t := range tables {
		query, args := entsql.Dialect(s.engine.dialect()).Select("id").From(entsql.Table(t.Name)).Limit(1).Query()
		var id string
		err := s.pools.reader.QueryRowContext(ctx, query, args...).Scan(&id)
		switch {
		case err == nil:
			return ports.ErrNotEmpty.Wrap(fmt.Errorf("%s has rows", t.Name))
		case !errors.Is(err, sql.ErrNoRows):
			return s.translate(ctx, err)
		}
	}
	return nil
}

// importer writes the rows of one export.
type importer struct {
	store    *Store
	progress func(ports.TransferReport)
	tables   map[string]transferTable
	sums     map[string]*tableSum // of what was read

	begun   bool    // the guard is there
	line    int     // that is read
	current string  // the table of batch
	batch   [][]any // rows that are not written yet, of lines that follow each other
	first   int     // the line of the first
	size    int     // of them, as JSON
}

func (in *importer) read(ctx context.Context, r io.Reader, want string) ([]exportedTable, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxExportLine)
	for lines.Scan() {
		in.line++
		line, err := decodeLine(lines.Bytes())
		switch {
		case err != nil:
			return nil, notAnExport("Line %d is not that of an export: %v.", in.line, err)
		case in.line == 1:
			if line.Head == nil || line.Head.Form != exportForm {
				return nil, notAnExport("This is not an export of authserve, or one of another form.")
			}
			if line.Head.Schema != want {
				return nil, notAnExport("The export was made with schema %s, this program has %s: use the same version for both.", line.Head.Schema, want)
			}
		case line.End != nil:
			if err := in.flush(ctx); err != nil {
				return nil, err
			}
			if lines.Scan() {
				return nil, notAnExport("Line %d stands behind the end of the export.", in.line+1)
			}
			return line.End, lines.Err()
		default:
			if err := in.row(ctx, line); err != nil {
				return nil, err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, notAnExport("The export is cut: it has no end.")
}

func decodeLine(text []byte) (exportLine, error) {
	var line exportLine
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&line); err != nil {
		return line, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return line, errors.New("more stands behind its value")
	}
	return line, nil
}

func (in *importer) row(ctx context.Context, line exportLine) error {
	table, ok := in.tables[line.Table]
	if !ok {
		return notAnExport("Line %d: no table %q.", in.line, line.Table)
	}
	args, err := table.arguments(line.Row)
	if err != nil {
		return notAnExport("Line %d, of %s: %v.", in.line, line.Table, err)
	}
	if line.Table != in.current || len(in.batch) == transferBatch || in.size+len(line.Row) > transferBytes {
		if err := in.flush(ctx); err != nil {
			return err
		}
		in.current, in.first, in.size = line.Table, in.line, 0
	}
	in.batch, in.size = append(in.batch, args), in.size+len(line.Row)
	in.sums[line.Table].add(line.Row)
	return nil
}

// flush writes the batch in one transaction.
func (in *importer) flush(ctx context.Context) error {
	if len(in.batch) == 0 {
		return nil
	}
	if err := in.begin(ctx); err != nil {
		return err
	}
	table := in.tables[in.current]
	into := entsql.Dialect(table.dialect).Insert(table.name).Columns(table.names...)
	for _, args := range in.batch {
		into.Values(args...)
	}
	query, args := into.Query()
	err := in.store.Update(ctx, func(ctx context.Context, t ports.Tx) error {
		door := t.(*tx) //nolint:forcetypeassert,errcheck // our own
		return door.fault(ctx, door.exec(ctx, query, args...))
	})
	if err != nil {
		return in.refused(err)
	}
	in.batch = in.batch[:0]
	if in.progress != nil {
		in.progress(ports.TransferReport{{Name: in.current, Rows: in.sums[in.current].rows}})
	}
	return nil
}

// begin makes sure that nobody uses a part.
func (in *importer) begin(ctx context.Context) error {
	if in.begun {
		return nil
	}
	err := in.store.Update(ctx, func(ctx context.Context, t ports.Tx) error { return t.Guards().Advance(ctx, unfinished, 0) })
	if errors.Is(err, ports.ErrStale) {
		return ports.ErrNotEmpty.Wrap(errors.New("another import has begun"))
	}
	in.begun = err == nil
	return err
}

// refused says which rows the database did not take.
func (in *importer) refused(err error) error {
	where := fmt.Sprintf("lines %d to %d, of %s", in.first, in.first+len(in.batch)-1, in.current)
	switch {
	case errors.Is(err, ports.ErrNotFound):
		return notAnExport("One of the %s, refers to a row that does not exist.", where)
	case errors.Is(err, ports.ErrConflict):
		field, _ := ports.ConflictField(err)
		return notAnExport("One of the %s, is there already: its %s is taken.", where, field)
	default:
		return ports.ErrUnavailable.Wrap(fmt.Errorf("%s: %w", where, err))
	}
}

// finish reads everything back and, where it is what was read before, lets the store be
// used.
func (in *importer) finish(ctx context.Context, tables []*schema.Table) (back ports.TransferReport, err error) {
	err = in.store.Update(ctx, func(ctx context.Context, t ports.Tx) error {
		door := t.(*tx) //nolint:forcetypeassert,errcheck // our own
		if _, err := door.client().Guard.Delete().Where(guard.ID(unfinished)).Exec(ctx); err != nil {
			return door.fault(ctx, err)
		}
		var err error
		if back, err = door.readAll(ctx, tables, nil, nil); err != nil {
			return err
		}
		for _, got := range back {
			if want := in.sums[got.Name]; got.Rows != want.rows || got.Sum != want.text() {
				return fmt.Errorf("%s: %d rows were written and %d rows with another checksum are there", got.Name, want.rows, got.Rows)
			}
		}
		return nil
	})
	return back, err
}

// compare holds what was read against what the export says of itself.
func (in *importer) compare(end []exportedTable) error {
	if len(end) != len(in.tables) {
		return notAnExport("The end of the export tells of %d tables; want %d.", len(end), len(in.tables))
	}
	told := map[string]bool{}
	for _, e := range end {
		if told[e.Table] {
			return notAnExport("The end of the export tells of %q twice.", e.Table)
		}
		told[e.Table] = true
		got, ok := in.sums[e.Table]
		if !ok || got.rows != e.Rows || got.text() != e.Sum {
			return notAnExport("The export is damaged: the rows of %q are not those that were written.", e.Table)
		}
	}
	return nil
}

func (in *importer) report(tables []*schema.Table) ports.TransferReport {
	var out ports.TransferReport
	for _, t := range tables {
		out = append(out, ports.TransferredTable{Name: t.Name, Rows: in.sums[t.Name].rows})
	}
	return out
}
