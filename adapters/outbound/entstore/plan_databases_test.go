package entstore_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// simple sends a statement as text: what EXECUTE names is forgotten with DEALLOCATE ALL.
const simple = pgx.QueryExecModeSimpleProtocol

var (
	placeholder = regexp.MustCompile(`\$\d+`)
	alternative = regexp.MustCompile(`\([^()]* OR [^()]*\)`)
	lowerBound  = regexp.MustCompile("`?(\\w+)`? >=? ")
	upperBound  = regexp.MustCompile("`?(\\w+)`? <=? ")
)

// explainSQLite asks for the plan, which does not depend on arguments. What the plan
// does not tell: of two bounds on the same side of a column SQLite uses one, and reads
// on to the other.
func explainSQLite(ctx context.Context, tx *sql.Tx, s said) (f finding, err error) {
	rows, err := tx.QueryContext(ctx, "EXPLAIN QUERY PLAN "+s.query, s.args...)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, rows.Err(), rows.Close()) }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			return f, err
		}
		steps = append(steps, step)
		if strings.Contains(step, "TEMP B-TREE") || (strings.Contains(step, "SCAN") && !boundedScan(step, s.query)) {
			f.faults = append(f.faults, step)
		}
		// An action can have nearly all events, a subject has few.
		if strings.Contains(s.query, "`subject` = ?") && strings.Contains(step, "audit_events_action") {
			f.faults = append(f.faults, "the less selective index: "+step)
		}
	}
	f.plan = strings.Join(append(steps, ""), "; ")
	_, where, _ := strings.Cut(alternative.ReplaceAllString(s.query, ""), " WHERE ")
	for _, bound := range []*regexp.Regexp{lowerBound, upperBound} {
		seen := map[string]bool{}
		for _, match := range bound.FindAllStringSubmatch(where, -1) {
			if seen[match[1]] {
				f.faults = append(f.faults, "two bounds on the same side of "+match[1])
			}
			seen[match[1]] = true
		}
	}
	return f, nil
}

// boundedScan reports that what is called a scan ends after a few rows.
func boundedScan(step, query string) bool {
	switch {
	case step == "SCAN signing_keys", strings.HasSuffix(step, "-ROW VALUES CLAUSE"): // a handful, and what is inserted
		return true
	case step == "SCAN audit_events USING INDEX audit_events_at": // the newest page: the index in its order, up to the limit
		return !strings.Contains(query, "WHERE") && strings.Contains(query, "LIMIT")
	default:
		return false
	}
}

// pgNode is a step of a plan of PostgreSQL.
type pgNode struct {
	Type     string   `json:"Node Type"`
	Table    string   `json:"Relation Name"`
	Index    string   `json:"Index Name"`
	Rows     float64  `json:"Actual Rows"`
	Loops    float64  `json:"Actual Loops"`
	Filtered float64  `json:"Rows Removed by Filter"`
	Checked  float64  `json:"Rows Removed by Index Recheck"`
	Hit      int      `json:"Shared Hit Blocks"`
	Read     int      `json:"Shared Read Blocks"`
	Plans    []pgNode `json:"Plans"`
}

// explainPostgres runs the statement with the plan that serves all arguments, which is
// what a prepared statement gets that was run some times.
func explainPostgres(ctx context.Context, tx *sql.Tx, s said) (f finding, err error) {
	literals := make([]string, len(s.args))
	for i, arg := range s.args {
		literals[i] = literal(arg)
	}
	execute := "EXECUTE asked"
	if len(literals) > 0 {
		execute += "(" + strings.Join(literals, ", ") + ")"
	}
	for _, query := range []string{"DEALLOCATE ALL", "SET LOCAL plan_cache_mode = force_generic_plan", "PREPARE asked AS " + s.query} {
		if _, err := tx.ExecContext(ctx, query, simple); err != nil {
			return f, fmt.Errorf("%s: %w", query, err)
		}
	}
	var text []byte
	if err := tx.QueryRowContext(ctx, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+execute, simple).Scan(&text); err != nil {
		return f, err
	}
	var out []struct{ Plan pgNode }
	if err := json.Unmarshal(text, &out); err != nil {
		return f, err
	}
	root := out[0].Plan
	root.describe(&f)
	// Each row may cost a way down an index and a block of the table, and what is written a
	// block of each index.
	if blocks := root.Hit + root.Read; blocks > 10*mostRows {
		f.faults = append(f.faults, fmt.Sprintf("it reads %d blocks", blocks))
	}
	return f, nil
}

