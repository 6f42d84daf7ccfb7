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

	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"

	"authserve/core/domain"
	"authserve/ports"
)

// maxExportLine bounds one row: the longest text of a message is far below it.
const maxExportLine = 4 << 20

// Import implements ports.Transferer. It writes some hundred rows in each transaction,
// and then reads everything back.
func (s *Store) Import(ctx context.Context, r io.Reader, progress func(ports.TransferReport)) (ports.TransferReport, error) {
	tables := transferTables()
	if err := s.requireEmpty(ctx, tables); err != nil {
		return nil, err
	}
	in := &importer{store: s, progress: progress, tables: map[string]*schema.Table{}, sums: map[string]*tableSum{}}
	for _, t := range tables {
		in.tables[t.Name], in.sums[t.Name] = t, &tableSum{}
	}
	end, err := in.read(ctx, r, fingerprint(tables))
	if err != nil {
		return in.report(tables), err
	}
	if err := in.compare(end); err != nil {
		return in.report(tables), err
	}
	back, err := s.sum(ctx, tables, nil, nil)
	if err != nil {
		return back, err
	}
	for _, t := range back {
		if want := in.sums[t.Name]; t.Rows != want.rows || t.Sum != want.text() {
			return back, fmt.Errorf("%s: %d rows were written and %d rows with another checksum are there", t.Name, want.rows, t.Rows)
		}
	}
	return back, nil
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
	tables   map[string]*schema.Table
	sums     map[string]*tableSum // of what was read

	current string  // the table of batch
	batch   [][]any // rows that are not written yet
}

func (in *importer) read(ctx context.Context, r io.Reader, want string) ([]exportedTable, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxExportLine)
	number := 0
	for lines.Scan() {
		number++
		line, err := decodeLine(lines.Bytes())
		switch {
		case err != nil:
			return nil, errExport("Line %d is not that of an export: %v.", number, err)
		case number == 1:
			if line.Head == nil || line.Head.Form != exportForm {
				return nil, errExport("This is not an export of authserve, or one of another form.")
			}
			if line.Head.Schema != want {
				return nil, errExport("The export was made with schema %s, this program has %s: use the same version for both.", line.Head.Schema, want)
			}
		case line.End != nil:
			if err := in.flush(ctx); err != nil {
				return nil, err
			}
			if lines.Scan() {
				return nil, errExport("Line %d stands behind the end of the export.", number+1)
			}
			return line.End, lines.Err()
		default:
			if err := in.row(ctx, line); err != nil {
				return nil, wrapLine(number, err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, errExport("The export is cut: it has no end.")
}

func wrapLine(number int, err error) error {
	if errors.As(err, new(*domain.Error)) {
		return err
	}
	return errExport("Line %d: %v.", number, err)
}

func decodeLine(text []byte) (exportLine, error) {
	var line exportLine
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return line, decoder.Decode(&line)
}

func (in *importer) row(ctx context.Context, line exportLine) error {
	table, ok := in.tables[line.Table]
	if !ok {
		return fmt.Errorf("no table %q", line.Table)
	}
	args, err := newTransferTable(in.store.engine.dialect(), table).arguments(line.Row)
	if err != nil {
		return err
	}
	if line.Table != in.current || len(in.batch) == transferBatch {
		if err := in.flush(ctx); err != nil {
			return err
		}
		in.current = line.Table
	}
	in.batch = append(in.batch, args)
	in.sums[line.Table].add(line.Row)
	return nil
}

// flush writes the batch in one transaction.
func (in *importer) flush(ctx context.Context) error {
	if len(in.batch) == 0 {
		return nil
	}
	table := newTransferTable(in.store.engine.dialect(), in.tables[in.current])
	into := entsql.Dialect(table.dialect).Insert(table.name).Columns(table.names...)
	for _, args := range in.batch {
		into.Values(args...)
	}
	query, args := into.Query()
	err := in.store.Update(ctx, func(ctx context.Context, t ports.Tx) error {
		door := t.(*tx) //nolint:forcetypeassert,errcheck // our own
		return door.fault(ctx, door.exec(ctx, query, args...))
	})
	in.batch = in.batch[:0]
	if err == nil && in.progress != nil {
		in.progress(ports.TransferReport{{Name: in.current, Rows: in.sums[in.current].rows}})
	}
	return err
}

// compare holds what was read against what the export says of itself.
func (in *importer) compare(end []exportedTable) error {
	if len(end) != len(in.tables) {
		return errExport("The end of the export tells of %d tables; want %d.", len(end), len(in.tables))
	}
	for _, e := range end {
		got, ok := in.sums[e.Table]
		if !ok || got.rows != e.Rows || got.text() != e.Sum {
			return errExport("The export is damaged: the rows of %q are not those that were written.", e.Table)
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
