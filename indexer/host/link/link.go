// Package link makes the addresses at which a git host shows people a commit, a branch, a tag, a file, a pull request and a
// comparison.
//
// For makes them for the hosts that keytrail knows; Compile makes them from templates that an operator writes, with the
// variables of Git Integration for Jira. Both give a Maker, and a known host is no more than a table of such templates
// (hosts.go), so that one escaping rule serves all:
//
//   - In a path and in a fragment every byte of a name but letters, digits and "-._~/" is percent-encoded; in a query "/"
//     too. Names may hold any byte, as git's may.
//   - Scheme, host and port come from the repository's own address or stand written out in the template; no name can change
//     them.
//   - A name that would make a path segment "." or "..", which browsers resolve even when it is encoded, has no page.
//
// A Maker starts nothing, reads nothing and holds no credential. Where a host has no such page, or the page needs what the
// caller does not know, the address is the empty string.
package link

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
)

// Maker makes the addresses of one repository. The zero Maker has no pages. It may be used by many goroutines at once.
type Maker struct {
	commit, branch, tag, file, pullRequest, compare template

	revision   func(name string) string // how the host writes a side of a comparison; nil: as it is
	repository string                   // what ${repository} stands for
}

// Of is the Maker of the repository of this name, for templates that are those of many: ${repository} stands for it.
func (m Maker) Of(repository string) Maker {
	m.repository = repository
	return m
}

// Commit is what a page of a commit may need.
type Commit struct {
	OID    string // in full, in hexadecimal
	Parent string // the first parent's OID; empty for a root, or when unknown
	Branch string // a branch that holds the commit, without refs/heads/; empty when unknown. Only templates use it
}

// Commit is the address of a commit.
func (m Maker) Commit(c Commit) string {
	return m.expand(m.commit, c.variable)
}

// Branch is the address of the branch of this name, which is without refs/heads/.
func (m Maker) Branch(name string) string {
	return m.expand(m.branch, func(string) string { return name })
}

// Tag is the address of the tag of this name, which is without refs/tags/.
func (m Maker) Tag(name string) string {
	return m.expand(m.tag, func(string) string { return name })
}

// File is the address of a file as the commit has it; the path is relative to the top of the tree. A file that a commit
// deletes is found in its parent: ask with that as the commit.
func (m Maker) File(c Commit, path string) string {
	return m.expand(m.file, func(variable string) string {
		switch variable {
		case "path":
			return path
		case "sha256path":
			sum := sha256.Sum256([]byte(path))
			return hex.EncodeToString(sum[:])
		case "sha1path":
			sum := sha1.Sum([]byte(path))
			return hex.EncodeToString(sum[:])
		case "md5":
			sum := md5.Sum([]byte(path))
			return hex.EncodeToString(sum[:])
		}
		return c.variable(variable)
	})
}

// PullRequest is the address of a pull request, by the number that the host shows for it: the iid of a merge request on
// GitLab, the number of a change on Gerrit.
func (m Maker) PullRequest(number string) string {
	return m.expand(m.pullRequest, func(string) string { return number })
}

// Compare is the address of what head has and base has not. Each is the name of a branch, without refs/heads/, or a full
// object id.
func (m Maker) Compare(base, head string) string {
	return m.expand(m.compare, func(variable string) string {
		name := base
		if variable == "head" {
			name = head
		}
		if name == "" || m.revision == nil {
			return name
		}
		return m.revision(name)
	})
}

// expand is a template of the Maker with the values of its page's variables.
func (m Maker) expand(t template, value func(variable string) string) string {
	return t.expand(func(variable string) string {
		if variable == "repository" {
			return m.repository
		}
		return value(variable)
	})
}

// variable is the value of a template's variable that belongs to a commit.
func (c Commit) variable(name string) string {
	switch name {
	case "parent":
		return c.Parent
	case "branch":
		return c.Branch
	default:
		return c.OID
	}
}
