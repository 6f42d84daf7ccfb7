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
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

func newTelemetry(tracers trace.TracerProvider, meters metric.MeterProvider) telemetry {
	if tracers == nil {
		tracers = tracenoop.NewTracerProvider()
	}
	if meters == nil {
		meters = metricnoop.NewMeterProvider()
	}
	return telemetry{tracers: tracers, meters: meters}
}

// openTraced opens a pool whose statements become spans named after their first
// word. The statements hold placeholders; arguments are never recorded.
func (s settings) openTraced(dsn, pool string) *sql.DB {
	return otelsql.OpenDB(newConnector(dsn), s.telemetry.options(pool)...)
}

func (t telemetry) options(pool string) []otelsql.Option {
	return []otelsql.Option{
		otelsql.WithTracerProvider(t.tracers),
		otelsql.WithMeterProvider(t.meters),
		otelsql.WithAttributes(
			attribute.String("db.system.name", "sqlite"),
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
func (s settings) watchPools(pools map[string]*sql.DB) ([]metric.Registration, error) {
	var out []metric.Registration
	for name, db := range pools {
		r, err := otelsql.RegisterDBStatsMetrics(db, s.telemetry.options(name)...)
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}
