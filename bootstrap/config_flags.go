package bootstrap

import (
	"strings"

	"authserve/adapters/inbound/cli"
)

// ConfigFlags lists the settings as flags of the command line. Of a secret only
// the flag for its file is there.
func ConfigFlags() []cli.Setting {
	var settings []cli.Setting
	for _, l := range configTree() {
		s := cli.Setting{
			Flag: l.flag(), Usage: strings.ReplaceAll(l.doc, "`", ""), Default: l.def,
			Bool: l.form == boolForm, List: l.list,
		}
		if l.secret {
			s.Flag, s.Usage = s.Flag+"-file", "File with this secret: "+s.Usage
		}
		settings = append(settings, s)
	}
	return settings
}
