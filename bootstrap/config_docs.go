package bootstrap

import (
	"fmt"
	"strings"
)

// ConfigMarkdown renders docs/config.md from the table of settings.
func ConfigMarkdown() []byte {
	var b strings.Builder
	b.WriteString(configPreamble)
	heading := ""
	for _, l := range configTree() {
		section := "General"
		if name, _, nested := strings.Cut(l.path, "."); nested {
			section = "`" + name + "`"
		}
		if section != heading {
			heading = section
			fmt.Fprintf(&b, "\n## %s\n\n| Setting | Variable | Default | Values | Meaning |\n|---|---|---|---|---|\n", heading)
		}
		writeLeafRow(&b, l)
	}
	return []byte(b.String())
}

func writeLeafRow(b *strings.Builder, l leaf) {
	def := l.defDoc
	if def == "" {
		def = "empty"
		if l.def != "" {
			def = "`" + l.def + "`"
		}
	}
	values := l.form
	if l.legal != l.form && l.legal != "true, false" {
		values += ": " + l.legal
	}
	doc := l.doc
	if l.secret {
		doc += " Secret."
	}
	variable := "`" + l.env() + "`"
	if l.secret {
		variable += ", `" + l.env() + "_FILE`"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", l.path, variable, def, values, doc)
}

const configPreamble = `<!-- Generated from bootstrap/config_tree.go by "task generate"; edit there. -->

# Configuration

Nothing needs to be set to try authserve. ` + "`authserve config print`" + ` shows every value in force and where it came
from, with secrets redacted; ` + "`authserve config check`" + ` lists everything that is wrong, all at once.

## Sources

Each source overrides those before it:

1. the defaults below;
2. a YAML file, named by ` + "`--config`" + ` or else by ` + "`AUTHSERVE_CONFIG_FILE`" + `. Dots in a setting's name are levels of the
   file. Unknown keys and keys given twice are refused;
3. environment variables. An empty variable counts as not set. A variable that begins with ` + "`AUTHSERVE_`" + ` and is no
   setting has no effect and causes a warning;
4. flags: the setting's name with hyphens for dots and underscores, such as ` + "`--http-addr`" + `.

## Values

- Durations are written as Go writes them: ` + "`30s`, `10m`, `336h`" + `. In development any positive duration is legal; the ranges
  below hold in production.
- Lists are separated by commas in variables and flags, and are YAML sequences in the file.
- Secrets can be read from a file: add ` + "`_FILE`" + ` to the variable, ` + "`_file`" + ` to the key in the configuration file, or use the
  flag that ends in ` + "`-file`" + `. Secrets have no other flag, because a command line can be read by everyone on the machine.
  One source must not give both the value and its file. A line break at the end of the file is not part of the secret.
- In production a secret's file must not be usable by group or others (mode 0600 or 0400). Secrets that the container
  engine mounts below ` + "`/run/secrets`" + ` may be readable by others.

The exporters, sampling and resource attributes of OpenTelemetry are configured by the standard ` + "`OTEL_*`" + ` variables.

## What production refuses

With ` + "`AUTHSERVE_ENV=production`" + ` the service does not start, and names every reason at once, when:

- no master key is given, or it is weak, or others may use its file;
- the issuer is not set, or is not https although it is no loopback address;
- a duration is out of its range, or durations contradict each other: ` + "`http.write_timeout` > `http.request_timeout`" + `,
  ` + "`http.read_header_timeout` ≤ `http.read_timeout`, `token.refresh_grace` < `token.access_ttl` < `session.idle_ttl` ≤ `session.absolute_ttl`" + `,
  and ` + "`token.key_rotation`" + ` is 0 or longer than ` + "`token.access_ttl`" + `;
- a CORS origin is not https although it is no loopback address, or every address is a trusted proxy;
- argon2id is set below the minima of the OWASP Password Storage Cheat Sheet.

In development contradictions and open files are warnings.
`
