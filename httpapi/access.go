package httpapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"keytrail/storage"
)

// access is what a request may see and do, by the token that it bears. A nil access opens everything: without tokens
// everybody may ask everything. It is safe for concurrent use.
type access struct {
	token  Token
	census *census
	last   atomic.Pointer[view]
}

// view is what an access sees of a list of repositories.
type view struct {
	of    *roll
	scope storage.Scope // nil: all
	asOf  string        // see roll
}

type accessKey struct{}

// withAccess puts the access of a request where its handler finds it.
func withAccess(ctx context.Context, a *access) context.Context {
	return context.WithValue(ctx, accessKey{}, a)
}

// accessOf gives the access of the request that a context is of; nil, which is all, without tokens.
func accessOf(ctx context.Context) *access {
	a, _ := ctx.Value(accessKey{}).(*access)
	return a
}

// key refuses the key of an issue whose project the token does not open.
func (a *access) key(k storage.IssueKey) error {
	if a.has(k) {
		return nil
	}
	return problemf(forbidden, "the token %q does not open project %s, only %s: ask for these, or add it to the token's projects in the configuration",
		a.token.Name, k.Project(), strings.Join(a.token.Projects, ", "))
}

// has reports whether the token opens a key's project.
func (a *access) has(k storage.IssueKey) bool {
	return a == nil || a.token.Projects == nil || slices.Contains(a.token.Projects, k.Project())
}

// keys gives those of a commit's keys that the token opens.
func (a *access) keys(keys []storage.IssueKey) []storage.IssueKey {
	if a == nil || a.token.Projects == nil {
		return keys
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k storage.IssueKey) bool { return !a.has(k) })
}

// hit refuses a commit none of whose keys the token opens, as if the repository had no such commit.
func (a *access) hit(h storage.Hit) error {
	if a == nil || a.token.Projects == nil || slices.ContainsFunc(h.Keys, a.has) {
		return nil
	}
	return commitProblem(h.Repository, h.OID)
}

// within gives the repositories that the token opens, as of a second ago at most; nil when it opens all.
func (a *access) within(ctx context.Context) (storage.Scope, error) {
	if a == nil || a.token.Integrations == nil {
		return nil, nil
	}
	v, err := a.view(ctx)
	return v.scope, err
}

// view gives what the token sees of the repositories there are.
func (a *access) view(ctx context.Context) (view, error) {
	now, err := a.census.read(ctx)
	if err != nil {
		return view{}, err
	}
	if v := a.last.Load(); v != nil && v.of == now {
		return *v, nil
	}
	v := view{of: now, asOf: now.asOf}
	if a.token.Integrations != nil {
		v.scope, v.asOf = now.within(a.integration)
	}
	a.last.Store(&v)
	return v, nil
}

// integration reports whether the token opens the repositories of an integration, or those named one by one for an empty name.
func (a *access) integration(name string) bool {
	return a == nil || a.token.Integrations == nil || slices.Contains(a.token.Integrations, name)
}

// repository refuses a repository that the token does not open, as if there were none.
func (a *access) repository(r storage.Repository) error {
	if a.integration(r.Integration) {
		return nil
	}
	return repositoryProblem(fmt.Sprint(r.ID))
}

// write refuses a token that may only read.
func (a *access) write() error {
	if a == nil || !a.token.ReadOnly {
		return nil
	}
	return problemf(forbidden, "the token %q may only read: use one with access: write in the configuration", a.token.Name)
}

// all refuses a token that opens some projects or integrations only.
func (a *access) all() error {
	if a == nil || a.token.Projects == nil && a.token.Integrations == nil {
		return nil
	}
	return problemf(forbidden, "the token %q opens some projects or integrations only, and this tells of all: use one without projects and integrations",
		a.token.Name)
}

// name gives the name of the token; empty without one.
func (a *access) name() string {
	if a == nil {
		return ""
	}
	return a.token.Name
}
