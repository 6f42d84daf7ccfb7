package cli

import (
	"context"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"authserve/core/account"
	"authserve/core/admin"
	"authserve/core/domain"
	"authserve/ports"
)

// Exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1 // the command made sense and did not succeed
	ExitUsage   = 2 // the command made no sense
	ExitRefused = 3 // an import did all it could, and refused rows
)

// Config is where the command line says the configuration is.
type Config struct {
	File  string            // of --config; empty: not given
	Flags map[string]string // settings given as flags, by name without hyphens; lists joined by commas
}

// ConfigReport is the configuration in force.
type ConfigReport struct {
	YAML     []byte // secrets redacted
	Warnings []string
}

// Version says which build this is. Unknown parts are empty.
type Version struct {
	Version string
	Commit  string
	Built   string // RFC 3339
	Go      string
}

// Actions are the functions behind the commands; all but Settings and Version
// must be there. Each loads the configuration itself.
type Actions struct {
	// Settings are offered as flags on every command.
	Settings []Setting
	Version  Version
	// Serve runs the service until ctx ends, and returns when it has drained.
	Serve func(ctx context.Context, c Config) error
	// MigrateUp, MigrateDown, MigrateStatus and MigratePlan are the methods of
	// ports.Migrator on the configured store. With dropData rows may go with their
	// tables; otherwise MigrateDown fails with ports.ErrHoldsData where they would.
	MigrateUp     func(ctx context.Context, c Config) ([]ports.Migration, error)
	MigrateDown   func(ctx context.Context, c Config, dropData bool) ([]ports.Migration, error)
	MigrateStatus func(ctx context.Context, c Config) ([]ports.Migration, error)
	MigratePlan   func(ctx context.Context, c Config) ([]ports.PlannedMigration, error)
	// MigrateDoctor looks at the schema of the configured store. It changes nothing.
	MigrateDoctor func(ctx context.Context, c Config) []Check
	// CreateUser creates an account in the configured store.
	CreateUser func(ctx context.Context, c Config, n admin.NewAccount) (domain.Account, error)
	// ImportUsers is account.Service.Import on the configured store.
	ImportUsers func(ctx context.Context, c Config, rows iter.Seq2[account.ImportRow, error], o account.ImportOptions) (account.ImportReport, error)
	// Export and Import are those of ports.Transferer on the configured store. Import
	// makes the schema first.
	Export transferAction[io.Writer]
	Import transferAction[io.Reader]
	// CreateBackup and VerifyBackup are methods of ports.Snapshots on the configured
	// database. RestoreBackup replaces it; no service may run.
	CreateBackup  func(ctx context.Context, c Config, path string) (ports.Snapshot, error)
	VerifyBackup  func(ctx context.Context, c Config, path string) (ports.Snapshot, error)
	RestoreBackup func(ctx context.Context, c Config, path string, o ports.RestoreOptions) (ports.Restored, error)
	AuditActions
	// CheckConfig loads the configuration and checks everything that `serve` would.
	// The report is printed also beside an error.
	CheckConfig func(ctx context.Context, c Config) (ConfigReport, error)
	// Doctor looks at what the service will run on. It changes nothing.
	Doctor func(ctx context.Context, c Config) []Check
	// HealthURL is the address of the running service's health, as seen from here.
	HealthURL func(ctx context.Context, c Config) (string, error)
}

// Streams are the standard streams of the process.
type Streams struct {
	In  io.Reader // passwords are asked for when it is a terminal
	Out io.Writer
	Err io.Writer
}

// Run executes one command line, without the program's name, and returns the exit
// code. Errors are reported on streams.Err.
func Run(ctx context.Context, a Actions, streams Streams, args []string) int {
	root := New(a) //nolint:contextcheck // commands take the context that ExecuteContextC gives them
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would read os.Args
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	return report(streams.Err, command, err)
}

// New makes the tree of commands. Run adds streams, reports and exit codes.
func New(a Actions) *cobra.Command {
	root := group(&cobra.Command{
		Use:   "authserve",
		Short: "Authentication service: accounts, logins, sessions and tokens over HTTP",
		Long: `authserve is an authentication service in one binary.

Start it with "authserve serve": without any configuration it serves on
127.0.0.1:8080, with its data in ./data. Every setting can be given in a file,
as an environment variable, or as a flag; "authserve config --help" lists them.`,
		SilenceErrors: true, // report does both, in one form
		SilenceUsage:  true,
		Version:       a.Version.Version,
	})
	given := addSettings(root, a.Settings)
	root.SetHelpCommand(helpCommand())
	root.AddCommand(
		serveCommand(a, given),
		migrateCommand(a, given),
		exportCommand(a, given),
		importCommand(a, given),
		userCommand(a, given),
		backupCommand(a, given),
		auditCommand(a, given),
		configCommand(a, given),
		doctorCommand(a, given),
		healthcheckCommand(a, given),
		versionCommand(a.Version),
	)
	return root
}

// group makes c a command that only holds others: it must be called with one.
func group(c *cobra.Command) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return unknownCommand(c, args[0])
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		return usagef("%s needs a command", c.CommandPath())
	}
	return c
}

func unknownCommand(c *cobra.Command, name string) error {
	hint := ""
	if c.SuggestionsMinimumDistance == 0 {
		c.SuggestionsMinimumDistance = 2
	}
	if near := c.SuggestionsFor(name); len(near) > 0 {
		hint = ", did you mean " + near[0] + "?"
	}
	return usagef("unknown command %q for %s%s", name, c.CommandPath(), hint)
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("there is no command %q to help with", args)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

func serveCommand(a Actions, given *Config) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Run the service until SIGTERM or SIGINT, then finish the requests under way and
exit.

Pending migrations are applied first, on every database, unless database.migrate is
check or off. In development a master key is made when there is none. One service at
a time uses a data directory.`,
		Args: cobra.NoArgs,
		RunE: action(func(c *cobra.Command, _ []string) error { return a.Serve(c.Context(), *given) }),
	}
}
