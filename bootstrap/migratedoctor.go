package bootstrap

import (
	"context"
	"fmt"
	"strings"

	"authserve/adapters/inbound/cli"
	"authserve/adapters/outbound/entstore"
	"authserve/ports"
)

// migrateDoctor looks at the schema of the configured database, and changes nothing.
func migrateDoctor(ctx context.Context, c cli.Config) []cli.Check {
	failed := func(name string, err error) []cli.Check {
		return []cli.Check{{Name: name, Status: cli.CheckFail, Summary: "it cannot be used", Facts: strings.Split(err.Error(), "\n")}}
	}
	cfg, err := load(c)
	if err != nil {
		return failed("configuration", err)
	}
	m, err := migratorOf(cfg, nil)
	if err != nil {
		return failed("configuration", err)
	}
	x, err := m.Examine(ctx)
	if err != nil {
		return append(failed("database", err), checkFiles(x))
	}
	return schemaChecks(x)
}

// schemaChecks words what was found.
func schemaChecks(x entstore.Examination) []cli.Check {
	if x.Absent {
		return []cli.Check{absentDatabase(x.Database), checkFiles(x)}
	}
	database := cli.Check{Name: "database", Status: cli.CheckOK, Summary: x.Database + " answers"}
	return []cli.Check{database, checkFiles(x), checkVersions(x), checkInterrupted(x), checkDrift(x), checkLock(x)}
}

func absentDatabase(name string) cli.Check {
	return cli.Check{
		Name: "database", Status: cli.CheckWarn, Summary: name + " is not there yet",
		Advice: "`authserve migrate up` makes it, and so does `authserve serve` with database.migrate set to auto. If there should be one, see database.url and data_dir.",
	}
}

func checkFiles(x entstore.Examination) cli.Check {
	check := cli.Check{Name: "migrations", Status: cli.CheckOK, Summary: "those of their checksums"}
	if x.Files != nil {
		check.Status, check.Summary = cli.CheckFail, x.Files.Error()
		check.Advice = "This program was not built from a release: build it again, or take a released one."
	}
	return check
}

func checkVersions(x entstore.Examination) cli.Check {
	check := cli.Check{
		Name: "versions", Status: cli.CheckOK, Summary: fmt.Sprintf("the schema is at version %d, as this program needs it", x.Applied),
		Facts: steps("Pending", x.Pending),
	}
	switch {
	case len(x.Newer) > 0:
		check.Status, check.Summary = cli.CheckFail, fmt.Sprintf("the schema is at version %d, newer than this program, which knows up to %d", x.Applied, x.Newest)
		check.Advice = "Run the newer program again. To go back to this one, first run the newer program's `authserve migrate down` until this check passes."
	case len(x.Unknown) > 0:
		check.Status, check.Summary = cli.CheckFail, "the database has migrations that this program does not know"
		check.Facts = append(check.Facts, fmt.Sprintf("Recorded and unknown: %v.", x.Unknown))
		check.Advice = "Another program, or a build of another branch, has migrated this database: check database.url, or run that program."
	case len(x.Gaps) > 0:
		check.Status, check.Summary = cli.CheckFail, "a migration was left out: later ones are recorded"
		check.Advice = "Find out who has changed the table goose_db_version, or what was restored. `authserve migrate up` applies what is missing, out of its order: try it on a copy first."
	case len(x.Pending) > 0:
		check.Status, check.Summary = cli.CheckWarn, fmt.Sprintf("%d migrations are pending", len(x.Pending))
		if len(x.Pending) == 1 {
			check.Summary = "1 migration is pending"
		}
		check.Advice = "`authserve migrate plan` prints them; `authserve migrate up` applies them, and so does the next start with database.migrate set to auto."
	}
	return check
}

func steps(state string, list []ports.Migration) []string {
	var facts []string
	for _, m := range list {
		facts = append(facts, fmt.Sprintf("%s: %d (%s).", state, m.Version, m.Name))
	}
	return facts
}

func checkInterrupted(x entstore.Examination) cli.Check {
	check := cli.Check{Name: "interrupted", Status: cli.CheckOK, Summary: "no migration was left in the middle"}
	if x.Interrupted == nil {
		return check
	}
	direction := "applied"
	if !x.Interrupted.Up {
		direction = "reverted"
	}
	check.Status, check.Summary = cli.CheckFail, fmt.Sprintf("migration %d was begun to be %s, and its end was not noted", x.Interrupted.Version, direction)
	check.Advice = "`authserve migrate up` finishes it: it knows whether the statement was done."
	if x.Holder != "" {
		check.Status, check.Summary = cli.CheckWarn, fmt.Sprintf("migration %d is being %s now", x.Interrupted.Version, direction)
		check.Advice = "Wait until it has ended."
	}
	return check
}

func checkDrift(x entstore.Examination) cli.Check {
	check := cli.Check{Name: "drift", Status: cli.CheckOK, Summary: "the schema is what this program was built for"}
	switch {
	case len(x.Pending) > 0 || len(x.Newer) > 0 || x.Interrupted != nil:
		check.Summary = "not looked at: the schema is of another version"
		check.Status = cli.CheckWarn
		check.Advice = "Look again when the version is right."
	case x.Drift != "":
		check.Status, check.Summary = cli.CheckFail, "the schema was changed, but not by migrations"
		for line := range strings.Lines(x.Drift) {
			check.Facts = append(check.Facts, strings.TrimRight(line, "\n"))
		}
		check.Advice = "The statements above would mend it; they are made by a program: let a person read them, and run them by hand on a copy first."
	}
	return check
}

func checkLock(x entstore.Examination) cli.Check {
	check := cli.Check{Name: "lock", Status: cli.CheckOK, Summary: "nobody migrates now"}
	if x.Holder != "" {
		check.Status, check.Summary = cli.CheckWarn, "held by "+x.Holder
		check.Advice = "Others wait for it, and starting services with them. It ends with the process or connection that holds it: wait for that, or end it. Ending it is safe at any time; the next `authserve migrate up` goes on from there."
	}
	return check
}
