package bootstrap

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML renders the tree as a configuration file that says the same, in order, with
// the source of each value as a comment. Secrets are redacted.
func (c Config) YAML() []byte {
	root := &yaml.Node{Kind: yaml.MappingNode}
	sections := map[string]*yaml.Node{"": root}
	for _, l := range configTree() {
		section, name := "", l.path
		if i := strings.LastIndexByte(l.path, '.'); i >= 0 {
			section, name = l.path[:i], l.path[i+1:]
		}
		value := yamlValue(l.get(&c))
		if source := c.sources[l.path].String(); source != "" {
			value.LineComment = "# " + source
		}
		parent := yamlSection(sections, section)
		parent.Content = append(parent.Content, yamlWord(name), value)
	}
	var out strings.Builder
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return []byte("# cannot be printed: " + err.Error() + "\n")
	}
	return []byte(out.String())
}

// yamlSection returns the mapping at path, made with its parents when missing.
func yamlSection(sections map[string]*yaml.Node, path string) *yaml.Node {
	if node, ok := sections[path]; ok {
		return node
	}
	parent, name := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	node := &yaml.Node{Kind: yaml.MappingNode}
	sections[path] = node
	above := yamlSection(sections, parent)
	above.Content = append(above.Content, yamlWord(name), node)
	return node
}

func yamlWord(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

func yamlValue(v any) *yaml.Node {
	switch v := v.(type) {
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(v)}
	case []string:
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, item := range v {
			list.Content = append(list.Content, yamlWord(item))
		}
		return list
	default:
		return yamlWord(fmt.Sprint(v))
	}
}
