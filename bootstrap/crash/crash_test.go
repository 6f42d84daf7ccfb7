// Package crash_test kills the running service with SIGKILL in the middle of a
// load, again and again, and holds it to what it acknowledged. This proves the
// death of the process; what a loss of power does depends on the disk too, and on
// database.synchronous (full by default).
package crash_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the database as an independent reader sees it

	"authserve/bootstrap/harness"
)

var kills = flag.Int("crash.kills", 3, "how often the service is killed; `task crash` says 50")

// ledger is what the service has acknowledged and the test has not yet verified.
type ledger struct {
	mu       sync.Mutex
	accounts []string
	sessions []string // newest refresh token of each session
}

func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary, err := harness.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	accounts, sessions := 0, 0
	p := start(t, binary, dir)
	for round := range *kills {
		book := &ledger{}
		load(t, p, book, round)
		checkIntegrity(t, filepath.Join(dir, "data", "authserve.db"))
		p = start(t, binary, dir)
		verify(t, p, book)
		accounts, sessions = accounts+len(book.accounts), sessions+len(book.sessions)
	}
	if code, err := p.Terminate(); code != 0 || err != nil {
		t.Errorf("the last service ended with %d, %v", code, err)
	}
	checkIntegrity(t, filepath.Join(dir, "data", "authserve.db"))
	if accounts == 0 || sessions == 0 {
		t.Fatalf("%d acknowledged accounts and %d sessions: the load proves nothing", accounts, sessions)
	}
	t.Logf("%d kills: %d acknowledged registrations logged in, %d acknowledged refresh tokens worked, the database was sound each time", *kills, accounts, sessions)
}

func start(t *testing.T, binary, dir string) *harness.Process {
	t.Helper()
	// The cheapest legal hash: the load should be about the database.
	environ := harness.Environ(dir, "AUTHSERVE_PASSWORD_ARGON2_MEMORY_KIB=1024", "AUTHSERVE_PASSWORD_ARGON2_TIME=1")
	p, err := harness.Start(context.Background(), binary, dir, environ)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// load lets clients register, log in and refresh until enough was acknowledged,
// kills the service, and waits for every client.
func load(t *testing.T, p *harness.Process, book *ledger, round int) {
	t.Helper()
	client := harness.NewClient(p.HTTP)
	enough := int64(20 + rand.IntN(60)) // where the kill falls is up to chance
	var acknowledged atomic.Int64
	killed := make(chan struct{})
	var once sync.Once
	ack := func() {
		if acknowledged.Add(1) == enough {
			once.Do(func() {
				if err := p.Kill(); err != nil {
					t.Error(err)
				}
				close(killed)
			})
		}
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() { book.work(t, client, fmt.Sprintf("r%dw%d", round, worker), killed, ack) })
	}
	group.Wait()
}

// work is one client: it stops at the first answer that does not come.
func (l *ledger) work(t *testing.T, c harness.Client, name string, killed <-chan struct{}, ack func()) {
	t.Helper()
	for i := 0; ; i++ {
		email := fmt.Sprintf("%si%d@example.com", name, i)
		a, err := c.Register(context.Background(), email)
		if !answered(t, a, err, http.StatusCreated, killed) {
			return
		}
		l.account(email)
		ack()
		a, tokens, err := c.Login(context.Background(), email)
		if !answered(t, a, err, http.StatusOK, killed) {
			return
		}
		slot := l.session(tokens.Refresh)
		ack()
		for range 3 {
			var next harness.Tokens
			a, next, err = c.Refresh(context.Background(), tokens.Refresh)
			if !answered(t, a, err, http.StatusOK, killed) {
				return
			}
			tokens = next
			l.renew(slot, tokens.Refresh)
			ack()
		}
	}
}

// answered reports whether the call was acknowledged. No answer is fine once the
// service was killed; a wrong one never is.
func answered(t *testing.T, a harness.Answer, err error, status int, killed <-chan struct{}) bool {
	t.Helper()
	if err != nil {
		<-killed // fails by the test's own deadline when nobody killed it
		return false
	}
	if a.Status != status {
		t.Errorf("%s = %d %s; want %d", a.Request.URL.Path, a.Status, a.Body, status)
		return false
	}
	return true
}

func (l *ledger) account(email string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts = append(l.accounts, email)
}

func (l *ledger) session(token string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions = append(l.sessions, token)
	return len(l.sessions) - 1
}

func (l *ledger) renew(slot int, token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[slot] = token
}

func verify(t *testing.T, p *harness.Process, book *ledger) {
	t.Helper()
	client := harness.NewClient(p.HTTP)
	for _, email := range book.accounts {
		if a, _, err := client.Login(t.Context(), email); err != nil || a.Status != http.StatusOK {
			t.Errorf("acknowledged account %s cannot log in: %d %s, %v", email, a.Status, a.Body, err)
		}
	}
	for _, token := range book.sessions {
		if a, _, err := client.Refresh(t.Context(), token); err != nil || a.Status != http.StatusOK {
			t.Errorf("an acknowledged refresh token is refused: %d %s, %v", a.Status, a.Body, err)
		}
	}
}

func checkIntegrity(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=rw")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	if got := query(t, db, "PRAGMA integrity_check"); len(got) != 1 || got[0] != "ok" {
		t.Errorf("integrity_check: %v", got)
	}
	if got := query(t, db, `SELECT "table" FROM pragma_foreign_key_check`); len(got) != 0 {
		t.Errorf("foreign_key_check: rows of %v", got)
	}
	// A token ahead of its row is accepted, so a lost rotation would show only here.
	if got := query(t, db, "SELECT id FROM audit_events WHERE action = 'refresh.counter_ahead'"); len(got) != 0 {
		t.Errorf("%d acknowledged rotations were lost", len(got))
	}
}

// query returns the one column of every row.
func query(t *testing.T, db *sql.DB, text string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // only read
	var found []string
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		found = append(found, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
