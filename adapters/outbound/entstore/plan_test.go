package entstore_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"authserve/ports"
)

// TestNoQueryScans asks SQLite how it would run every statement of the store: none
// may read a whole table, and none may sort.
func TestNoQueryScans(t *testing.T) {
	t.Parallel()
	store, spans, provider := recorded(t)
	ctx, root := provider.Tracer("test").Start(t.Context(), "request")
	if err := store.Update(ctx, func(ctx context.Context, tx ports.Tx) error { everything(ctx, tx); return nil }); err != nil {
		t.Fatal(err)
	}
	root.End()

	harmless := map[string]bool{
		"SCAN signing_keys":                                          true, // a handful of rows that are always read together
		"SCAN audit_events USING INDEX audit_events_at":              true, // the newest page: the index in its order, up to the limit
		"SCAN credentials USING COVERING INDEX credentials_settings": true, // counts all: the index alone, in its order
		"SCAN 2-ROW VALUES CLAUSE":                                   true, // what is inserted
	}
	statements := map[string]bool{}
	for _, span := range spans.Ended() {
		if query := attributeOf(span, "db.query.text"); query != "" {
			statements[query] = true
		}
	}
	const fewest = 40 // what a count showed; fewer means that the trace misses some
	if len(statements) < fewest {
		t.Errorf("only %d statements were seen, want at least %d", len(statements), fewest)
	}
	for query := range statements {
		for _, step := range plan(t, store.Writer(), query) {
			if (strings.Contains(step, "SCAN") || strings.Contains(step, "TEMP B-TREE")) && !harmless[step] {
				t.Errorf("%s\n\t%s", step, query)
			}
			// An action can have nearly all events, a subject has few.
			if strings.Contains(query, "`subject` = ?") && strings.Contains(step, "audit_events_action") {
				t.Errorf("the less selective index: %s\n\t%s", step, query)
			}
		}
	}
}

func TestPlanNoticesAScan(t *testing.T) {
	t.Parallel()
	steps := plan(t, open(t, config(t)).Writer(), "SELECT id FROM accounts WHERE display_name = ?")
	if len(steps) != 1 || !strings.Contains(steps[0], "SCAN") {
		t.Errorf("got plan %q, want a scan", steps)
	}
}

// plan returns the steps of EXPLAIN QUERY PLAN.
func plan(t *testing.T, db *sql.DB, query string) (steps []string) {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() {
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Error(err)
		}
	}()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	return steps
}
