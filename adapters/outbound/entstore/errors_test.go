package entstore_test

import (
	"errors"
	"testing"

	"github.com/mattn/go-sqlite3"

	"authserve/adapters/outbound/entstore"
)

// TestConflictField provokes each violation, so that it also notices when SQLite
// words them differently.
func TestConflictField(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))

	account := func(id, email, username string) string {
		return "INSERT INTO accounts VALUES ('" + id + "', 'E', '" + email + "', 'U', '" + username + "', '', '', '[]', NULL, 1, 1, 1, '', '', NULL)"
	}
	credential := "INSERT INTO credentials VALUES ('a1', '', '', 1, '')"
	record := "INSERT INTO idempotency_records VALUES ('k1', '', '', '', '')"
	guard := "INSERT INTO guards VALUES ('g1', 1)"
	for _, query := range []string{account("a1", "e1", "u1"), credential, record, guard} {
		if _, err := store.Writer().ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	tests := []struct{ name, query, want string }{
		{"account id", account("a1", "e2", "u2"), "id"},
		{"account email", account("a2", "e1", "u2"), "email"},
		{"account username", account("a2", "e2", "u1"), "username"},
		{"credential", credential, "account_id"},
		{"idempotency record", record, "key"},
		{"any other table", guard, "id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Writer().ExecContext(t.Context(), tt.query)
			var fault sqlite3.Error
			if !errors.As(err, &fault) {
				t.Fatalf("got error %v, want a violation", err)
			}
			if got := entstore.ConflictField(fault); got != tt.want {
				t.Errorf("ConflictField(%v) = %q, want %q", err, got, tt.want)
			}
		})
	}
}
