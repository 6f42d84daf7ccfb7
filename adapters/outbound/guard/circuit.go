package guard

import (
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"authserve/ports"
)

// Circuit bounds and judges the calls to one dependency.
type Circuit struct {
	name     string
	settings Settings
	clock    ports.Clock
	tracer   trace.Tracer
	duration metric.Float64Histogram
	judge    *judge
	slots    chan struct{}
	counts   [outcomes]atomic.Uint64

	// operations is replaced as a whole when a new name is met; all are met soon.
	operations atomic.Pointer[map[string]*operation]
	adding     sync.Mutex
}

// operation holds what the telemetry of every call of one operation shares.
type operation struct {
	name       string
	span       string
	attributes [outcomes][]attribute.KeyValue
	record     [outcomes][]metric.RecordOption
}

func newCircuit(r *Registry, name string, s Settings) (*Circuit, error) {
	j, err := newJudge(name, s, r.clock)
	if err != nil {
		return nil, err
	}
	s.SleepWindow = j.sleep
	c := &Circuit{
		name: name, settings: s, clock: r.clock, tracer: r.tracer, duration: r.duration,
		judge: j, slots: make(chan struct{}, s.MaxConcurrent),
	}
	c.operations.Store(&map[string]*operation{})
	return c, nil
}

// operation finds or makes the operation of that name.
func (c *Circuit) operation(name string) *operation {
	if o, ok := (*c.operations.Load())[name]; ok {
		return o
	}
	c.adding.Lock()
	defer c.adding.Unlock()
	known := maps.Clone(*c.operations.Load())
	if o, ok := known[name]; ok {
		return o
	}
	o := &operation{name: name, span: c.name + " " + name}
	for i := success; int(i) < outcomes; i++ {
		kind := attribute.String("outcome", i.String())
		o.attributes[i] = []attribute.KeyValue{kind}
		o.record[i] = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
			attribute.String("circuit", c.name), attribute.String("operation", name), kind))}
	}
	known[name] = o
	c.operations.Store(&known)
	return o
}

func (c *Circuit) status() ports.BreakerStatus {
	state, since := c.judge.status()
	return ports.BreakerStatus{
		Name: c.name, State: state, Since: since, InFlight: len(c.slots),
		Counts: ports.BreakerCounts{
			Success:  c.counts[success].Load(),
			Failure:  c.counts[failure].Load(),
			Timeout:  c.counts[timeout].Load(),
			Refused:  c.counts[refused].Load(),
			Rejected: c.counts[rejected].Load(),
			Canceled: c.counts[canceled].Load(),
		},
		Settings: ports.BreakerSettings{
			Timeout: c.settings.Timeout, MaxConcurrent: c.settings.MaxConcurrent,
			RequestVolume: c.settings.RequestVolume, ErrorPercent: c.settings.ErrorPercent,
			SleepWindow: c.settings.SleepWindow,
		},
	}
}
