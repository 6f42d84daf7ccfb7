package bootstrap

import (
	"runtime"
	"runtime/debug"

	"authserve/adapters/inbound/cli"
)

// buildVersion says which build this is, as the Go linker recorded it.
func buildVersion() cli.Version {
	v := cli.Version{Version: "dev", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Built = s.Value
		}
	}
	return v
}
