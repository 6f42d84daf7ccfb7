package entstore

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql/schema"

	"authserve/core/domain"
	"authserve/ent/migrate"
	"authserve/ports"
)

var _ ports.Transferer = (*Store)(nil)

// An export is lines of JSON: one head, one line for each row, table after table, and
// one end with the checksums. Without its end it is cut.
type (
	exportLine struct {
		Head  *exportHead     `json:"authserve_export,omitempty"`
		Table string          `json:"table,omitempty"`
		Row   json.RawMessage `json:"row,omitempty"`
		End   []exportedTable `json:"end,omitempty"`
	}
	exportHead struct {
		Form   int    `json:"form"`
		Schema string `json:"schema"` // see fingerprint
	}
	exportedTable struct {
		Table string `json:"table"`
		Rows  int64  `json:"rows"`
		Sum   string `json:"sum"`
	}
)

const (
	exportForm = 1
	// transferBatch is how many rows are read or written at a time: the widest table has
	// fewer than half of the arguments that SQLite takes.
	transferBatch = 500
)

// transferTables are all tables, those first that others refer to.
func transferTables() []*schema.Table {
	tables := slices.Clone(migrate.Tables)
	slices.SortStableFunc(tables, func(a, b *schema.Table) int { return len(a.ForeignKeys) - len(b.ForeignKeys) })
	return tables
}

// fingerprint is the same for two schemas with the same tables and columns, whatever
// the database.
func fingerprint(tables []*schema.Table) string {
	var lines []string
	for _, t := range tables {
		for _, c := range t.Columns {
			lines = append(lines, fmt.Sprintf("%s.%s %s %t", t.Name, c.Name, c.Type, c.Nullable))
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:8])
}

// tableSum adds up the hashes of rows, so that their order does not count: databases
// sort text in their own ways. It finds what was lost or changed by accident.
type tableSum struct {
	rows int64
	sum  [sha256.Size]byte
}

func (s *tableSum) add(row []byte) {
	s.rows++
	carry := 0
	for i, b := range sha256.Sum256(row) {
		n := int(s.sum[i]) + int(b) + carry
		s.sum[i], carry = byte(n), n>>8 //nolint:gosec // the low byte is meant
	}
}

func (s *tableSum) text() string { return hex.EncodeToString(s.sum[:]) }

// Export implements ports.Transferer in one read transaction.
func (s *Store) Export(ctx context.Context, w io.Writer, progress func(ports.TransferReport)) (ports.TransferReport, error) {
	if err := s.checkImported(ctx); err != nil {
		return nil, err
	}
	db, done := s.unhurried()
	defer done()
	stx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, s.translate(ctx, err)
	}
	defer func() { _ = stx.Rollback() }() // it only read
	door := &tx{Store: s, sql: stx, denied: ports.ErrReadOnly}
	out := bufio.NewWriter(w)
	tables := transferTables()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(exportLine{Head: &exportHead{exportForm, fingerprint(tables)}}); err != nil {
		return nil, err
	}
	report, err := door.readAll(ctx, tables, progress, func(table string, row []byte) error {
		return encoder.Encode(exportLine{Table: table, Row: row})
	})
	if err != nil {
		return report, err
	}
	end := make([]exportedTable, len(report))
	for i, t := range report {
		end[i] = exportedTable{t.Name, t.Rows, t.Sum}
	}
	if err := encoder.Encode(exportLine{End: end}); err != nil {
		return report, err
	}
	return report, out.Flush()
}

// unhurried are readers for whom a server waits however long they pause: whoever takes
// an export may be slow.
func (s *Store) unhurried() (db *sql.DB, done func()) {
	switch e := s.engine.(type) {
	case postgresEngine:
		db = sql.OpenDB(e.connector(map[string]string{
			"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on",
			"statement_timeout": "0", "idle_in_transaction_session_timeout": "0",
		}))
	case mysqlEngine:
		db = sql.OpenDB(e.connector(0, "REPEATABLE-READ", true))
	default:
		return s.pools.reader, func() {}
	}
	return db, func() { _ = db.Close() } // nothing of it is left to fail
}

// readAll reads every row, and hands each to row, which may be nil.
func (t *tx) readAll(ctx context.Context, tables []*schema.Table, progress func(ports.TransferReport), row func(table string, row []byte) error) (report ports.TransferReport, err error) {
	for _, table := range tables {
		var total tableSum
		report = append(report, ports.TransferredTable{Name: table.Name})
		latest := &report[len(report)-1]
		err := t.readTable(ctx, newTransferTable(t.engine.dialect(), table), func(text []byte) error {
			total.add(text)
			latest.Rows = total.rows
			if progress != nil && total.rows%transferBatch == 0 {
				progress(report)
			}
			if row == nil {
				return nil
			}
			return row(table.Name, text)
		})
		if err != nil {
			return report, err
		}
		latest.Sum = total.text()
	}
	return report, nil
}

// notAnExport refuses a stream that is not a whole export of this schema.
func notAnExport(format string, args ...any) error {
	return domain.NewError(domain.KindInvalid, domain.CodeInvalidFormat, fmt.Sprintf(format, args...))
}
