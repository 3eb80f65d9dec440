package filter

import "slices"

// Comparison says what a filter does to the names of a host's repositories. Each list is sorted and never nil.
type Comparison struct {
	Selected []string `json:"selected"` // what the filter lets through
	LeftOut  []string `json:"left_out"`
	Made     []string `json:"made"` // what the host does not list: the filter builds these names itself
}

// Compare sets the names before a filter and those after it side by side. A name that occurs several times counts as often.
func Compare(before, after []string) Comparison {
	c := Comparison{Selected: []string{}, LeftOut: []string{}, Made: []string{}}
	left := make(map[string]int, len(before))
	for _, name := range before {
		left[name]++
	}
	for _, name := range after {
		if left[name] == 0 {
			c.Made = append(c.Made, name)
			continue
		}
		left[name]--
		c.Selected = append(c.Selected, name)
	}
	for name, n := range left {
		c.LeftOut = append(c.LeftOut, slices.Repeat([]string{name}, n)...)
	}
	slices.Sort(c.Selected)
	slices.Sort(c.LeftOut)
	slices.Sort(c.Made)
	return c
}
