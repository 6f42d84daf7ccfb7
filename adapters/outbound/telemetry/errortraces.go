package telemetry

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The bounds of what is held back: some tens of megabytes at the worst.
const (
	heldTraces        = 1024
	heldSpansPerTrace = 64
	heldSpans         = 8192
)

// recordAll is a sampler that records what the other one drops, without marking
// it as sampled, so that errorTraces sees it.
type recordAll struct{ sdktrace.Sampler }

func (s recordAll) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	result := s.Sampler.ShouldSample(p)
	if result.Decision == sdktrace.Drop {
		result.Decision = sdktrace.RecordOnly
	}
	return result
}

// errorTraces hands sampled spans on, and holds the others back until the local
// root of their trace ends: with an error they are handed on as if sampled,
// otherwise they are forgotten. A local root is a span without a parent in this
// process; while a trace has several at a time, the last to end decides for all.
//
// Beyond the bounds, spans are left out and other traces forgotten; the spans that
// are the roots always stay.
type errorTraces struct {
	next sdktrace.SpanProcessor

	mu     sync.Mutex
	traces map[trace.TraceID]*heldTrace
	spans  int // held, of all traces
}

type heldTrace struct {
	roots  int // running
	failed bool
	spans  []sdktrace.ReadOnlySpan
}

var _ sdktrace.SpanProcessor = (*errorTraces)(nil)

func newErrorTraces(next sdktrace.SpanProcessor) *errorTraces {
	return &errorTraces{next: next, traces: make(map[trace.TraceID]*heldTrace)}
}

// OnStart implements trace.SpanProcessor.
func (e *errorTraces) OnStart(parent context.Context, s sdktrace.ReadWriteSpan) {
	if s.SpanContext().IsSampled() {
		e.next.OnStart(parent, s)
		return
	}
	if !isLocalRoot(s) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	id := s.SpanContext().TraceID()
	held := e.traces[id]
	if held == nil {
		if len(e.traces) >= heldTraces {
			e.forgetAny()
		}
		held = &heldTrace{}
		e.traces[id] = held
	}
	held.roots++
}

// OnEnd implements trace.SpanProcessor.
func (e *errorTraces) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		e.next.OnEnd(s)
		return
	}
	for _, kept := range e.hold(s) {
		e.next.OnEnd(sampledSpan{kept})
	}
}

// hold keeps s, and returns the spans of its trace when that is over and failed.
func (e *errorTraces) hold(s sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := s.SpanContext().TraceID()
	held := e.traces[id]
	if held == nil {
		return nil // forgotten, or s outlived its root
	}
	root := isLocalRoot(s)
	if root || (len(held.spans) < heldSpansPerTrace && e.spans < heldSpans) {
		held.spans = append(held.spans, s)
		e.spans++
	}
	if !root {
		return nil
	}
	held.failed = held.failed || s.Status().Code == codes.Error
	if held.roots--; held.roots > 0 {
		return nil
	}
	e.forget(id)
	if !held.failed {
		return nil
	}
	return held.spans
}

func (e *errorTraces) forget(id trace.TraceID) {
	e.spans -= len(e.traces[id].spans)
	delete(e.traces, id)
}

// forgetAny makes room. Whichever trace it is: so many at a time are there only
// when roots are never ended, and those must not block the rest for ever.
func (e *errorTraces) forgetAny() {
	for id := range e.traces {
		e.forget(id)
		return
	}
}

// Shutdown implements trace.SpanProcessor.
func (e *errorTraces) Shutdown(ctx context.Context) error { return e.next.Shutdown(ctx) }

// ForceFlush implements trace.SpanProcessor.
func (e *errorTraces) ForceFlush(ctx context.Context) error { return e.next.ForceFlush(ctx) }

func isLocalRoot(s sdktrace.ReadOnlySpan) bool {
	return !s.Parent().IsValid() || s.Parent().IsRemote()
}

// sampledSpan is a span that says it was sampled: exporters leave out others.
type sampledSpan struct{ sdktrace.ReadOnlySpan }

func (s sampledSpan) SpanContext() trace.SpanContext {
	own := s.ReadOnlySpan.SpanContext()
	return own.WithTraceFlags(own.TraceFlags().WithSampled(true))
}
