package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"authserve/ports"
)

func migrateCommand(a Actions, given *Config) *cobra.Command {
	migrate := group(&cobra.Command{
		Use:   "migrate",
		Short: "Move the database schema between versions",
	})
	migrate.AddCommand(
		migrationCommand("up", "Apply every pending migration", "There is nothing to apply.", a.MigrateUp, given),
		migrationCommand("down", "Revert the newest applied migration, with the data that only it has a place for", "There is nothing to revert.", a.MigrateDown, given),
		migrationCommand("status", "List the migrations and when they were applied", "There are no migrations.", a.MigrateStatus, given),
	)
	return migrate
}

func migrationCommand(name, short, none string, run func(context.Context, Config) ([]ports.Migration, error), given *Config) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: action(func(c *cobra.Command, _ []string) error {
			migrations, err := run(c.Context(), *given)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), migrationsJSON(migrations))
			}
			return writeMigrations(c.OutOrStdout(), migrations, name, none)
		}),
	}
	addJSON(c, &asJSON)
	return c
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
