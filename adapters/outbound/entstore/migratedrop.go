package entstore

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"authserve/ports"
)

// refuseLoss fails where to revert the step would drop tables that hold rows.
func (r *runner) refuseLoss(ctx context.Context, step ports.Migration) error {
	tables, err := dropped(r.plan.files, step.Version)
	if err != nil {
		return err
	}
	var lost []string
	for _, table := range tables {
		if there, err := r.has(ctx, table); err != nil {
			return err
		} else if !there { // an interrupted step has dropped it
			continue
		}
		var rows int64
		if err := r.db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&rows); err != nil {
			return err
		}
		if rows > 0 {
			lost = append(lost, fmt.Sprintf("%s: %d", table, rows))
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return ports.ErrHoldsData.Wrap(fmt.Errorf("migration %d (%s), downwards, drops tables with their rows (%s)", step.Version, step.Name, strings.Join(lost, ", ")))
}

var (
	dropTable = regexp.MustCompile("(?i)\\bDROP TABLE\\s+(?:IF EXISTS\\s+)?[\"`]?(\\w+)")
	renameTo  = regexp.MustCompile("(?i)\\bRENAME TO\\s+[\"`]?(\\w+)")
)

// dropped are the tables that are gone once the step is reverted, sorted. One that is
// rebuilt, as SQLite changes a table, is not among them.
func dropped(files fs.FS, version int64) ([]string, error) {
	_, text, err := stepTexts(files, version)
	if err != nil {
		return nil, err
	}
	var tables []string
	for _, match := range dropTable.FindAllStringSubmatch(text, -1) {
		tables = append(tables, match[1])
	}
	for _, match := range renameTo.FindAllStringSubmatch(text, -1) {
		tables = slices.DeleteFunc(tables, func(table string) bool { return table == match[1] })
	}
	slices.Sort(tables)
	return slices.Compact(tables), nil
}
