package entstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// telemetry observes what happens below Ent.
type telemetry struct {
	system  string // db.system.name
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

func newTelemetry(system string, tracers trace.TracerProvider, meters metric.MeterProvider) telemetry {
	if tracers == nil {
		tracers = tracenoop.NewTracerProvider()
	}
	if meters == nil {
		meters = metricnoop.NewMeterProvider()
	}
	return telemetry{system: system, tracers: tracers, meters: meters}
}

// open opens a pool whose statements become spans named after their first word. The
// statements hold placeholders; arguments are never recorded.
func (t telemetry) open(c driver.Connector, pool string) *sql.DB {
	return otelsql.OpenDB(c, t.options(pool)...)
}

func (t telemetry) options(pool string) []otelsql.Option {
	return []otelsql.Option{
		otelsql.WithTracerProvider(t.tracers),
		otelsql.WithMeterProvider(t.meters),
		otelsql.WithAttributes(
			attribute.String("db.system.name", t.system),
			attribute.String("db.client.connection.pool.name", pool)),
		otelsql.WithSpanNameFormatter(spanName),
		otelsql.WithSpanOptions(otelsql.SpanOptions{
			SpanFilter:           insideTrace,
			OmitConnResetSession: true, OmitConnPrepare: true, OmitRows: true, OmitConnectorConnect: true,
		}),
	}
}

// insideTrace leaves out spans that nobody would see: a statement is worth one
// only as part of a recorded request.
func insideTrace(ctx context.Context, _ otelsql.Method, _ string, _ []driver.NamedValue) bool {
	return trace.SpanFromContext(ctx).IsRecording()
}

func spanName(_ context.Context, method otelsql.Method, query string) string {
	if verb, _, ok := strings.Cut(query, " "); ok {
		return verb
	}
	return string(method)
}

// watchPools publishes how many connections are in use and how long callers wait.
func (t telemetry) watchPools(pools map[string]*sql.DB) ([]metric.Registration, error) {
	var out []metric.Registration
	for name, db := range pools {
		r, err := otelsql.RegisterDBStatsMetrics(db, t.options(name)...)
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

// watchTurns publishes how many writers wait for their turn, before any pool.
func (t telemetry) watchTurns(b *batches) (metric.Registration, error) {
	meter := t.meters.Meter("authserve/adapters/outbound/entstore")
	waiting, err := meter.Int64ObservableGauge("authserve.database.writers.waiting",
		metric.WithUnit("{transaction}"), metric.WithDescription("Transactions that wait for SQLite's one writer."))
	if err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(waiting, int64(b.turns.waiting()))
		return nil
	}, waiting)
}

// repeats counts transactions that ran again.
func (t telemetry) repeats() (metric.Int64Counter, error) {
	return t.meters.Meter("authserve/adapters/outbound/entstore").Int64Counter("authserve.database.transaction.repeats",
		metric.WithUnit("{transaction}"), metric.WithDescription("Transactions that lost against another one and were run again."))
}
