package httpapi

import (
	"fmt"
	"net/http"

	"go.opentelemetry.io/otel/metric"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/account"
	"authserve/core/login"
	"authserve/core/session"
	"authserve/core/token"
	"authserve/ports"
)

// Services are the use cases behind the API.
type Services struct {
	Accounts  *account.Service
	Emails    *account.Emails
	Passwords *account.Passwords
	Owners    *account.Owners
	Logins    *login.Service
	Sessions  *session.Service
	Tokens    *token.Service
}

// Deps is what the API works with beside the use cases.
type Deps struct {
	Sealer ports.Sealer // for page cursors
	Meters metric.MeterProvider
	Health http.Handler // answers GET /healthz
	Limits httpkit.Limits
}

// Config says what the API tells of itself.
type Config struct {
	Issuer string // the public base URL, without a slash at its end
	// PrivateRegistration hides whether registering made an account (account.Config).
	PrivateRegistration bool
}

// api holds what handlers share.
type api struct {
	Services
	cfg     Config
	limits  httpkit.Limits
	cursors httpkit.Cursors
	refresh metric.Int64Counter
}

// Mount registers every route of the API at rt.
func Mount(rt *httpkit.Router, services Services, cfg Config, deps Deps) error {
	refresh, err := deps.Meters.Meter("authserve/adapters/inbound/httpapi").Int64Counter("authserve.refresh",
		metric.WithDescription("Refresh calls by outcome: a benign retry and a suspected theft are different things."),
		metric.WithUnit("{call}"))
	if err != nil {
		return fmt.Errorf("httpapi: %w", err)
	}
	a := &api{Services: services, cfg: cfg, limits: deps.Limits, cursors: httpkit.NewCursors(deps.Sealer), refresh: refresh}
	a.mountMe(rt) // the most frequent call: routes are tried in order
	a.mountAuth(rt)
	a.mountRegistration(rt)
	a.mountEmails(rt)
	a.mountPasswords(rt)
	a.mountOwners(rt)
	a.mountSessions(rt)
	a.mountWellKnown(rt)
	rt.Handle(http.MethodGet, "/healthz", deps.Health)
	return nil
}

// anonymous is the endpoint of an operation that is open to everybody.
func anonymous(operation string, limit httpkit.Limit) httpkit.Endpoint {
	return httpkit.Endpoint{Operation: operation, Limit: limit}
}

// confirming is the endpoint of an operation that asks the owner of a token for more
// than the token, or gives away more than others.
func (a *api) confirming(operation string) httpkit.Endpoint {
	e := a.authenticated(operation)
	e.Limit = a.limits.Session
	return e
}

// authenticated is the endpoint of an operation for the owner of a token.
func (a *api) authenticated(operation string, query ...string) httpkit.Endpoint {
	return httpkit.Endpoint{Operation: operation, Authenticate: a.Sessions.Authenticate, Query: query}
}
