package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"authserve/core/domain"
	"authserve/ports"
)

func migrateCommand(a Actions, given *Config) *cobra.Command {
	migrate := group(&cobra.Command{
		Use:   "migrate",
		Short: "Move the database schema between versions",
	})
	migrate.AddCommand(
		planCommand(a, given),
		migrationCommand("up", "Apply every pending migration", "There is nothing to apply.", a.MigrateUp, given),
		downCommand(a, given),
		migrationCommand("status", "List the migrations and when they were applied", "There are no migrations.", a.MigrateStatus, given),
		migrateDoctorCommand(a, given),
	)
	return migrate
}

func downCommand(a Actions, given *Config) *cobra.Command {
	var dropData bool
	c := migrationCommand("down", "Revert the newest applied migration, with the data that only it has a place for", "There is nothing to revert.",
		func(ctx context.Context, cfg Config) ([]ports.Migration, error) {
			steps, err := a.MigrateDown(ctx, cfg, dropData)
			var refused *domain.Error
			if errors.Is(err, ports.ErrHoldsData) && errors.As(err, &refused) {
				err = refused.Wrap(fmt.Errorf("%w; nothing was done: make a backup, then give --drop-data if these rows may go", refused.Unwrap()))
			}
			return steps, err
		}, given)
	c.Long = `Revert the newest applied migration, with the data that only it has a place for.
No service may run.

A migration whose reversal drops tables that hold rows is refused, with the
number of rows of each, unless --drop-data is given. On SQLite and PostgreSQL
the first migration is all tables: to revert it deletes every account.`
	c.Flags().BoolVar(&dropData, "drop-data", false, "Revert also a migration whose reversal drops tables that hold rows, accounts among them.")
	return c
}

func planCommand(a Actions, given *Config) *cobra.Command {
	return resultCommand(&cobra.Command{
		Use:   "plan",
		Short: "Print what up would do, with its SQL, and do nothing",
		Args:  cobra.NoArgs,
	}, func(c *cobra.Command, _ []string) ([]ports.PlannedMigration, error) {
		return a.MigratePlan(c.Context(), *given)
	}, plannedJSON, writePlan)
}

// writePlan writes a script for its reader. Running it by hand would leave the steps
// unrecorded.
func writePlan(w io.Writer, steps []ports.PlannedMigration) error {
	if len(steps) == 0 {
		_, err := fmt.Fprintln(w, "There is nothing to apply.")
		return err
	}
	for i, step := range steps {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(w, "-- %d  %s\n%s", step.Version, step.Name, step.SQL); err != nil {
			return err
		}
	}
	return nil
}

type plannedStepJSON struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	SQL     string `json:"sql"`
}

func plannedJSON(steps []ports.PlannedMigration) any {
	list := make([]plannedStepJSON, len(steps))
	for i, step := range steps {
		list[i] = plannedStepJSON(step)
	}
	return list
}

func migrateDoctorCommand(a Actions, given *Config) *cobra.Command {
	return checksCommand(&cobra.Command{
		Use:   "doctor",
		Short: "Look at the schema and its migrations, and say what to do",
		Long: `Look at the schema and its migrations, and say what to do: whether this program
and the database belong together, whether somebody changed the schema by hand,
whether a migration runs now or was interrupted. It changes nothing, waits for
nobody, and can run beside the service.

The exit status is 1 when a check fails.`,
	}, a.MigrateDoctor, given)
}

func migrationCommand(name, short, none string, run func(context.Context, Config) ([]ports.Migration, error), given *Config) *cobra.Command {
	return resultCommand(&cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.NoArgs,
	}, func(c *cobra.Command, _ []string) ([]ports.Migration, error) {
		return run(c.Context(), *given)
	}, func(migrations []ports.Migration) any {
		return migrationsJSON(migrations)
	}, func(w io.Writer, migrations []ports.Migration) error {
		return writeMigrations(w, migrations, name, none)
	})
}

func writeMigrations(w io.Writer, migrations []ports.Migration, command, none string) error {
	if len(migrations) == 0 {
		_, err := fmt.Fprintln(w, none)
		return err
	}
	for _, m := range migrations {
		state := "pending"
		switch {
		case command == "up":
			state = "applied"
		case command == "down":
			state = "reverted"
		case !m.AppliedAt.IsZero():
			state = "applied " + m.AppliedAt.UTC().Format(time.RFC3339)
		}
		if _, err := fmt.Fprintf(w, "%d  %s  %s\n", m.Version, m.Name, state); err != nil {
			return err
		}
	}
	return nil
}

type migrationJSON struct {
	Version   int64      `json:"version"`
	Name      string     `json:"name"`
	AppliedAt *time.Time `json:"applied_at"` // null: not applied
}

func migrationsJSON(migrations []ports.Migration) []migrationJSON {
	list := make([]migrationJSON, len(migrations))
	for i, m := range migrations {
		list[i] = migrationJSON{Version: m.Version, Name: m.Name}
		if !m.AppliedAt.IsZero() {
			at := m.AppliedAt.UTC()
			list[i].AppliedAt = &at
		}
	}
	return list
}
