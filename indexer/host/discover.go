package host

import (
	"context"
	"fmt"
)

// Filter narrows the document of a Host's List. It leaves the document as it is and gives another.
type Filter interface {
	Apply(ctx context.Context, document any) (any, error)
}

// Discovery is what a host has and what is wanted of it.
type Discovery struct {
	Listed   []Repository // all that the account sees
	Selected []Repository // what the filter left of them, in its order; the same when there is none
}

// Discover lists a host's repositories and applies a filter, nil for none. A repository that appears twice, as it does when
// repositories come or go while pages are read, is given once.
func Discover(ctx context.Context, h Host, filter Filter) (Discovery, error) {
	document, err := h.List(ctx)
	if err != nil {
		return Discovery{}, fmt.Errorf("list repositories: %w", err)
	}
	listed, err := selectOnce(h, document)
	if err != nil {
		return Discovery{}, fmt.Errorf("read the list of repositories: %w", err)
	}
	if filter == nil {
		return Discovery{Listed: listed, Selected: listed}, nil
	}
	filtered, err := filter.Apply(ctx, document)
	if err != nil {
		return Discovery{}, fmt.Errorf("apply the filter: %w", err)
	}
	selected, err := selectOnce(h, filtered)
	if err != nil {
		return Discovery{}, fmt.Errorf("read what the filter gave: %w", err)
	}
	return Discovery{Listed: listed, Selected: selected}, nil
}

// selectOnce gives each repository of a document once.
func selectOnce(h Host, document any) ([]Repository, error) {
	all, err := h.Select(document)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(all))
	once := make([]Repository, 0, len(all))
	for _, r := range all {
		if r.ID == "" || r.Name == "" {
			return nil, Problem(ErrShape, "a repository (id %q, name %q) lacks its id or name: let the filter keep whole objects", r.ID, r.Name)
		}
		if !seen[r.ID] {
			seen[r.ID] = true
			once = append(once, r)
		}
	}
	return once, nil
}
