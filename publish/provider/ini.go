package provider

import (
	"fmt"
	"strings"
)

// iniSection reads the settings of one section of an ini file: the one called name,
// or the only one there is. What stands before the first section is the section "".
// Lines that begin with # or ; are comments. The error repeats nothing of a value.
func iniSection(text []byte, name string) (map[string]string, error) {
	sections, current := map[string]map[string]string{}, ""
	for i, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			end := strings.IndexByte(line, ']')
			if end < 0 {
				return nil, fmt.Errorf("line %d: section without its ]", i+1)
			}
			current = strings.TrimSpace(line[1:end])
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if !ok || key == "" {
			return nil, fmt.Errorf("line %d: want name = value", i+1)
		}
		if sections[current] == nil {
			sections[current] = map[string]string{}
		}
		if _, twice := sections[current][key]; twice {
			return nil, fmt.Errorf("line %d: setting is there twice", i+1)
		}
		sections[current][key] = strings.TrimSpace(value)
	}
	if s, ok := sections[name]; ok {
		return s, nil
	}
	if len(sections) != 1 {
		return nil, fmt.Errorf("%d sections, and none called %q", len(sections), name)
	}
	for _, s := range sections {
		return s, nil
	}
	return nil, nil
}
