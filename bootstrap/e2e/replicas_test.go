package e2e_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"authserve/bootstrap/dbtest"
	"authserve/bootstrap/harness"
)

// openURL connects to the database of a URL as the service has it.
func openURL(t *testing.T, raw string) *sql.DB {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	var db *sql.DB
	if u.Scheme == "mysql" {
		config := mysql.NewConfig()
		config.Net, config.Addr, config.DBName, config.User = "tcp", u.Host, strings.TrimPrefix(u.Path, "/"), u.User.Username()
		config.Passwd, _ = u.User.Password()
		connector, err := mysql.NewConnector(config)
		if err != nil {
			t.Fatal(err)
		}
		db = sql.OpenDB(connector)
	} else {
		config, err := pgx.ParseConfig(raw)
		if err != nil {
			t.Fatal(err)
		}
		db = sql.OpenDB(stdlib.GetConnector(*config))
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// number is the first column of the first row.
func number(t *testing.T, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, query string,
) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// replicas is how many services are on one database.
const replicas = 3

// masterKey is what all replicas of a test share.
func masterKey(t *testing.T) string {
	t.Helper()
	sum := sha256.Sum256([]byte(t.Name()))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// startReplicas starts services at the same moment on an empty database: all of them
// wait for the lock of migrations before the first gets it.
func startReplicas(t *testing.T, server *dbtest.Server) (all []*harness.Process, database string) {
	t.Helper()
	database = server.URL(t)
	hold, release, waiting := "SELECT pg_advisory_lock(x'6175746873657276'::bigint)", "SELECT pg_advisory_unlock(x'6175746873657276'::bigint)",
		"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
	if server != servers.Postgres {
		hold, release, waiting = "SELECT GET_LOCK(CONCAT('authserve:', SHA1(DATABASE())), 10)", "SELECT RELEASE_LOCK(CONCAT('authserve:', SHA1(DATABASE())))",
			"SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock' AND db = DATABASE()"
	}
	db := openURL(t, database)
	lock, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() //nolint:errcheck // only held
	if _, err := lock.ExecContext(t.Context(), hold); err != nil {
		t.Fatal(err)
	}
	all = make([]*harness.Process, replicas)
	var starts sync.WaitGroup
	for i := range all {
		dir := t.TempDir()
		environ := harness.Environ(dir, "AUTHSERVE_DATABASE_URL="+database, "AUTHSERVE_CACHE_TTL=0",
			"AUTHSERVE_ISSUER=http://127.0.0.1:8080", "AUTHSERVE_MASTER_KEY="+masterKey(t),
			"AUTHSERVE_PASSWORD_ALGORITHM=bcrypt", "AUTHSERVE_PASSWORD_BCRYPT_COST=10")
		starts.Go(func() {
			p, err := harness.Start(context.WithoutCancel(t.Context()), binary, dir, environ)
			if err != nil {
				t.Errorf("start of replica %d: %v", i, err)
				return
			}
			all[i] = p
			t.Cleanup(func() { _ = p.Kill() })
		})
	}
	await(t, func() bool { return t.Failed() || number(t, db, waiting) == replicas })
	if _, err := lock.ExecContext(t.Context(), release); err != nil {
		t.Fatal(err)
	}
	starts.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return all, database
}

// onServers runs a test on each kind of server.
func onServers(t *testing.T, test func(t *testing.T, server *dbtest.Server)) {
	t.Helper()
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}

func TestReplicasBehaveAsOne(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, server *dbtest.Server) {
		all, database := startReplicas(t, server)
		db := openURL(t, database)
		for query, want := range map[string]int{
			"SELECT count(*) - count(DISTINCT version_id) FROM goose_db_version":     0, // each step once
			"SELECT count(*) FROM signing_keys WHERE state = 'active'":               1,
			"SELECT count(*) FROM signing_keys":                                      2, // and the next one
			"SELECT count(*) FROM audit_events WHERE action = 'key.created'":         2,
			"SELECT count(*) FROM signing_keys WHERE state NOT IN ('active','next')": 0,
		} {
			if got := number(t, db, query); got != want {
				t.Errorf("%s = %d; want %d", query, got, want)
			}
		}
		callers := make([]caller, replicas)
		for i, p := range all {
			callers[i] = newCaller(t, p.HTTP)
			if a := get(t, p.Ops, "/readyz"); a.Status != http.StatusOK {
				t.Errorf("/readyz of replica %d = %d %s; want 200", i, a.Status, a.Body)
			}
		}
		for i := range callers {
			tour(t, callers[i], callers[(i+1)%replicas], callers[(i+2)%replicas], fmt.Sprintf("user-%d@example.com", i))
		}
		contenders(t, all, callers)
		for i, p := range all {
			if code, err := p.Terminate(); err != nil || code != 0 {
				t.Errorf("replica %d ended with %d, %v; want 0\n%s", i, code, err, p.Log())
			}
			noSecret(t, database, p.Log())
		}
	})
}

// tour has each step of one account done by another replica than the step before.
func tour(t *testing.T, a, b, c caller, email string) {
	t.Helper()
	login := map[string]string{"identifier": email, "password": harness.Password}
	register := map[string]string{"email": email, "password": harness.Password}
	a.do(http.MethodPost, "/api/v1/auth/register", register, "", http.StatusCreated)
	b.refused(http.MethodPost, "/api/v1/auth/register", register, "", http.StatusConflict, "email_taken")

	first := b.tokens(pathLogin, login)
	for _, other := range []caller{a, b, c} { // the key that signed it is known to all
		other.do(http.MethodGet, pathMe, nil, first.Access, http.StatusOK)
	}
	second := c.tokens(pathRefresh, refreshBody(first.Refresh))
	third := a.tokens(pathRefresh, refreshBody(second.Refresh))
	if retry := b.tokens(pathRefresh, refreshBody(second.Refresh)); retry.Refresh != third.Refresh {
		t.Error("a retry at another replica got another successor")
	}
	b.do(http.MethodGet, pathMe, nil, third.Access, http.StatusOK)
	c.do(http.MethodPost, "/api/v1/auth/logout", nil, third.Access, http.StatusNoContent)
	for _, other := range []caller{a, b, c} { // nothing is cached
		other.refused(http.MethodGet, pathMe, nil, third.Access, http.StatusUnauthorized, "session_ended")
		other.refused(http.MethodPost, pathRefresh, refreshBody(third.Refresh), "", http.StatusUnauthorized, "invalid_refresh_token")
	}

	// A token that was spent long ago ends its session, wherever it is presented.
	stolen := a.tokens(pathLogin, login)
	fourth := b.tokens(pathRefresh, refreshBody(stolen.Refresh))
	fifth := c.tokens(pathRefresh, refreshBody(fourth.Refresh))
	a.refused(http.MethodPost, pathRefresh, refreshBody(stolen.Refresh), "", http.StatusUnauthorized, "invalid_refresh_token")
	b.refused(http.MethodGet, pathMe, nil, fifth.Access, http.StatusUnauthorized, "session_ended")
	c.refused(http.MethodPost, pathRefresh, refreshBody(fifth.Refresh), "", http.StatusUnauthorized, "invalid_refresh_token")
}

// contenders present one refresh token sixteen times at once, spread over all: one of
// them spends it, ten are retries with the same successor, the others are told that
// there were too many, and nobody is taken for a thief.
func contenders(t *testing.T, all []*harness.Process, callers []caller) {
	t.Helper()
	const most, retries = 16, 10
	token := callers[0].tokens(pathLogin, map[string]string{"identifier": "user-0@example.com", "password": harness.Password})
	answers, successors := make([]harness.Answer, most), make([]harness.Tokens, most)
	before := make([]int, len(all))
	for i, p := range all {
		before[i] = rotations(t, p)
	}
	var crowd sync.WaitGroup
	begin := make(chan struct{})
	for i := range most {
		crowd.Go(func() {
			<-begin
			var err error
			if answers[i], successors[i], err = callers[i%replicas].Refresh(t.Context(), token.Refresh); err != nil {
				t.Errorf("refresh: %v", err)
			}
		})
	}
	close(begin)
	crowd.Wait()
	statuses, tokens := map[int]int{}, map[string]bool{}
	for i, a := range answers {
		statuses[a.Status]++
		switch a.Status {
		case http.StatusOK:
			tokens[successors[i].Refresh] = true
		case http.StatusConflict:
			if a.Code() != "refresh_retry_limit" {
				t.Errorf("a contender got %s", a.Body)
			}
		default:
			t.Errorf("a contender got %d %s", a.Status, a.Body)
		}
	}
	if statuses[http.StatusOK] != 1+retries || len(tokens) != 1 {
		t.Errorf("the contenders got %v and %d different successors; want %d times one and the same", statuses, len(tokens), 1+retries)
	}
	winners := 0
	for i, p := range all {
		winners += rotations(t, p) - before[i]
	}
	if winners != 1 {
		t.Errorf("%d of the contenders exchanged the token; want one", winners)
	}
	for token := range tokens {
		callers[1].tokens(pathRefresh, refreshBody(token))
	}
}

// rotations is how often a replica has exchanged a refresh token for a new one. It
// counts before it answers.
func rotations(t *testing.T, p *harness.Process) int {
	t.Helper()
	for line := range strings.Lines(string(get(t, p.Ops, "/metrics").Body)) {
		if !strings.HasPrefix(line, "authserve_refresh_total{") || !strings.Contains(line, `outcome="rotated"`) {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndex(line, " "):]))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return n
	}
	return 0
}
