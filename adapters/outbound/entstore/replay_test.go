package entstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"authserve/adapters/outbound/entstore"
	"authserve/ports"
)

// A release must work on the schema of the next one: while the next one migrates, and
// until its last process has been replaced. So what a release says to its database is
// recorded, and replayed while Up runs. docs/howto/migrations.md tells when to record
// anew.
var record = flag.Bool("record", false, "write the statements of this version to testdata/statements")

// recording is what one version says to one kind of database.
type recording struct {
	Version      int64         `json:"version"` // of the schema
	Transactions []transaction `json:"transactions"`
}

type transaction struct {
	View       bool        `json:"view,omitempty"`
	Statements []statement `json:"statements"`
}

type statement struct {
	SQL     string     `json:"sql"`
	Args    []argument `json:"args,omitempty"`
	Query   bool       `json:"query,omitempty"`
	Refused bool       `json:"refused,omitempty"` // as was to be: a taken value
}

// argument is one value; nil: NULL.
type argument struct {
	String *string          `json:"string,omitempty"`
	Int    *int64           `json:"int,omitempty"`
	Bool   *bool            `json:"bool,omitempty"`
	Bytes  *[]byte          `json:"bytes,omitempty"`
	JSON   *json.RawMessage `json:"json,omitempty"`
	Time   *time.Time       `json:"time,omitempty"`
}

func newArgument(v driver.Value) (argument, error) {
	switch v := v.(type) {
	case nil:
		return argument{}, nil
	case *string:
		return argument{String: v}, nil
	case *time.Time:
		return argument{Time: v}, nil
	case string:
		return argument{String: &v}, nil
	case int64:
		return argument{Int: &v}, nil
	case bool:
		return argument{Bool: &v}, nil
	case int:
		n := int64(v)
		return argument{Int: &n}, nil
	case json.RawMessage: // MySQL has JSON in no character set of its own
		return argument{JSON: &v}, nil
	case []byte:
		return argument{Bytes: &v}, nil
	case time.Time:
		v = v.UTC()
		return argument{Time: &v}, nil
	default:
		return argument{}, fmt.Errorf("no form for an argument of type %T", v)
	}
}

// value is the argument as client number who sends it: names and identifiers are its
// own, so that clients meet in tables and not in rows.
func (a argument) value(who int) any {
	switch {
	case a.String != nil:
		return own(*a.String, who)
	case a.Int != nil:
		return *a.Int
	case a.Bool != nil:
		return *a.Bool
	case a.Bytes != nil:
		return []byte(own(string(*a.Bytes), who))
	case a.JSON != nil:
		return *a.JSON
	case a.Time != nil:
		return *a.Time
	default:
		return nil
	}
}

