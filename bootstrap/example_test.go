package bootstrap_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"authserve/bootstrap"
	"authserve/core/domain"
)

// printer is a mailer of one's own: any implementation of ports.Mailer will do,
// and likewise of ports.Store or ports.Hasher.
type printer struct{}

// Send implements ports.Mailer.
func (printer) Send(_ context.Context, l domain.Letter) error {
	fmt.Println("to", l.To, "about", l.Subject)
	return nil
}

// Another module's main starts the service with one port replaced. The replaced
// mailer is guarded by a circuit breaker like any other.
func Example() {
	dir, err := os.MkdirTemp("", "authserve-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	cfg, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{
		"AUTHSERVE_DATA_DIR=" + dir, "AUTHSERVE_HTTP_ADDR=127.0.0.1:0", "AUTHSERVE_OPS_ADDR=127.0.0.1:0",
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	app, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithMailer(printer{}), bootstrap.WithLogWriter(io.Discard))
	if err != nil {
		fmt.Println(err)
		return
	}
	// A main would call app.Run(ctx) and be done.
	if err := app.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("started")
	if err := app.Stop(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("stopped")
	// Output:
	// started
	// stopped
}
