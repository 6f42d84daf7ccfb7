package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Setting is one setting of the configuration that can be given as a flag.
type Setting struct {
	Flag    string // without hyphens
	Usage   string // without backquotes, which would name the value
	Default string // shown in the help; the flag has an effect only when given
	Bool    bool   // the flag alone means true
	List    bool   // the flag can be repeated, and each value can hold several, separated by commas
}

// addSettings offers the settings as flags on root and every command below, and
// returns where the given ones appear when a command runs. They stay out of the
// help of the single commands, which they would bury.
func addSettings(root *cobra.Command, settings []Setting) *Config {
	given := &Config{Flags: map[string]string{}}
	root.PersistentFlags().StringVar(&given.File, "config", "", "configuration `file` (YAML)")
	flags := settingFlags(settings, given.Flags)
	flags.VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	root.PersistentFlags().AddFlagSet(flags)
	return given
}

// settingFlags makes the flags of the settings, which put what they are given
// into given.
func settingFlags(settings []Setting, given map[string]string) *pflag.FlagSet {
	flags := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	flags.SortFlags = false
	for _, s := range settings {
		flag := flags.VarPF(&settingValue{setting: s, given: given}, s.Flag, "", s.Usage)
		if s.Bool {
			flag.NoOptDefVal = "true"
		}
	}
	return flags
}

// settingValue implements pflag.Value. What a value means is for the loader of the
// configuration to judge, together with the other sources.
type settingValue struct {
	setting Setting
	given   map[string]string
}

var _ pflag.Value = (*settingValue)(nil)

func (v *settingValue) String() string { return v.setting.Default }

func (v *settingValue) Set(s string) error {
	if earlier, repeated := v.given[v.setting.Flag]; repeated && v.setting.List {
		s = strings.Join([]string{earlier, s}, ",")
	}
	v.given[v.setting.Flag] = s
	return nil
}

// Type is the word for the value in the help.
func (v *settingValue) Type() string {
	switch {
	case v.setting.Bool:
		return "bool"
	case v.setting.List:
		return "list"
	default:
		return "value"
	}
}