var (
	identifier = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$`)
	hashed     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	unique     = regexp.MustCompile(`(?i)^(user[0-9]+|[^ ]+@example\.org|guard|head|anchor|[0-9a-f]{6,64}|[0-9a-f]+-[0-9]+)$`)
)

func own(text string, who int) string {
	if match := identifier.FindStringSubmatch(text); match != nil {
		return fmt.Sprintf("%08x", who) + match[1]
	}
	if hashed.MatchString(text) { // as long as its column
		return fmt.Sprintf("%06x", who) + text[6:]
	}
	if unique.MatchString(text) {
		return fmt.Sprintf("%06x", who) + text
	}
	return text
}

// recorder is the spy that writes down.
type recorder struct {
	mu   sync.Mutex
	tape []transaction
	err  error
}

func (r *recorder) call(what string, args []driver.NamedValue, do func() error) error {
	err := do()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch what {
	case "BEGIN":
		r.tape = append(r.tape, transaction{})
		return err
	case "COMMIT", "ROLLBACK":
		return err
	}
	s := statement{SQL: what, Refused: err != nil, Query: strings.HasPrefix(what, "SELECT") || strings.Contains(what, "RETURNING")}
	for _, arg := range args {
		a, err := newArgument(arg.Value)
		r.err = errors.Join(r.err, err)
		s.Args = append(s.Args, a)
	}
	if len(r.tape) == 0 {
		r.err = errors.Join(r.err, fmt.Errorf("%q stands outside of transactions", what))
		return err
	}
	last := &r.tape[len(r.tape)-1]
	last.Statements = append(last.Statements, s)
	return err
}

func recordingFile(name string) string { return filepath.Join("testdata", "statements", name+".json") }

// recordStatements writes down what this version says.
func recordStatements(t *testing.T, cfg entstore.Config, m *entstore.Migrator) {
	t.Helper()
	store, tape := open(t, cfg), &recorder{}
	store.Replace(func(db *sql.DB) *sql.DB { return through(db, tape) })
	var kinds []bool
	for range 2 { // the second time the rows are there
		for _, all := range []func(context.Context, ports.Tx){everything, everythingOnce} {
			err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error { all(ctx, tx); return nil })
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, false)
		}
	}
	err := store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		everything(ctx, tx)
		everythingOnce(ctx, tx)
		return nil
	})
	if err != nil && !errors.Is(err, ports.ErrReadOnly) {
		t.Fatal(err)
	}
	kinds = append(kinds, true)
	if tape.err != nil || len(tape.tape) != len(kinds) {
		t.Fatalf("%d transactions were recorded: %v", len(tape.tape), tape.err)
	}
	for i, view := range kinds {
		tape.tape[i].View = view
	}
	known, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(recording{Version: known[len(known)-1].Version, Transactions: tape.tape}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(recordingFile(m.Dialect())), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recordingFile(m.Dialect()), out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replay sends the whole recording once, as client number who. A transaction that lost
// against another one is sent again, as the recorded version would.
func (r recording) replay(ctx context.Context, store *entstore.Store, who int) error {
	for _, tx := range r.Transactions {
		for attempt := 1; ; attempt++ {
			err := tx.replay(ctx, store, who)
			if err == nil {
				break
			}
			if attempt == 12 || !store.IsTransient(err) {
				return err
			}
		}
	}
	return nil
}

func (x transaction) replay(ctx context.Context, store *entstore.Store, who int) error {
	db := store.Writer()
	if x.View {
		db = store.Reader()
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, s := range x.Statements {
		args := make([]any, len(s.Args))
		for i, arg := range s.Args {
			args[i] = arg.value(who)
		}
		if err := s.send(ctx, tx, args); (err != nil) != s.Refused {
			return fmt.Errorf("%s: %w, when it was recorded refused: %t", s.SQL, err, s.Refused)
		}
	}
	return tx.Commit()
}

func (s statement) send(ctx context.Context, tx *sql.Tx, args []any) error {
	if !s.Query {
		_, err := tx.ExecContext(ctx, s.SQL, args...)
		return err
	}
	rows, err := tx.QueryContext(ctx, s.SQL, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		continue
	}
	return rows.Err()
}

func TestThePreviousReleaseWorksWhileUpRuns(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		cfg := fresh(t)
		m := newMigrator(t, cfg)
		if *record {
			recordStatements(t, fresh(t), newMigrator(t, fresh(t)))
		}
		tape := readRecording(t, m)
		store := openEmpty(t, cfg)
		if _, err := m.With(filesUpTo(t, m.Files(), tape.Version)).Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		// What this version's files add, and whatever a future one may: everything that
		// the rules for migrations call an expansion.
		expansions := []string{
			"ALTER TABLE accounts ADD COLUMN later varchar(100)",
			"ALTER TABLE sessions ADD COLUMN later bigint NOT NULL DEFAULT 0",
			"CREATE INDEX messages_later ON messages (kind)",
			"CREATE TABLE later (id char(36) NOT NULL PRIMARY KEY)",
			"UPDATE accounts SET later = username",
		}
		failed := underLoad(t, store, tape, func() {
			if _, err := m.With(filesAnd(t, m.Files(), expansions...)).Up(t.Context()); err != nil {
				t.Errorf("Up under load: %v", err)
			}
		})
		for _, err := range failed {
			t.Errorf("a request of the previous release failed: %v", err)
		}

		// What a contraction does too early must show.
		if len(failed) == 0 {
			contraction := filesAnd(t, m.Files(), append(expansions, "ALTER TABLE accounts DROP COLUMN display_name")...)
			if _, err := m.With(contraction).Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := tape.replay(t.Context(), store, 1<<20); err == nil || !strings.Contains(err.Error(), "display_name") {
				t.Errorf("the replay without a column = %v, want its failure", err)
			}
		}
	})
}

// underLoad lets clients send the recording until change has ended, and then once more.
func underLoad(t *testing.T, store *entstore.Store, tape recording, change func()) (failed []error) {
	t.Helper()
	const clients = 4
	var (
		all, warm sync.WaitGroup
		mu        sync.Mutex
		sent      int
	)
	ended := make(chan struct{})
	warm.Add(clients)
	for client := range clients {
		all.Go(func() {
			for round, last := 0, false; !last; round++ {
				select {
				case <-ended:
					last = true
				default:
				}
				err := tape.replay(t.Context(), store, client<<12+round)
				mu.Lock()
				sent++
				if err != nil {
					failed, last = append(failed, err), true
				}
				mu.Unlock()
				if round == 0 {
					warm.Done()
				}
			}
		})
	}
	warm.Wait()
	change()
	close(ended)
	all.Wait()
	t.Logf("%d clients sent the recording of %d transactions %d times", clients, len(tape.Transactions), sent)
	return failed
}

func readRecording(t *testing.T, m *entstore.Migrator) (tape recording) {
	t.Helper()
	content, err := os.ReadFile(recordingFile(m.Dialect()))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &tape); err != nil {
		t.Fatal(err)
	}
	statements := 0
	for _, tx := range tape.Transactions {
		statements += len(tx.Statements)
	}
	if statements < 100 {
		t.Fatalf("the recording has %d statements: that proves little", statements)
	}
	return tape
}

func TestEveryDatabaseHasARecording(t *testing.T) {
	t.Parallel()
	for _, name := range []string{dialect.SQLite, dialect.Postgres, dialect.MySQL} {
		if _, err := os.Stat(recordingFile(name)); err != nil {
			t.Error(err)
		}
	}
}
