package passhash

import (
	"context"

	"authserve/core/domain"
)

// AwaitDepth returns when so many jobs wait and one runs, or ctx ends.
func AwaitDepth(ctx context.Context, e *Engine, waiting int) {
	for ctx.Err() == nil {
		if running, w := e.queue.Depth(); running == 1 && w == waiting {
			return
		}
	}
}

// Network gives the tests whom the queue takes for one caller.
func Network(a domain.Actor) string { return network(a) }
