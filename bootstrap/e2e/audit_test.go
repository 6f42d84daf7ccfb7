package e2e_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"authserve/bootstrap/harness"
)

// auditVerdict is what `audit verify --json` prints, as far as it is needed here.
type auditVerdict struct {
	OK         bool  `json:"ok"`
	Events     int64 `json:"events"`
	Unchained  int   `json:"unchained"`
	Faults     int64 `json:"faults"`
	FirstFault *struct {
		Kind string `json:"kind"`
		Seq  int64  `json:"seq"`
	} `json:"first_fault"`
}

func verifyAudit(t *testing.T, dir string, args ...string) (v auditVerdict, code int) {
	t.Helper()
	stdout, stderr, code := command(t, dir, "", append([]string{"audit", "verify", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatalf("audit verify %q: exit %d, %q, %q: %v", args, code, stdout, stderr, err)
	}
	return v, code
}

func onDatabase(t *testing.T, dir string, do func(*sql.DB) error) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "data", "authserve.db"))
	if err == nil {
		err = errors.Join(do(db), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever can write the database file, and has not the master key, is found out.
func TestTheAuditLogShowsWhatWasDoneToIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	service, err := harness.Start(t.Context(), binary, dir, harness.Environ(dir))
	if err != nil {
		t.Fatal(err)
	}
	c := newCaller(t, service.HTTP)
	c.do(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	began := time.Now()
	for range 3 {
		c.tokens(pathLogin, credentials())
	}
	const loginsAndMore = 4
	await(t, func() bool { // beside the running service
		v, _ := verifyAudit(t, dir)
		return v.OK && v.Unchained == 0 && v.Events >= loginsAndMore
	})
	t.Logf("sealed %v after the logins, commands included", time.Since(began))
	early := filepath.Join(t.TempDir(), "early.json")
	keepHead(t, dir, early)
	if a := c.do(http.MethodGet, "/api/v1/users/me", nil, "", http.StatusUnauthorized); a.Code() != "missing_token" {
		t.Fatalf("a call without a token = %s", a.Body)
	}
	if code, err := service.Terminate(); err != nil || code != 0 {
		t.Fatalf("the service ended with %d, %v\n%s", code, err, service.Log())
	}

	// What the service writes last is sealed as well.
	v, code := verifyAudit(t, dir, "--head", early)
	if !v.OK || code != 0 || v.Unchained != 0 {
		t.Fatalf("after the end of the service: exit %d, %+v", code, v)
	}
	last := v.Events
	onDatabase(t, dir, func(db *sql.DB) error {
		var count string
		err := db.QueryRowContext(t.Context(), `SELECT json_extract(detail, '$.count') FROM audit_events
			WHERE action = 'access.denied' AND actor_ip = '127.0.0.1' AND json_extract(detail, '$.code') = 'missing_token' AND chain_seq = ?`, last).Scan(&count)
		if err == nil && count != "1" {
			t.Errorf("the denial was counted %s times, want once", count)
		}
		return err
	})
	late := filepath.Join(t.TempDir(), "late.json")
	keepHead(t, dir, late)

	for _, attack := range []struct {
		what, sql string
		kind      string
		seq       int64
	}{
		{"an edited row", "UPDATE audit_events SET action = 'login.failed' WHERE chain_seq = 3", "changed", 3},
		{"an edited address", "UPDATE audit_events SET actor_ip = '203.0.113.9' WHERE chain_seq = (SELECT max(chain_seq) FROM audit_events WHERE action = 'login.succeeded')", "personal", -1},
		{"an address taken away", "UPDATE audit_events SET actor_ip = '', actor_user_agent = '', chain_salt = NULL WHERE action = 'login.succeeded'", "personal", -1},
		{"a removed row", "DELETE FROM audit_events WHERE chain_seq = 2", "missing", 3},
		{"reordered rows", "UPDATE audit_events SET chain_seq = 5 - chain_seq WHERE chain_seq IN (2, 3)", "changed", 2},
		{"a row copied in", `INSERT INTO audit_events SELECT 'ffffffff-0000-7000-8000-000000000000', at, actor_kind, actor_id, actor_session_id, actor_ip, actor_user_agent,
			correlation_id, action, subject, detail, chain_seq, chain_key_id, chain_salt, chain_commitment, chain_mac FROM audit_events WHERE chain_seq = 3`, "inserted", 3},
		{"a row taken out of the chain", "UPDATE audit_events SET chain_seq = NULL WHERE chain_seq = 3", "missing", 4},
		{"a cut tail", "DELETE FROM audit_events WHERE chain_seq = (SELECT max(chain_seq) FROM audit_events)", "cut", last},
		{"a cut tail, and the head set back", `DELETE FROM audit_events WHERE chain_seq = (SELECT max(chain_seq) FROM audit_events);
			UPDATE audit_heads SET seq = seq - 1, mac = (SELECT chain_mac FROM audit_events ORDER BY chain_seq DESC LIMIT 1) WHERE id = 'head'`, "head", last - 1},
		{"a head removed", "DELETE FROM audit_heads", "head", 0},
	} {
		t.Run(attack.what, func(t *testing.T) {
			t.Parallel()
			attacked := t.TempDir()
			if err := os.CopyFS(filepath.Join(attacked, "data"), os.DirFS(filepath.Join(dir, "data"))); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(attacked, "data", "master.key"), 0o600); err != nil {
				t.Fatal(err)
			}
			onDatabase(t, attacked, func(db *sql.DB) error {
				_, err := db.ExecContext(t.Context(), attack.sql)
				return err
			})
			v, code := verifyAudit(t, attacked)
			if code != 1 || v.OK || v.FirstFault == nil || v.FirstFault.Kind != attack.kind || attack.seq >= 0 && v.FirstFault.Seq != attack.seq {
				t.Errorf("exit %d, %+v, %+v; want 1, %s at %d", code, v, v.FirstFault, attack.kind, attack.seq)
			}
		})
	}
	t.Run("a database of before", func(t *testing.T) {
		t.Parallel()
		earlier := t.TempDir()
		snapshot := backupFile(t)
		other := t.TempDir()
		if err := os.CopyFS(filepath.Join(other, "data"), os.DirFS(filepath.Join(dir, "data"))); err != nil {
			t.Fatal(err)
		}
		onDatabase(t, other, func(db *sql.DB) error { // what an earlier backup would have been
			_, err := db.ExecContext(t.Context(), "DELETE FROM audit_events; DELETE FROM audit_heads")
			return err
		})
		if _, stderr, code := command(t, other, "", "backup", "create", snapshot); code != 0 {
			t.Fatal(stderr)
		}
		if _, stderr, code := command(t, earlier, "", "backup", "restore", snapshot); code != 0 {
			t.Fatal(stderr)
		}
		copyFile(t, filepath.Join(dir, "data", "master.key"), filepath.Join(earlier, "data", "master.key"))
		if v, code := verifyAudit(t, earlier); code != 0 || !v.OK {
			t.Errorf("without the kept head: exit %d, %+v: nothing can show it", code, v.FirstFault)
		}
		if v, code := verifyAudit(t, earlier, "--head", late); code != 1 || v.FirstFault == nil || v.FirstFault.Kind != "rolled_back" {
			t.Errorf("with the kept head: exit %d, %+v; want rolled_back", code, v.FirstFault)
		}
	})
}

// keepHead writes what an operator would keep elsewhere.
func keepHead(t *testing.T, dir, path string) {
	t.Helper()
	stdout, stderr, code := command(t, dir, "", "audit", "head", "--json")
	if code != 0 {
		t.Fatalf("audit head: exit %d, %s", code, stderr)
	}
	if err := os.WriteFile(path, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAuditWithoutALog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{{"audit", "verify"}, {"audit", "head"}} {
		if stdout, stderr, code := command(t, dir, "", args...); code != 1 || stdout != "" || !strings.Contains(stderr, "look at database.url and data_dir") {
			t.Errorf("%q without a database: exit %d, %q, %q", args, code, stdout, stderr)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "data")); err == nil && len(entries) > 0 {
		t.Errorf("looking made %v", entries)
	}
	if _, stderr, code := command(t, dir, "", "migrate", "up"); code != 0 {
		t.Fatal(stderr)
	}
	if stdout, stderr, code := command(t, dir, "", "audit", "verify"); code != 0 || !strings.Contains(stdout, "Verified 0 events") {
		t.Errorf("verify of an empty log: exit %d, %q, %q", code, stdout, stderr)
	}
	if _, stderr, code := command(t, dir, "", "audit", "head"); code != 1 || !strings.Contains(stderr, "nothing was sealed yet") {
		t.Errorf("head of an empty log: exit %d, %q", code, stderr)
	}
	for _, args := range [][]string{{"audit"}, {"audit", "verify", "x"}, {"audit", "verify", "--head"}, {"audit", "seal"}} {
		if _, _, code := command(t, dir, "", args...); code != 2 {
			t.Errorf("%q: exit %d, want 2", args, code)
		}
	}
}
