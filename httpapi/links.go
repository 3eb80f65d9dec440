package httpapi

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"keytrail/storage"
)

// Links makes the addresses at which people see what is in one repository. Where there is no such page the address is empty.
type Links interface {
	Commit(c LinkedCommit) string
	Branch(name string) string // name is short
	Tag(name string) string    // name is short
	File(c LinkedCommit, path string) string
	PullRequest(number string) string
}

// LinkedCommit is what the page of a commit may need.
type LinkedCommit struct {
	SHA    storage.OID
	Parent storage.OID // the first; zero for a root, and when it is not known
	Branch string      // the default branch if that holds the commit, else the first that does, else empty
}

// noLinks are those of a repository that no page is known of.
type noLinks struct{}

func (noLinks) Commit(LinkedCommit) string       { return "" }
func (noLinks) Branch(string) string             { return "" }
func (noLinks) Tag(string) string                { return "" }
func (noLinks) File(LinkedCommit, string) string { return "" }
func (noLinks) PullRequest(string) string        { return "" }

// shown is a repository as one answer names and links it.
type shown struct {
	RepositoryRef
	repository storage.Repository
	make       func(storage.Repository) Links
	made       Links // at the first use: many answers name repositories, and fewer link them
}

// show makes what answers need of a repository.
func (o *Options) show(r storage.Repository) *shown {
	return &shown{RepositoryRef: RepositoryRef{ID: r.ID, Name: r.Name}, repository: r, make: o.Links}
}

// showAgain is show of a repository that is named already. One that was forgotten since has no links.
func (o *Options) showAgain(ctx context.Context, in RepositoryRef) *shown {
	r, err := o.Store.Repository(ctx, in.ID)
	if err != nil {
		return &shown{RepositoryRef: in}
	}
	return o.show(r)
}

func (in *shown) links() Links {
	if in.made == nil {
		in.made = noLinks{}
		if in.make != nil {
			in.made = in.make(in.repository)
		}
	}
	return in.made
}

// commit gives the JSON form of a commit with the address of its page.
func (in *shown) commit(h storage.Hit) Commit {
	c := CommitOf(h, in.RepositoryRef)
	c.URL = in.links().Commit(in.linked(c))
	return c
}

// linked is a commit as links need it.
func (in *shown) linked(c Commit) LinkedCommit {
	l := LinkedCommit{SHA: c.SHA}
	if len(c.Parents) > 0 {
		l.Parent = c.Parents[0]
	}
	if main := strings.TrimPrefix(in.repository.DefaultBranch, "refs/heads/"); slices.Contains(c.Branches, main) {
		l.Branch = main
	} else if len(c.Branches) > 0 {
		l.Branch = c.Branches[0]
	}
	return l
}

// linkFiles adds to the files that a commit changed the addresses of their pages: as the commit has them, a deleted one as its
// parent had it.
func (in *shown) linkFiles(c Commit, files []File) {
	commit := in.linked(c)
	parent := LinkedCommit{SHA: commit.Parent, Branch: commit.Branch}
	for i, f := range files {
		at := commit
		if f.Change == storage.ChangeDeleted {
			at = parent
		}
		if !strings.HasPrefix(f.Path, `"`) { // which is not the path itself but how git quotes it
			files[i].URL = in.links().File(at, f.Path)
		}
	}
}

// pullRequest gives the JSON form of a pull request, with the address that its host gave, or else what its links make.
func (in *shown) pullRequest(p storage.PullRequest) PullRequest {
	made := PullRequestOf(p, in.RepositoryRef)
	if made.URL == "" && p.Number > 0 {
		made.URL = in.links().PullRequest(strconv.FormatInt(p.Number, 10))
	}
	return made
}
