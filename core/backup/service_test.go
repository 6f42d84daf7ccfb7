package backup_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"authserve/core/backup"
	"authserve/ports"
	"authserve/ports/fake"
)

const day = 24 * time.Hour

// shelf is a directory of snapshots in memory.
type shelf struct {
	files map[string]bool // by path
	err   error           // of Create
	list  error
	stuck string // what cannot be removed
}

var _ ports.Snapshots = (*shelf)(nil)

func (s *shelf) Create(_ context.Context, path string) (ports.Snapshot, error) {
	if s.err != nil {
		return ports.Snapshot{}, s.err
	}
	if s.files[path] {
		return ports.Snapshot{}, ports.ErrSnapshotExists
	}
	s.files[path] = true
	return ports.Snapshot{Accounts: 3}, nil
}

func (s *shelf) Verify(context.Context, string) (ports.Snapshot, error) {
	return ports.Snapshot{}, ports.ErrUnsupported
}

func (s *shelf) List(_ context.Context, dir string) (names []string, err error) {
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		if name, ok := strings.CutPrefix(path, dir+"/"); ok {
			names = append(names, name)
		}
	}
	return names, s.list
}

func (s *shelf) Remove(_ context.Context, path string) error {
	if path == s.stuck {
		return ports.ErrSnapshotFailed
	}
	delete(s.files, path)
	return nil
}

// newService keeps three snapshots in /b, one a day.
func newService(names ...string) (*backup.Service, *shelf, *fake.Clock) {
	s := &shelf{files: map[string]bool{}}
	for _, n := range names {
		s.files["/b/"+n] = true
	}
	clock := fake.NewClock(time.Date(2026, 3, 10, 12, 0, 0, 5, time.UTC))
	return backup.New(s, clock, backup.Config{Dir: "/b", Interval: day, Keep: 3}), s, clock
}

func (s *shelf) want(t *testing.T, names ...string) {
	t.Helper()
	got, _ := s.List(t.Context(), "/b")
	if !slices.Equal(got, names) {
		t.Errorf("there are %q, want %q", got, names)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		names []string
		want  bool
	}{
		"none yet":              {nil, true},
		"only foreign files":    {[]string{"authserve-20260310T120000Z.db.old", "authserve-2026.db", "zzz", "authserve-20261340T120000Z.db"}, true},
		"a fresh one":           {[]string{"authserve-20260301T000000Z.db", "authserve-20260310T115959Z.db"}, false},
		"one of the interval":   {[]string{"authserve-20260309T120000Z.db"}, true},
		"a second before it is": {[]string{"authserve-20260309T120001Z.db"}, false},
		"one of the future":     {[]string{"authserve-20260309T120001Z.db", "authserve-20270101T000000Z.db"}, false},
		"only of the future":    {[]string{"authserve-20270101T000000Z.db"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, _ := newService(c.names...)
			if got := s.Due(t.Context()); got != c.want {
				t.Errorf("Due = %t, want %t", got, c.want)
			}
		})
	}
	s, files, _ := newService("authserve-20260310T115959Z.db")
	if files.list = ports.ErrSnapshotFailed; !s.Due(t.Context()) {
		t.Error("nothing is due where nobody can tell, so nobody is told")
	}
}

func TestRunKeepsTheNewest(t *testing.T) {
	t.Parallel()
	s, files, clock := newService("by-hand.db", "authserve-20260301T000000Z.db.partial")
	for n := range 5 {
		report, err := s.Run(t.Context())
		if err != nil || report.Snapshot.Accounts != 3 || !files.files[report.Path] {
			t.Fatalf("Run = %+v, %v", report, err)
		}
		if want := max(0, min(1, n-2)); report.Removed != want {
			t.Errorf("run %d removed %d, want %d", n, report.Removed, want)
		}
		clock.Advance(day)
	}
	files.want(t, "authserve-20260301T000000Z.db.partial", "authserve-20260312T120000Z.db", "authserve-20260313T120000Z.db", "authserve-20260314T120000Z.db", "by-hand.db")
}

func TestAFailureRemovesNothing(t *testing.T) {
	t.Parallel()
	old := []string{"authserve-20260301T000000Z.db", "authserve-20260302T000000Z.db", "authserve-20260303T000000Z.db", "authserve-20260304T000000Z.db"}
	s, files, _ := newService(old...)
	files.err = ports.ErrSnapshotFailed.Wrap(errors.New("no space left on device"))
	report, err := s.Run(t.Context())
	if !errors.Is(err, ports.ErrSnapshotFailed) || !strings.Contains(err.Error(), "/b/authserve-20260310T120000Z.db") || report != (backup.Report{}) {
		t.Errorf("Run = %+v, %v; want the failure with the path", report, err)
	}
	files.want(t, old...)
}

// A clock that ran ahead once must not cost the history: what it left is neither
// counted nor removed, until its time has come.
func TestSnapshotsOfTheFutureCostNothing(t *testing.T) {
	t.Parallel()
	past := []string{"authserve-20260307T120000Z.db", "authserve-20260308T120000Z.db", "authserve-20260309T120000Z.db"}
	s, files, clock := newService(append(past, "authserve-20360101T000000Z.db", "authserve-20360102T000000Z.db")...)
	if report, err := s.Run(t.Context()); err != nil || report.Removed != 1 {
		t.Errorf("Run = %+v, %v; want one removed", report, err)
	}
	files.want(t, past[1], past[2], "authserve-20260310T120000Z.db", "authserve-20360101T000000Z.db", "authserve-20360102T000000Z.db")
	clock.Advance(time.Minute)
	if s.Due(t.Context()) {
		t.Error("another one is due within the interval")
	}
}

func TestWhatCannotBeRemovedIsTold(t *testing.T) {
	t.Parallel()
	s, files, _ := newService("authserve-20260301T000000Z.db", "authserve-20260302T000000Z.db", "authserve-20260303T000000Z.db", "authserve-20260304T000000Z.db")
	files.stuck = "/b/authserve-20260301T000000Z.db"
	report, err := s.Run(t.Context())
	if !errors.Is(err, ports.ErrSnapshotFailed) || !strings.Contains(err.Error(), files.stuck) || report.Removed != 1 || report.Path == "" {
		t.Errorf("Run = %+v, %v; want one removed and the other named", report, err)
	}
}
