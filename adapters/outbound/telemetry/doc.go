// Package telemetry makes what the service speaks with: a zap logger, and the
// OpenTelemetry providers of traces and metrics, with the handler of /metrics.
//
// The standard OTEL_* variables of the environment configure it. Traces and
// metrics go out by OTLP over HTTP only when an endpoint is set
// (OTEL_EXPORTER_OTLP_ENDPOINT, or the one with _TRACES_ or _METRICS_ in it);
// /metrics is always there. Without an exporter of traces nothing is sampled, yet
// every request has a trace ID for the logs. A variable that asks for something
// else than the service does stops the start (environment.go).
//
// With an exporter, 1 % of the traces are sampled unless OTEL_TRACES_SAMPLER says
// otherwise, and of the rest those are exported whose local root span ends with an
// error (errortraces.go): all of the service's own spans are recorded until then.
//
// Providers are handed out, never set as globals. The one exception is the error
// handler of OpenTelemetry, which exists only as a global; the last Telemetry made
// in a process receives the errors.
package telemetry
