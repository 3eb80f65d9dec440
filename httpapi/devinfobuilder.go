package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"keytrail/storage"
)

// devInfoBuilder fills one body within Jira's limits.
type devInfoBuilder struct {
	server   *Server
	who      *access
	names    *names
	sequence uint64 // of all but commits that bring their own
	files    bool

	body         DevInfo
	next         *devInfoPlace // the last that was told, when not all fitted in
	lacksCommits bool          // a commit did not fit in

	at     map[storage.RepositoryID]int // place in the body
	told   map[string]bool              // branches and pull requests
	totals map[byte]int
	last   devInfoPlace     // the last that was added
	wanted []*devInfoWanted // commits whose place is kept until their files are known
}

// devInfoWanted is a commit of the body before it is written.
type devInfoWanted struct {
	in       *shown
	commit   Commit
	sequence uint64
}

func (s *Server) newDevInfo(ctx context.Context, sequence uint64, files bool) *devInfoBuilder {
	return &devInfoBuilder{
		server: s, who: accessOf(ctx), names: s.names(), sequence: sequence, files: files, body: DevInfo{Repositories: []DevInfoRepository{}, Deletions: []DevInfoDeletion{}},
		at: map[storage.RepositoryID]int{}, told: map[string]bool{}, totals: map[byte]int{},
	}
}

// room gives the repository that one more of a kind goes into; nil when it does not fit in.
func (b *devInfoBuilder) room(kind byte, in *shown) *DevInfoRepository {
	at, isThere := b.at[in.ID]
	all := b.totals[devInfoCommits] + b.totals[devInfoBranches] + b.totals[devInfoPulls]
	if b.totals[kind] == maxDevInfoOfKind || all == maxDevInfoEntities || !isThere && len(b.at) == maxDevInfoRepositories {
		return nil
	}
	if !isThere {
		at = len(b.body.Repositories)
		b.at[in.ID] = at
		b.body.Repositories = append(b.body.Repositories, devInfoRepositoryOf(in, b.sequence))
	}
	b.totals[kind]++
	return &b.body.Repositories[at]
}

// addCommit adds a commit, and reports whether it fitted in.
func (b *devInfoBuilder) addCommit(in *shown, hit storage.Hit, sequence uint64) bool {
	if b.room(devInfoCommits, in) == nil {
		b.lacksCommits = true
		return false
	}
	b.wanted = append(b.wanted, &devInfoWanted{in, in.commit(hit), sequence})
	return true
}

// complete writes the commits, with their files if these are asked for.
func (b *devInfoBuilder) complete(ctx context.Context) error {
	if b.files && len(b.wanted) > 0 {
		commits := make([]*Commit, len(b.wanted))
		for i, w := range b.wanted {
			commits[i] = &w.commit
		}
		if err := b.server.addFiles(ctx, commits, maxDevInfoCount); err != nil {
			return err
		}
	}
	for _, w := range b.wanted {
		into := &b.body.Repositories[b.at[w.in.ID]]
		into.Commits = append(into.Commits, devInfoCommitOf(w.commit, w.in, w.sequence))
	}
	return nil
}

// addCommits adds the commits of an issue behind a place.
func (b *devInfoBuilder) addCommits(ctx context.Context, key storage.IssueKey, after *storage.Position) (err error) {
	q := storage.CommitQuery{Key: key, After: after, Limit: maxDevInfoOfKind}
	if b.files {
		q.Limit = maxPageFiles
	}
	if q.Within, err = b.who.within(ctx); err != nil {
		return err
	}
	page, err := b.server.options.Store.Commits(ctx, q)
	if err != nil {
		return fmt.Errorf("commits of %s: %w", key, err)
	}
	end := page.Next
	for i, hit := range page.Hits {
		in, ok, err := b.names.of(ctx, hit.Repository)
		if err != nil {
			return err
		}
		hit.Keys = b.who.keys(hit.Keys)
		if ok && !b.addCommit(in, hit, b.sequence) {
			at := page.Hits[i-1].Position()
			end = &at
			break
		}
	}
	if end != nil {
		b.next = &devInfoPlace{kind: devInfoCommits, commit: end}
	}
	return nil
}

