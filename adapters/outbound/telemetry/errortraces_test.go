package telemetry_test

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"authserve/adapters/outbound/telemetry"
)

// unsampled starts a Telemetry that samples nothing and exports to c.
func unsampled(t *testing.T, c *collector) (*telemetry.Telemetry, trace.Tracer) {
	t.Helper()
	tel := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_TRACES_SAMPLER": "always_off"})
	return tel, tel.Tracers.Tracer("test")
}

func fail(span trace.Span) { span.SetStatus(codes.Error, "failed") }

//nolint:paralleltest // the environment is the input
func TestTracesThatFailAreKept(t *testing.T) {
	c := newCollector(t)
	tel, tracer := unsampled(t, c)

	ctx, root := tracer.Start(t.Context(), "failed root")
	inner, middle := tracer.Start(ctx, "failed middle")
	_, leaf := tracer.Start(inner, "failed leaf")
	if root.SpanContext().IsSampled() {
		t.Error("the root is marked as sampled, which others would follow")
	}
	leaf.End()
	middle.End()
	_, late := tracer.Start(ctx, "outlives its root")
	fail(root)
	root.End()
	late.End()

	ctx, root = tracer.Start(t.Context(), "fine root")
	_, leaf = tracer.Start(ctx, "leaf that failed and was dealt with")
	fail(leaf)
	leaf.End()
	root.End()

	c.wantSpans(t, tel, "failed root", "failed middle", "failed leaf")
}

//nolint:paralleltest // the environment is the input
func TestTraceWithRemoteParentIsKept(t *testing.T) {
	c := newCollector(t)
	tel, tracer := unsampled(t, c)
	parent := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, Remote: true,
	}))
	// Two requests of one trace at a time: the last to end decides for both.
	ctx, first := tracer.Start(parent, "first")
	_, child := tracer.Start(ctx, "child of first")
	_, second := tracer.Start(parent, "second")
	fail(first)
	child.End()
	first.End()
	second.End()
	_, third := tracer.Start(parent, "third, fine and later")
	third.End()
	c.wantSpans(t, tel, "first", "child of first", "second")
}

//nolint:paralleltest // the environment is the input
func TestSampledTracesGoThrough(t *testing.T) {
	c := newCollector(t)
	tel := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_TRACES_SAMPLER": "always_on"})
	ctx, root := tel.Tracers.Tracer("test").Start(t.Context(), "root")
	_, leaf := tel.Tracers.Tracer("test").Start(ctx, "leaf")
	leaf.End()
	fail(root)
	root.End()
	c.wantSpans(t, tel, "root", "leaf")
}

//nolint:paralleltest // the environment is the input
func TestHeldSpansAreBounded(t *testing.T) {
	c := newCollector(t)
	tel, tracer := unsampled(t, c)
	ctx, root := tracer.Start(t.Context(), "root")
	for range 200 {
		_, leaf := tracer.Start(ctx, "leaf")
		leaf.End()
	}
	fail(root)
	root.End()
	want := []string{"root"}
	for range 64 {
		want = append(want, "leaf")
	}
	c.wantSpans(t, tel, want...)
}

func TestHeldSpansOfAllTracesAreBounded(t *testing.T) {
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100000") // so that the exporter is not the bound
	c := newCollector(t)
	tel, tracer := unsampled(t, c)
	var roots []trace.Span
	for range 200 {
		ctx, root := tracer.Start(t.Context(), "root")
		roots = append(roots, root)
		for range 64 {
			_, leaf := tracer.Start(ctx, "leaf")
			leaf.End()
		}
	}
	for _, root := range roots {
		fail(root)
		root.End()
	}
	c.wantSpans(t, tel, append(slices.Repeat([]string{"root"}, 200), slices.Repeat([]string{"leaf"}, 8192)...)...)
}

// Many traces at a time make room for one another.
//
//nolint:paralleltest // the environment is the input
func TestHeldTracesAreBounded(t *testing.T) {
	c := newCollector(t)
	tel, tracer := unsampled(t, c)
	var roots []trace.Span
	for range 2000 {
		_, root := tracer.Start(t.Context(), "root")
		roots = append(roots, root)
	}
	for _, root := range roots {
		fail(root)
		root.End()
	}
	want := slices.Repeat([]string{"root"}, 1024)
	c.wantSpans(t, tel, want...)
}

// Roots that are never ended, and traces that ended, must not take the room for
// good.
//
//nolint:paralleltest // the environment is the input
func TestRoomIsGivenBack(t *testing.T) {
	c := newCollector(t)
	tel, tracer := unsampled(t, c)
	for range 3000 {
		ctx, _ := tracer.Start(t.Context(), "never ended") //nolint:spancheck // the point of the test
		for range 10 {
			_, leaf := tracer.Start(ctx, "leaf")
			leaf.End()
		}
	}
	for range 1500 {
		ctx, root := tracer.Start(t.Context(), "fine")
		_, leaf := tracer.Start(ctx, "leaf")
		leaf.End()
		root.End()
	}
	// The abandoned ones are forgotten at random, one by one as room is needed.
	for range 9000 {
		_, _ = tracer.Start(t.Context(), "never ended, and empty") //nolint:spancheck // the point of the test
	}
	ctx, root := tracer.Start(t.Context(), "root")
	_, leaf := tracer.Start(ctx, "leaf of root")
	leaf.End()
	fail(root)
	root.End()
	c.wantSpans(t, tel, "root", "leaf of root")
}

// The text of a panic may hold secrets.
//
//nolint:paralleltest // the environment is the input
func TestPanicsAreNotRecorded(t *testing.T) {
	c := newCollector(t)
	tel := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_TRACES_SAMPLER": "always_on"})
	func() {
		defer func() { _ = recover() }()
		_, span := tel.Tracers.Tracer("test").Start(t.Context(), "root")
		defer span.End()
		panic("s3cret")
	}()
	c.wantSpans(t, tel, "root")
	if c.events != 0 {
		t.Errorf("%d events exported, want none", c.events)
	}
}
