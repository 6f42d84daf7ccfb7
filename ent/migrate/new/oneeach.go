package main

import (
	"fmt"
	"strconv"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"
)

// oneEach formats one goose file for each statement of a plan, with versions that
// count on from the plan's.
type oneEach struct{}

var _ atlas.Formatter = oneEach{}

// Format implements atlas.Formatter.
func (oneEach) Format(plan *atlas.Plan) ([]atlas.File, error) {
	whole, err := sqltool.GooseFormatter.Format(plan) // for its version, which is the time
	if err != nil {
		return nil, err
	}
	version, _, _ := strings.Cut(whole[0].Name(), "_")
	first, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the version %q is no number: %w", version, err)
	}
	var files []atlas.File
	for i, change := range plan.Changes {
		one := *plan
		one.Changes = []*atlas.Change{change}
		made, err := sqltool.GooseFormatter.Format(&one)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("%d_%s_%02d.sql", first+int64(i), plan.Name, i+1)
		files = append(files, atlas.NewLocalFile(name, made[0].Bytes()))
	}
	return files, nil
}
