package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"authserve/adapters/outbound/entstore"
	"authserve/adapters/outbound/seal"
	"authserve/adapters/outbound/system"
	"authserve/bootstrap/dbtest"
	"authserve/core/audit"
	"authserve/core/domain"
	"authserve/ports"
)

// auditBatch is how many events are appended in one transaction, to get there.
const auditBatch = 500

// eventsOfALogin: login.succeeded, and now and then password.rehashed.
const eventsOfALogin = 2

// auditRow is what the chain costs on one kind of database.
type auditRow struct {
	name               string
	seal, verify, drop auditTime
	slowest            time.Duration // a batch
}

// auditTime is what something took of n events.
type auditTime struct {
	n         int
	wall, cpu time.Duration
}

func (a auditTime) perSecond() float64 { return float64(a.n) / a.wall.Seconds() }

func (a auditTime) micros(d time.Duration) float64 {
	return d.Seconds() * 1e6 / float64(a.n)
}

// auditCost prints what sealing, verifying and pruning the audit log cost.
func auditCost(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench audit", flag.ExitOnError)
	events := flags.Int("events", 20_000, "how many events are sealed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "authserve-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	servers := dbtest.New()
	defer func() { err = errors.Join(err, servers.Close()) }()

	row, err := auditCostOf(ctx, "SQLite", "sqlite://"+filepath.Join(dir, "audit.db"), *events)
	if err != nil {
		return err
	}
	rows := []auditRow{row}
	for _, server := range servers.All() {
		if err := server.Start(ctx); err != nil {
			fmt.Printf("%s was not measured: %v\n\n", server.Name(), err)
			continue
		}
		url, err := server.Empty(ctx)
		if err != nil {
			return err
		}
		if row, err = auditCostOf(ctx, server.Name(), url, *events); err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return printAuditCost(rows, *events)
}

func printAuditCost(rows []auditRow, events int) error {
	fmt.Printf("%d audit events; CPU is that of this process alone\n", events)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tsealed/s\tµs each\tCPU µs\ta login's 2, µs\tslowest 500, ms\tverified/s\tpruned/s\t") //nolint:errcheck // Flush tells
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t\n", r.name, r.seal.perSecond(), //nolint:errcheck // as above
			r.seal.micros(r.seal.wall), r.seal.micros(r.seal.cpu), eventsOfALogin*r.seal.micros(r.seal.wall),
			r.slowest.Seconds()*1e3, r.verify.perSecond(), r.drop.perSecond())
	}
	return w.Flush()
}

func auditCostOf(ctx context.Context, name, url string, n int) (row auditRow, err error) {
	migrator, err := entstore.NewMigrator(entstore.Config{URL: url})
	if err != nil {
		return row, err
	}
	if _, err := migrator.Up(ctx); err != nil {
		return row, err
	}
	store, err := entstore.Open(ctx, entstore.Config{URL: url})
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	keys, err := seal.New(system.Random{}, domain.NewSecret(base64.StdEncoding.EncodeToString(system.Random{}.Bytes(32))))
	if err != nil {
		return row, err
	}
	chain := audit.New(store, keys, system.Random{}, system.Clock{})
	row.name = name
	for done := 0; done < n; done += auditBatch {
		if err := appendEvents(ctx, store, min(auditBatch, n-done)); err != nil {
			return row, err
		}
		var sealed audit.Sealed
		one, err := timed(func() (int, error) {
			var err error
			sealed, err = chain.Seal(ctx)
			return sealed.Events, err
		})
		if err != nil {
			return row, err
		}
		row.seal.n, row.seal.wall, row.seal.cpu = row.seal.n+one.n, row.seal.wall+one.wall, row.seal.cpu+one.cpu
		row.slowest = max(row.slowest, one.wall)
	}
	row.verify, err = timed(func() (int, error) {
		v, err := chain.Verify(ctx, nil, nil)
		if err == nil && (v.Faults > 0 || v.Events != int64(n)) {
			err = fmt.Errorf("%d events were verified, and %d faults found: %s", v.Events, v.Faults, v.First)
		}
		return int(v.Events), err
	})
	if err != nil {
		return row, err
	}
	row.drop, err = timed(func() (int, error) { return chain.Prune(ctx, now().Add(time.Hour)) })
	return row, err
}

// appendEvents appends what successful logins leave.
func appendEvents(ctx context.Context, store ports.Store, n int) error {
	ids, clock := system.IDs{}, system.Clock{}
	account, session := ids.New(), ids.New()
	actor := domain.Actor{
		Kind: domain.ActorAnonymous, SessionID: session, IP: "198.51.100.7", CorrelationID: string(session),
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	}
	return store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		for range n {
			e := domain.NewAuditEvent(ids.New(), actor, domain.AuditLoginSucceeded, account, clock.Now(), map[string]string{"method": "password"})
			if err := tx.Audit().Append(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// timed measures do, which says of how many events it was.
func timed(do func() (int, error)) (auditTime, error) {
	began, cpu := now(), ownCPU()
	n, err := do()
	return auditTime{n: n, wall: now().Sub(began), cpu: ownCPU() - cpu}, err
}
