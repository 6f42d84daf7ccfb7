package domain

import "context"

// ActorKind tells on whose behalf something happens.
type ActorKind string

// The kinds of actor.
const (
	ActorAnonymous ActorKind = "anonymous" // a caller without a valid token
	ActorAccount   ActorKind = "account"   // the owner of an access token
	ActorOperator  ActorKind = "operator"  // somebody at the command line
	ActorSystem    ActorKind = "system"    // the service itself
)

// Actor is who does something, and from where. It travels in the context from
// the edge to the audit log.
type Actor struct {
	Kind          ActorKind
	ID            string // account id or operating-system user; empty when anonymous
	SessionID     ID     // empty outside of a session
	IP            string // client address as far as it can be trusted
	Network       string // that limits count by: the IPv4 address, or the /64 of the IPv6 one; empty: unknown
	UserAgent     string
	CorrelationID string
}

type actorKey struct{}

// WithActor returns a context that carries a.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom returns the actor of ctx; without one, the service itself.
func ActorFrom(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Kind: ActorSystem}
}
