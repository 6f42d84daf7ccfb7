package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"authserve/adapters/inbound/httpkit"
	"authserve/bootstrap"
	"authserve/core/domain"
	"authserve/ports/conformance"
)

const notice = "<!-- Made by `task generate`; edits here are lost. -->\n\n"

// errorsPage lists the codes of problem documents.
func errorsPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Error codes\n\n" + notice +
		"Every error is an `application/problem+json` document (RFC 9457). Branch on `code`: it never changes its meaning.\n\n" +
		"| code | status | meaning |\n|---|---|---|\n")
	for _, e := range httpkit.Catalogue() {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", e.Code, e.Status, cell(e.Meaning))
	}
	b.WriteString("\n## Codes of fields\n\nThe entries of `errors` have a `field` and one of these codes.\n\n| code | meaning |\n|---|---|\n")
	for _, e := range domain.FieldCatalogue() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", e.Code, cell(e.Meaning))
	}
	return b.Bytes()
}

// metricsPage lists what a service measures.
func metricsPage() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Metrics\n\n" + notice +
		"`/metrics` on the operations listener has them under their Prometheus names (histograms with `_bucket`, `_count` and\n" +
		"`_sum`), OTLP under their own. The `process_` metrics of the Prometheus client are on `/metrics` only.\n\n" +
		"| metric | on /metrics | type | unit | meaning |\n|---|---|---|---|---|\n")
	err := withService(func(app *bootstrap.App) {
		for _, m := range app.Metrics() {
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | `%s` | %s |\n", m.Name, m.Prometheus, m.Type, m.Unit, cell(m.Meaning))
		}
	})
	return b.Bytes(), err
}

// portsPage lists the interfaces of the package in dir as their source has them,
// and the cases that a store must pass.
func portsPage(dir string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Ports\n\n" + notice + "What the core needs from the outside world. An adapter implements one of these.\n")
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	for _, file := range files { // Glob sorts
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file) //nolint:gosec // our own source
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(set, file, source, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if err := writeInterfaces(&b, set, parsed); err != nil {
			return nil, err
		}
	}
	b.WriteString("\n## What a store must pass\n\n`conformance.Store` runs these. Cases marked must accept no gap.\n\n| case | must | what it shows |\n|---|---|---|\n")
	for _, c := range conformance.Cases() {
		must := ""
		if c.Must {
			must = "must"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.Name, must, cell(c.Description))
	}
	b.WriteString("\n## What a limiter must pass\n\n`conformance.Limiter` runs these. None accepts a gap.\n\n| case | what it shows |\n|---|---|\n")
	for _, c := range conformance.LimiterCases() {
		fmt.Fprintf(&b, "| %s | %s |\n", c.Name, cell(c.Description))
	}
	return b.Bytes(), nil
}

func writeInterfaces(b *bytes.Buffer, set *token.FileSet, file *ast.File) error {
	for _, d := range file.Decls {
		general, ok := d.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok || !t.Name.IsExported() {
				continue
			}
			if _, ok := t.Type.(*ast.InterfaceType); !ok {
				continue
			}
			fmt.Fprintf(b, "\n## %s\n\n```go\n", t.Name.Name)
			if err := printer.Fprint(b, set, &printer.CommentedNode{Node: general, Comments: file.Comments}); err != nil {
				return err
			}
			b.WriteString("\n```\n")
		}
	}
	return nil
}

// cell keeps a text inside its table cell.
func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|")
}
