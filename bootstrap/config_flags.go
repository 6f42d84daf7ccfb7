package bootstrap

import (
	"strings"

	"authserve/adapters/inbound/cli"
)

// ConfigFlags lists the settings as flags of the command line, with the values that a
// choice has. Of a secret only the flag for its file is there: what the file holds, and
// the variable that can hold it instead.
func ConfigFlags() []cli.Setting {
	var settings []cli.Setting
	for _, l := range configTree() {
		s := cli.Setting{
			Flag: l.flag(), Usage: l.doc, Default: l.def,
			Bool: l.form == boolForm, List: l.list,
		}
		if l.form == choiceForm {
			s.Usage += " One of " + l.legal + "."
		}
		if l.secret {
			s.Flag += "-file"
			s.Usage = "File with this secret, which " + l.env() + " can hold instead: " + s.Usage + " Its form: " + l.legal + "."
		}
		s.Usage = strings.ReplaceAll(s.Usage, "`", "")
		settings = append(settings, s)
	}
	return settings
}
