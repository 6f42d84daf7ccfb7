package bootstrap

import "io/fs"

// ConfigLeaf is what tests need to know of a setting.
type ConfigLeaf struct {
	Path, Env, Flag, Default string
	Secret                   bool
}

// ConfigLeaves lists the settings.
func ConfigLeaves() []ConfigLeaf {
	var leaves []ConfigLeaf
	for _, l := range configTree() {
		leaves = append(leaves, ConfigLeaf{l.path, l.env(), l.flag(), l.def, l.secret})
	}
	return leaves
}

// PrivateMode is the rule for the permissions of a secret's file.
func PrivateMode(mode fs.FileMode, mounted bool) bool { return privateMode(mode, mounted) }
