package guard

import (
	"context"

	"authserve/ports"
)

// Announcer puts a behind c. Listen passes through: it lasts as long as the service,
// and its caller calls it again when it ends.
func Announcer(a ports.Announcer, c *Circuit) ports.Announcer {
	return guardedAnnouncer{next: a, circuit: c}
}

type guardedAnnouncer struct {
	next    ports.Announcer
	circuit *Circuit
}

var _ ports.Announcer = guardedAnnouncer{}

func (g guardedAnnouncer) Announce(ctx context.Context, changes ports.Changes) error {
	return g.circuit.do(ctx, "announce", func(ctx context.Context) error { return g.next.Announce(ctx, changes) })
}

func (g guardedAnnouncer) Listen(ctx context.Context, listening func(), heard func(ports.Changes)) error {
	return g.next.Listen(ctx, listening, heard)
}
