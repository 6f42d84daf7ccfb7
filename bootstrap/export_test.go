package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/fx"

	"authserve/adapters/inbound/httpkit"
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

// LoseListener lets the service see a listener end by itself.
func (a *App) LoseListener(err error) { a.service.watch(func() error { return err }) }
