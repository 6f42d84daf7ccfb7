package entstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"authserve/adapters/outbound/entstore"
	"authserve/ports"
)

// The child processes of these tests are this test binary, told by its environment
// what to do.
const (
	childURL  = "MIGRATE_CHILD_URL"
	childDown = "MIGRATE_CHILD_DOWN" // 1: down, otherwise up
	childKill = "MIGRATE_CHILD_KILL" // before:N or during:N: dies at its Nth write
	childSaid = "applied "
)

// TestMigratingChild is no test: it is what a child process does.
func TestMigratingChild(t *testing.T) { //nolint:paralleltest // the only one of its process
	url := os.Getenv(childURL)
	if url == "" {
		t.Skip("this is what the processes of other tests run")
	}
	m := newMigrator(t, entstore.Config{URL: url})
	if mode, n, ok := strings.Cut(os.Getenv(childKill), ":"); ok {
		at, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		m = m.Through(func(db *sql.DB) *sql.DB { return through(db, &killer{at: at, before: mode == "before"}) })
	}
	run := m.Up
	if os.Getenv(childDown) == "1" {
		run = m.Down
	}
	steps, err := run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		fmt.Printf("%s%d\n", childSaid, step.Version)
	}
}

// killer ends its process, without a goodbye, at a write.
type killer struct {
	at     int64
	before bool // otherwise while the server may be at work on it
	writes atomic.Int64
}

func (k *killer) call(what string, _ []driver.NamedValue, do func() error) error {
	if !isWrite(what) || k.writes.Add(1) != k.at {
		return do()
	}
	if !k.before {
		go func() { _ = do() }()
		for range 1 << (k.at % 8) { // the kill falls early in some writes, late in others
			_ = os.Getpid()
		}
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// child runs a process and returns what it applied, and whether it was killed.
func child(ctx context.Context, t *testing.T, url string, environ ...string) (applied []int64, killed bool) {
	t.Helper()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestMigratingChild$", "-test.count=1")
	cmd.Env = append(append(os.Environ(), childURL+"="+url), environ...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
			return nil, true
		}
	}
	if err != nil {
		t.Errorf("a process failed: %v\n%s", err, out.String())
		return nil, false
	}
	for line := range strings.Lines(out.String()) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), childSaid); ok {
			n, err := strconv.ParseInt(version, 10, 64)
			if err != nil {
				t.Error(err)
			}
			applied = append(applied, n)
		}
	}
	return applied, false
}

func TestTenProcessesApplyEachStepOnce(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		cfg := fresh(t)
		eachStepOnce(t, cfg, func() []int64 {
			applied, killed := child(t.Context(), t, cfg.URL)
			if killed {
				t.Error("a process died")
			}
			return applied
		})
	})
}

// TestKilledAtEveryWrite: a process that migrates is killed at its writes, and the next
// one finishes. After every other kill the next one goes down first. Where a step is a
// transaction of many writes, every third one is enough.
func TestKilledAtEveryWrite(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		m := migrated(t, fresh(t))
		want, stride := schemaText(t, m), 3
		if m.Dialect() == dialect.MySQL {
			stride = 1
		}
		for _, direction := range []string{"up", "down"} {
			for _, mode := range []string{"before", "during"} {
				t.Run(direction+" "+mode, func(t *testing.T) {
					t.Parallel()
					kills := 0
					for killOnce(t, fresh(t), direction == "down", fmt.Sprintf("%s:%d", mode, 1+kills*stride), kills%2 == 1, want) && !t.Failed() {
						kills++
					}
					if kills < 3 {
						t.Errorf("%d kills prove nothing", kills)
					}
					t.Logf("%d processes were killed, and the next one finished", kills)
				})
			}
		}
	})
}

// killOnce reports whether the process came to the write at which it was to die.
func killOnce(t *testing.T, cfg entstore.Config, down bool, kill string, downFirst bool, want string) bool {
	t.Helper()
	m := newMigrator(t, cfg)
	environ := []string{childKill + "=" + kill}
	if down {
		environ = append(environ, childDown+"=1")
		migrated(t, cfg)
	}
	if _, killed := child(t.Context(), t, cfg.URL, environ...); !killed {
		return false
	}
	if downFirst {
		if _, err := m.Down(t.Context()); err != nil {
			t.Errorf("killed %s: Down: %v", kill, err)
		}
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Errorf("killed %s: Up: %v", kill, err)
		return true
	}
	complete(t, m)
	if got := schemaText(t, m); got != want {
		t.Errorf("killed %s: the schema is\n%s\nwant\n%s", kill, got, want)
	}
	return true
}

// complete fails the test unless the database is as Up leaves it, and returns the
// steps.
func complete(t *testing.T, m *entstore.Migrator) []ports.Migration {
	t.Helper()
	known, err := m.Status(t.Context())
	if err != nil {
		t.Error(err)
	}
	x, err := m.Examine(t.Context())
	if err != nil || x.Absent || len(x.Pending)+len(x.Gaps)+len(x.Newer)+len(x.Unknown) > 0 || x.Interrupted != nil || x.Drift != "" || x.Holder != "" {
		t.Errorf("Examine = %+v, %v; want a complete schema", x, err)
	}
	db := m.LookAt()
	defer func() { _ = db.Close() }()
	var rows int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM goose_db_version WHERE version_id > 0").Scan(&rows); err != nil || rows != len(known) {
		t.Errorf("%d steps are recorded (%v), want each of %d once", rows, err, len(known))
	}
	return known
}

// TestUpTriesAgainBesideAWriter: SQLite's lock is not fair, so a step can miss it.
func TestUpTriesAgainBesideAWriter(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.BusyTimeout = 50 * time.Millisecond
	m := migrated(t, cfg)
	if _, err := m.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	writer := &obstacle{clear: lockElsewhere(t, cfg)}
	applied, err := m.Through(func(db *sql.DB) *sql.DB { return through(db, writer) }).Up(t.Context())
	if err != nil || len(applied) != 1 || !writer.met {
		t.Errorf("Up = %v, %v, met the writer: %t; want the step after another try", applied, err, writer.met)
	}
}

// obstacle is a spy that clears the way after the first failure.
type obstacle struct {
	clear func()
	met   bool
}

func (o *obstacle) call(_ string, _ []driver.NamedValue, do func() error) error {
	err := do()
	if err != nil && !o.met {
		o.met = true
		o.clear()
	}
	return err
}
