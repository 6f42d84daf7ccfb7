package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"authserve/ports"
)

// Config says where snapshots go, how often, and how many stay.
type Config struct {
	Dir      string        // must exist
	Interval time.Duration // from the instant of one snapshot to the next
	Keep     int           // the newest ones, at least 1
}

// Report is what one round did.
type Report struct {
	Path     string
	Snapshot ports.Snapshot
	Removed  int // old snapshots
}

// Service takes snapshots.
type Service struct {
	snapshots ports.Snapshots
	clock     ports.Clock
	cfg       Config
}

// New makes a Service.
func New(snapshots ports.Snapshots, clock ports.Clock, cfg Config) *Service {
	return &Service{snapshots: snapshots, clock: clock, cfg: cfg}
}

// Due reports that the newest snapshot is at least as old as the interval, or that
// nobody can tell, so that Run finds the fault.
func (s *Service) Due(ctx context.Context) bool {
	taken, err := s.taken(ctx)
	if err != nil || len(taken) == 0 {
		return true
	}
	at, _ := instantOf(taken[len(taken)-1])
	return s.clock.Now().Sub(at) >= s.cfg.Interval
}

// Run takes a snapshot and removes the oldest ones. Errors: those of
// ports.Snapshots.
func (s *Service) Run(ctx context.Context) (Report, error) {
	name := nameOf(s.clock.Now())
	report := Report{Path: s.path(name)}
	var err error
	if report.Snapshot, err = s.snapshots.Create(ctx, report.Path); err != nil {
		return Report{}, fmt.Errorf("backup: %s: %w", report.Path, err)
	}
	taken, err := s.taken(ctx)
	if err != nil {
		return report, fmt.Errorf("backup: list %s: %w", s.cfg.Dir, err)
	}
	var faults []error
	for _, old := range taken[:max(0, len(taken)-s.cfg.Keep)] {
		if err := s.snapshots.Remove(ctx, s.path(old)); err != nil {
			faults = append(faults, fmt.Errorf("backup: remove %s: %w", s.path(old), err))
			continue
		}
		report.Removed++
	}
	return report, errors.Join(faults...)
}

// taken returns the names of the snapshots, oldest first, without those of the future:
// where the clock once ran ahead, they would push out all that are taken now. They
// stay until their time has come.
func (s *Service) taken(ctx context.Context) ([]string, error) {
	names, err := s.snapshots.List(ctx, s.cfg.Dir)
	if err != nil {
		return nil, err
	}
	var taken []string
	for _, name := range names {
		if at, ok := instantOf(name); ok && !at.After(s.clock.Now()) {
			taken = append(taken, name)
		}
	}
	return taken, nil
}

func (s *Service) path(name string) string { return strings.TrimSuffix(s.cfg.Dir, "/") + "/" + name }

// form is that of the names: their order is that of their instants.
const form = "authserve-20060102T150405Z.db"

func nameOf(at time.Time) string { return at.UTC().Format(form) }

func instantOf(name string) (time.Time, bool) {
	at, err := time.Parse(form, name)
	return at, err == nil && nameOf(at) == name
}