func (n pgNode) describe(f *finding) {
	looked := (n.Rows + n.Filtered + n.Checked) * max(n.Loops, 1)
	f.plan += n.Type
	for _, name := range []string{n.Table, n.Index} {
		if name != "" {
			f.plan += " " + name
		}
	}
	f.plan += fmt.Sprintf(" (%.0f rows); ", looked)
	switch {
	case smallTable(n.Table):
	case strings.Contains(n.Type, "Seq Scan"):
		f.faults = append(f.faults, n.Type+" of "+n.Table)
	case looked > mostRows:
		f.faults = append(f.faults, fmt.Sprintf("%s looks at %.0f rows", n.Type, looked))
	}
	for _, child := range n.Plans {
		child.describe(f)
	}
}

// literal writes a value so that PostgreSQL gives it the type that is wanted.
func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case *string:
		if v == nil {
			return "NULL"
		}
		return literal(*v)
	case *time.Time:
		if v == nil {
			return "NULL"
		}
		return literal(*v)
	case []byte:
		return `'\x` + hex.EncodeToString(v) + "'"
	case json.RawMessage:
		return literal(string(v))
	case time.Time:
		return "'" + v.UTC().Format(time.RFC3339Nano) + "'"
	default:
		return "'" + strings.ReplaceAll(fmt.Sprint(v), "'", "''") + "'"
	}
}

// explainMySQL shows the plan, and counts the rows at which the statement looks when it
// runs.
func explainMySQL(ctx context.Context, tx *sql.Tx, s said) (finding, error) {
	f, err := planOfMySQL(ctx, tx, s)
	if err != nil {
		return f, err
	}
	first, err := rowsRead(ctx, tx)
	if err != nil {
		return f, err
	}
	second, err := rowsRead(ctx, tx)
	if err != nil {
		return f, err
	}
	if err := ran(ctx, tx, s); err != nil {
		return f, err
	}
	third, err := rowsRead(ctx, tx)
	looked := third - second - (second - first) // asking costs rows itself
	f.plan += fmt.Sprintf("(%d rows)", looked)
	if looked > mostRows {
		f.faults = append(f.faults, fmt.Sprintf("it looks at %d rows", looked))
	}
	return f, err
}

func planOfMySQL(ctx context.Context, tx *sql.Tx, s said) (f finding, err error) {
	rows, err := tx.QueryContext(ctx, "EXPLAIN "+s.query, s.args...)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, rows.Err(), rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return f, err
	}
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return f, err
		}
		step := map[string]string{}
		for i, name := range names {
			step[name] = values[i].String
		}
		f.plan += fmt.Sprintf("%s %s %s %s; ", step["table"], step["type"], step["key"], step["Extra"])
		if step["type"] == "ALL" && !strings.HasPrefix(s.query, "INSERT") && !smallTable(step["table"]) {
			f.faults = append(f.faults, "a scan of "+step["table"])
		}
	}
	return f, nil
}

// rowsRead is how often the session has read a row so far.
func rowsRead(ctx context.Context, tx *sql.Tx) (sum int, err error) {
	rows, err := tx.QueryContext(ctx, "SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Err(), rows.Close()) }()
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// ran reads what the statement returns.
func ran(ctx context.Context, tx *sql.Tx, s said) (err error) {
	if !strings.HasPrefix(s.query, "SELECT") {
		_, err := tx.ExecContext(ctx, s.query, s.args...)
		return err
	}
	rows, err := tx.QueryContext(ctx, s.query, s.args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Err(), rows.Close()) }()
	for rows.Next() { // what they hold does not matter
	}
	return nil
}
