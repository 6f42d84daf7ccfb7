package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/fx"

	"authserve/adapters/inbound/cli"
	"authserve/adapters/inbound/httpkit"
	"authserve/adapters/outbound/passhash"
	"authserve/adapters/outbound/passhash/sizing"
	"authserve/adapters/outbound/passhash/worker"
	"authserve/core/domain"
	"authserve/ports"
)

// ValidateWiring checks that every constructor can get what it asks for.
func ValidateWiring() error {
	return fx.ValidateApp(
		fx.NopLogger, fx.Supply(Config{}, options{}, &closers{}), modules(),
		fx.Invoke(func(*service) {}),
	)
}

// Routes are those of the API as the service is put together.
func Routes(cfg Config) ([]httpkit.Route, error) {
	var h handlers
	opened := &closers{}
	if err := build(options{config: &cfg, ctx: context.Background(), logWriter: discard{}}, opened, fx.Populate(&h)); err != nil {
		return nil, err
	}
	router, ok := h.http.(*httpkit.Router)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the API is served by a %T; want a router that knows its routes", h.http), opened.close())
	}
	return router.Routes(), opened.close()
}

// OutgoingPorts names the types that the core gets for its outgoing ports.
func OutgoingPorts(cfg Config) (map[string]string, error) {
	var store ports.Store
	var hasher ports.Hasher
	var mailer ports.Mailer
	var breaches ports.Breaches
	opened := &closers{}
	err := build(options{config: &cfg, ctx: context.Background(), logWriter: discard{}}, opened, fx.Populate(&store, &hasher, &mailer, &breaches))
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"store": fmt.Sprintf("%T", store), "hasher": fmt.Sprintf("%T", hasher), "mailer": fmt.Sprintf("%T", mailer),
		"breaches": fmt.Sprintf("%T", breaches),
	}, opened.close()
}

// PauseAfter is how long a start waits after so many tries.
func PauseAfter(n int) time.Duration { return pauseAfter(n) }

// LoseListener lets the service see a listener end by itself.
func (a *App) LoseListener(err error) { a.service.watch(func() error { return err }) }

// Doctor is the command's action for one configuration file.
func Doctor(ctx context.Context, file string) []cli.Check { return doctor(ctx, cli.Config{File: file}) }

// MigrateDoctor is the command's action for one configuration file.
func MigrateDoctor(ctx context.Context, file string) []cli.Check {
	return migrateDoctor(ctx, cli.Config{File: file})
}

// SchemaChecks words what was found of a schema.
var SchemaChecks = schemaChecks

// Describe words what was found.
func Describe(cfg Config, plan sizing.Plan, isolation worker.Isolation, slots int, took time.Duration) cli.Check {
	check := cli.Check{Status: cli.CheckOK}
	describe(&check, cfg, plan, worker.State{Isolation: isolation}, slots, took)
	return check
}

// TimeHashes is what one hash takes while so many workers are busy.
func TimeHashes(ctx context.Context, h ports.Hasher, workers int) (time.Duration, error) {
	return timeHashes(ctx, h, workers)
}

// EngineConfig is what the password engine is told.
func EngineConfig(p PasswordConfig, slots int) passhash.Config { return hashConfig(p, slots) }

// HashPlan is the plan for this machine.
func HashPlan(cfg Config, children bool) sizing.Plan { return hashPlan(cfg, children) }

// PasswordPolicy is the policy for new passwords.
func PasswordPolicy(cfg Config) domain.PasswordPolicy { return passwordPolicy(cfg) }

// VerifiedOnly tells whether login needs a verified address, and when accounts without
// one are removed.
func VerifiedOnly(cfg Config) (required bool, removedAfter time.Duration) {
	return loginConfig(cfg).RequireVerifiedEmail, upkeepConfig(cfg).UnverifiedAfter
}
