package bootstrap

import (
	"context"
	"fmt"

	"go.uber.org/fx"

	"authserve/ports"
)

// ValidateWiring checks that every constructor can get what it asks for.
func ValidateWiring() error {
	return fx.ValidateApp(
		fx.NopLogger, fx.Supply(Config{}, options{}, &closers{}), modules(),
		fx.Invoke(func(*service) {}),
	)
}

// OutgoingPorts names the types that the core gets for its outgoing ports.
func OutgoingPorts(cfg Config) (map[string]string, error) {
	var store ports.Store
	var hasher ports.Hasher
	var mailer ports.Mailer
	opened := &closers{}
	err := build(options{config: &cfg, ctx: context.Background(), logWriter: discard{}}, opened, fx.Populate(&store, &hasher, &mailer))
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"store": fmt.Sprintf("%T", store), "hasher": fmt.Sprintf("%T", hasher), "mailer": fmt.Sprintf("%T", mailer),
	}, opened.close()
}
