package cli

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func healthcheckCommand(a Actions, given *Config) *cobra.Command {
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the running service whether it is ready; the exit code tells",
		Long: `Ask /healthz of the configured address. The exit code is 0 when the service is
ready and 1 when it is not, as container engines expect of a health check.`,
		Args: cobra.NoArgs,
		RunE: action(func(c *cobra.Command, _ []string) error {
			url, err := a.HealthURL(c.Context(), *given)
			if err != nil {
				return err
			}
			request, err := http.NewRequestWithContext(c.Context(), http.MethodGet, url, http.NoBody)
			if err != nil {
				return err
			}
			// A client of its own: no proxy stands between a service and its own machine.
			client := &http.Client{
				Transport:     &http.Transport{DisableKeepAlives: true},
				Timeout:       timeout,
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			}
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			if err := response.Body.Close(); err != nil {
				return err
			}
			if response.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s answers %s", url, response.Status)
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), "ready")
			return err
		}),
	}
	c.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how `long` to wait for the answer")
	return c
}

type versionJSON struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Built   string `json:"built"`
	Go      string `json:"go"`
}

func versionCommand(v Version) *cobra.Command {
	return resultCommand(&cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
	}, func(*cobra.Command, []string) (Version, error) {
		return v, nil
	}, func(v Version) any {
		return versionJSON(v)
	}, func(w io.Writer, v Version) error {
		text := "authserve " + v.Version
		if v.Commit != "" {
			text += ", commit " + v.Commit
		}
		if v.Built != "" {
			text += ", built " + v.Built
		}
		_, err := fmt.Fprintf(w, "%s, %s\n", text, v.Go)
		return err
	})
}