// addBranches adds the branches behind a place that have an issue's key in their name. Those that only hold a commit of it are not
// among them: Jira takes the keys of a branch as a whole, and which others such a branch has is not known.
func (b *devInfoBuilder) addBranches(ctx context.Context, key storage.IssueKey, after devInfoPlace) error {
	q := storage.IssueQuery{Key: key}
	var err error
	if q.Within, err = b.who.within(ctx); err != nil {
		return err
	}
	issue, err := b.server.options.Store.Issue(ctx, q)
	if err != nil {
		return fmt.Errorf("issue %s: %w", key, err)
	}
	slices.SortFunc(issue.Branches, func(a, b storage.IssueRef) int {
		return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Name, b.Name))
	})
	b.last = after
	for _, ref := range issue.Branches {
		if !ref.ByName || after.before(ref.Repository, ref.Name) {
			continue
		}
		if err := b.addBranch(ctx, ref); err != nil || b.next != nil {
			return err
		}
	}
	return nil
}

func (b *devInfoBuilder) addBranch(ctx context.Context, ref storage.IssueRef) error {
	id := fmt.Sprintf("b%d %s", ref.Repository, ref.Name)
	in, ok, err := b.names.of(ctx, ref.Repository)
	if err != nil || !ok || b.told[id] {
		return err
	}
	tip, err := b.server.options.Store.Tip(ctx, in.ID, "refs/heads/"+ref.Name)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // it has gone since
	}
	if err != nil {
		return fmt.Errorf("branch %q of repository %d: %w", ref.Name, in.ID, err)
	}
	hit, err := b.server.options.Store.Commit(ctx, in.ID, tip.Commit)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("commit %s of repository %d: %w", tip.Commit, in.ID, err)
	}
	into := b.room(devInfoBranches, in)
	if into == nil {
		b.stop()
		return nil
	}
	b.told[id] = true
	b.last = devInfoPlace{kind: devInfoBranches, repository: in.ID, name: ref.Name}
	keys := b.who.keys(tip.Keys)
	if b.who.hit(hit) != nil { // Jira demands a last commit; of one that the token does not open it is told the id and the time only
		hit.Message, hit.Author.Name, hit.Author.Email = hit.OID.String(), "", ""
	}
	if hit.Keys = b.who.keys(hit.Keys); len(hit.Keys) == 0 {
		hit.Keys = keys // Jira takes no commit without one, though it is here to be shown only
	}
	into.Branches = append(into.Branches, DevInfoBranch{
		ID: ref.Name, Name: ref.Name, URL: cmp.Or(in.links().Branch(ref.Name), in.page()), LastCommit: devInfoCommitOf(in.commit(hit), in, b.sequence),
		IssueKeys: firstKeys(keys), UpdateSequenceID: b.sequence,
	})
	return nil
}

// addPulls adds the pull requests of an issue behind a place.
func (b *devInfoBuilder) addPulls(ctx context.Context, key storage.IssueKey, after devInfoPlace) error {
	var pulls []storage.PullRequest
	for p, err := range b.server.options.Store.PullRequests(ctx, key) {
		if err != nil {
			return fmt.Errorf("pull requests of %s: %w", key, err)
		}
		pulls = append(pulls, p)
	}
	slices.SortFunc(pulls, func(a, b storage.PullRequest) int {
		return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.ID, b.ID))
	})
	b.last = after
	for _, p := range pulls {
		id := fmt.Sprintf("p%d %s", p.Repository, p.ID)
		in, ok, err := b.names.of(ctx, p.Repository)
		if err != nil {
			return err
		}
		if !ok || after.before(p.Repository, p.ID) || b.told[id] {
			continue
		}
		into := b.room(devInfoPulls, in)
		if into == nil {
			b.stop()
			return nil
		}
		b.told[id] = true
		b.last = devInfoPlace{kind: devInfoPulls, repository: in.ID, name: p.ID}
		p.Keys = b.who.keys(p.Keys)
		into.PullRequests = append(into.PullRequests, devInfoPullRequestOf(in.pullRequest(p), in, b.sequence))
	}
	return nil
}

// stop notes up to where it went.
func (b *devInfoBuilder) stop() {
	at := b.last
	b.next = &at
}
