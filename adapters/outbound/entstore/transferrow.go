package entstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"

	"authserve/core/domain"
)

// transferTable is a table whose rows are moved. Its first column is its key.
type transferTable struct {
	dialect string
	name    string
	columns []*schema.Column
	names   []string
}

func newTransferTable(dialect string, t *schema.Table) transferTable {
	out := transferTable{dialect: dialect, name: t.Name, columns: t.Columns}
	for _, c := range t.Columns {
		out.names = append(out.names, c.Name)
	}
	return out
}

// readTable hands every row to each, as JSON whose form does not depend on the
// database. No statement runs meanwhile: whoever takes the rows may be slow.
func (t *tx) readTable(ctx context.Context, table transferTable, each func(row []byte) error) error {
	after := ""
	for {
		batch := entsql.Dialect(table.dialect).Select(table.names...).From(entsql.Table(table.name)).OrderBy(table.names[0]).Limit(transferBatch)
		if after != "" {
			batch.Where(entsql.GT(table.names[0], after))
		}
		query, args := batch.Query()
		rows, last, err := t.readRows(ctx, table, query, args)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := each(row); err != nil {
				return err
			}
		}
		if len(rows) < transferBatch {
			return nil
		}
		after = last
	}
}

// readRows also returns the key of the last row.
func (t *tx) readRows(ctx context.Context, table transferTable, query string, args []any) (texts [][]byte, last string, err error) {
	rows, err := t.sql.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, "", t.fault(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		cells := make([]any, len(table.columns))
		for i, c := range table.columns {
			cells[i] = newCell(c.Type)
		}
		if err := rows.Scan(cells...); err != nil {
			return nil, "", t.fault(ctx, err)
		}
		values := make(map[string]any, len(cells))
		for i, c := range table.columns {
			if values[c.Name], err = portable(cells[i]); err != nil {
				return nil, "", fmt.Errorf("%s.%s: %w", table.name, c.Name, err)
			}
		}
		text, err := json.Marshal(values) // keys in order
		if err != nil {
			return nil, "", err
		}
		texts, last = append(texts, text), cells[0].(*sql.NullString).String //nolint:forcetypeassert,errcheck // every key is text
	}
	return texts, last, t.fault(ctx, rows.Err())
}

// newCell is what a value of the type is scanned into.
func newCell(t field.Type) any {
	switch t {
	case field.TypeTime:
		return new(sql.NullTime)
	case field.TypeBytes, field.TypeJSON:
		return &blob{json: t == field.TypeJSON}
	case field.TypeInt, field.TypeInt64:
		return new(sql.NullInt64)
	default:
		return new(sql.NullString)
	}
}

// blob is bytes, of which some are JSON.
type blob struct {
	json  bool
	bytes []byte // nil: NULL
}

var _ sql.Scanner = (*blob)(nil)

// Scan implements sql.Scanner.
func (b *blob) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		b.bytes = nil
	case []byte:
		b.bytes = append([]byte{}, v...)
	case string:
		b.bytes = []byte(v)
	default:
		return fmt.Errorf("holds %T", value)
	}
	return nil
}

// portable is a scanned cell as it is written.
func portable(cell any) (any, error) {
	switch v := cell.(type) {
	case *sql.NullTime:
		if !v.Valid {
			return nil, nil //nolint:nilnil // NULL
		}
		return domain.Instant(v.Time).Format(time.RFC3339Nano), nil
	case *sql.NullInt64:
		if !v.Valid {
			return nil, nil //nolint:nilnil // as above
		}
		return v.Int64, nil
	case *sql.NullString:
		if !v.Valid {
			return nil, nil //nolint:nilnil // as above
		}
		return v.String, nil
	case *blob:
		switch {
		case v.bytes == nil:
			return nil, nil //nolint:nilnil // as above
		case !v.json:
			return base64.StdEncoding.EncodeToString(v.bytes), nil
		}
		// Databases write JSON in their own ways: decoded it is one.
		var value any
		decoder := json.NewDecoder(bytes.NewReader(v.bytes))
		decoder.UseNumber()
		err := decoder.Decode(&value)
		return value, err
	}
	return nil, fmt.Errorf("holds %T", cell)
}

// arguments are the values of a row as the database takes them, in the order of the
// columns. It refuses what readTable would not have written.
func (t transferTable) arguments(row []byte) ([]any, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(row, &values); err != nil {
		return nil, err
	}
	if len(values) != len(t.columns) {
		return nil, fmt.Errorf("has %d columns; want %d", len(values), len(t.columns))
	}
	args := make([]any, len(t.columns))
	for i, c := range t.columns {
		text, ok := values[c.Name]
		if !ok {
			return nil, fmt.Errorf("lacks %s", c.Name)
		}
		var err error
		if args[i], err = native(c.Type, text); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return args, nil
}

func native(kind field.Type, text json.RawMessage) (any, error) {
	if kind == field.TypeJSON {
		return text, nil
	}
	if string(text) == "null" {
		return nil, nil //nolint:nilnil // NULL
	}
	switch kind {
	case field.TypeTime:
		var at time.Time
		if json.Unmarshal(text, &at) != nil { // its error would show the text, which may be a hash in the wrong column
			return nil, errors.New("is not a time")
		}
		return at.UTC(), nil
	case field.TypeInt, field.TypeInt64:
		var n int64
		err := json.Unmarshal(text, &n)
		return n, err
	case field.TypeBytes:
		var b []byte
		err := json.Unmarshal(text, &b)
		return b, err
	default:
		var s string
		err := json.Unmarshal(text, &s)
		return s, err
	}
}
