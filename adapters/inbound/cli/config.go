package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func configCommand(a Actions, given *Config) *cobra.Command {
	config := group(&cobra.Command{
		Use:   "config",
		Short: "Show and check the configuration; its help lists every setting",
		Long: `Show and check the configuration.

A setting comes from its default, the YAML file named by --config or
AUTHSERVE_CONFIG_FILE, the environment, or a flag; each overrides those before
it. The flag --http-addr, the variable AUTHSERVE_HTTP_ADDR and the key "addr"
below "http" are the same setting. Secrets can be read from files, with _FILE
behind the variable's name. Every command accepts these flags:

` + settingFlags(a.Settings, nil).FlagUsagesWrapped(100),
	})
	config.AddCommand(
		&cobra.Command{
			Use:   "print",
			Short: "Print the configuration in force as YAML, with sources and without secrets",
			Args:  cobra.NoArgs,
			RunE: action(func(c *cobra.Command, _ []string) error {
				report, err := checkConfig(c, a, given)
				if _, printErr := c.OutOrStdout().Write(report.YAML); printErr != nil {
					return printErr
				}
				return err
			}),
		},
		&cobra.Command{
			Use:   "check",
			Short: "List everything that is wrong with the configuration",
			Args:  cobra.NoArgs,
			RunE: action(func(c *cobra.Command, _ []string) error {
				if _, err := checkConfig(c, a, given); err != nil {
					return err
				}
				_, err := fmt.Fprintln(c.OutOrStdout(), "The configuration is valid.")
				return err
			}),
		},
	)
	return config
}

func checkConfig(c *cobra.Command, a Actions, given *Config) (ConfigReport, error) {
	report, err := a.CheckConfig(c.Context(), *given)
	for _, w := range report.Warnings {
		_, _ = c.ErrOrStderr().Write(printable([]byte("warning: " + w + "\n")))
	}
	return report, err
}
