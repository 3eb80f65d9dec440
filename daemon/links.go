package daemon

import (
	"fmt"
	"sync/atomic"

	"keytrail/daemon/config"
	"keytrail/httpapi"
	"keytrail/indexer/host/link"
	"keytrail/storage"
)

// links makes the addresses of pages by the configuration in force.
type links struct{ pages atomic.Pointer[pages] }

// pages is what a configuration says of the pages of its repositories.
type pages struct {
	integrations map[string]linkedIntegration // by name
	repositories map[string]link.Maker        // those named one by one that have templates, by URL
}

// linkedIntegration makes the links of an integration's repositories.
type linkedIntegration struct {
	config    config.Integration
	templates link.Maker
}

// newPages works out what a configuration says of links.
func newPages(c *config.Config) (*pages, error) {
	p := &pages{map[string]linkedIntegration{}, map[string]link.Maker{}}
	for _, i := range c.Integrations {
		m, err := link.Compile(linkTemplates(i.Links))
		if err != nil {
			return nil, fmt.Errorf("integration %q: %w", i.Name, err)
		}
		p.integrations[i.Name] = linkedIntegration{i, m}
	}
	for _, r := range c.Repositories {
		m, err := link.Compile(linkTemplates(r.Links))
		if err != nil {
			return nil, fmt.Errorf("repository %q: %w", r.Name, err)
		}
		if r.Links != (config.Links{}) {
			p.repositories[r.URL] = m
		}
	}
	return p, nil
}

// linkTemplates are the templates of a configuration.
func linkTemplates(l config.Links) link.Templates {
	return link.Templates{Commit: l.Commit, Branch: l.Branch, Tag: l.Tag, File: l.File, PullRequest: l.PullRequest}
}

// of gives the links of a repository: those of the configuration's templates, and for the rest those that its kind of host has.
// There are none for a repository whose host says nothing of its pages.
func (l *links) of(r storage.Repository) httpapi.Links {
	p := l.pages.Load()
	if r.Integration == "" {
		return makers{templates: p.repositories[r.HostID].Of(r.Name)}
	}
	in, ok := p.integrations[r.Integration]
	if !ok {
		return makers{}
	}
	known, err := link.For(in.config.Type, link.Repository{WebURL: r.WebURL, ServerURL: in.config.URL, Name: r.Name, Region: in.config.Region})
	if err != nil {
		known = link.Maker{}
	}
	return makers{templates: in.templates.Of(r.Name), host: known}
}

// makers are the links of one repository.
type makers struct{ templates, host link.Maker }

var _ httpapi.Links = makers{}

// Commit is the address of a commit.
func (m makers) Commit(c httpapi.LinkedCommit) string {
	return m.first(func(m link.Maker) string { return m.Commit(linkedCommit(c)) })
}

// Branch is the address of a branch.
func (m makers) Branch(name string) string {
	return m.first(func(m link.Maker) string { return m.Branch(name) })
}

// Tag is the address of a tag.
func (m makers) Tag(name string) string {
	return m.first(func(m link.Maker) string { return m.Tag(name) })
}

// File is the address of a file as a commit has it.
func (m makers) File(c httpapi.LinkedCommit, path string) string {
	return m.first(func(m link.Maker) string { return m.File(linkedCommit(c), path) })
}

// PullRequest is the address of a pull request.
func (m makers) PullRequest(number string) string {
	return m.first(func(m link.Maker) string { return m.PullRequest(number) })
}

// first is what the templates make, or what the kind of host has.
func (m makers) first(make func(link.Maker) string) string {
	if made := make(m.templates); made != "" {
		return made
	}
	return make(m.host)
}

// linkedCommit is a commit as links need it. One that is not known is an empty text, not zeros.
func linkedCommit(c httpapi.LinkedCommit) link.Commit {
	l := link.Commit{Branch: c.Branch}
	if !c.SHA.IsZero() {
		l.OID = c.SHA.String()
	}
	if !c.Parent.IsZero() {
		l.Parent = c.Parent.String()
	}
	return l
}
