package indexer

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"keytrail/indexer/host"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/schedule"
	"keytrail/storage"
)

// PullRequestSource reads the pull requests of one repository at its host: those that changed at or after an instant of the host's
// clock, or all for the zero time. It may give more, and some twice, but never a part for the whole.
type PullRequestSource func(ctx context.Context, since time.Time) ([]storage.PullRequest, error)

// PullRequestsAt is the source of a repository at a host; nil when the host does not list pull requests.
func PullRequestsAt(h host.Host, r host.Repository) PullRequestSource {
	lister, ok := h.(host.PullRequests)
	if !ok {
		return nil
	}
	return func(ctx context.Context, since time.Time) ([]storage.PullRequest, error) {
		told, err := lister.PullRequests(ctx, r, since)
		if err != nil {
			return nil, err
		}
		pulls := make([]storage.PullRequest, len(told))
		for i, p := range told {
			pulls[i] = toldPullRequest(p)
		}
		return pulls, nil
	}
}

// PullRequest gives a host's pull request as the index will hold it once it is read, without its repository.
func (x *Indexer) PullRequest(p host.PullRequest) storage.PullRequest {
	pull := toldPullRequest(p)
	prepare(&pull, x.rules.Load())
	return pull
}

// toldPullRequest gives a host's pull request in the words of the index, without its repository and keys.
func toldPullRequest(p host.PullRequest) storage.PullRequest {
	return storage.PullRequest{
		ID: p.ID, Number: p.Number, Title: p.Title, Description: p.Description, Source: p.Source, Target: p.Target,
		State: storage.PullRequestState(p.State), Author: p.Author, Created: p.Created, Updated: p.Updated, WebURL: p.WebURL,
	}
}

const (
	// pullOverlap is how far before the newest known change a poll begins: hosts show changes in another order than they date them.
	pullOverlap = 10 * time.Minute
	// wholeEvery is how often all pull requests are read, for those that were deleted.
	wholeEvery = 7 * 24 * time.Hour
	// plausible is from how many pull requests on the loss of more than half of them is not believed.
	plausible = 5
	// maxDescription bounds what is kept and searched of a description, in bytes.
	maxDescription = 64 << 10
)

// pulls keeps the pull requests of repositories up to date, apart from their refs: hosts tell of them by another way, with other
// limits and other failures.
type pulls struct {
	store    storage.Store
	rules    func() *issuekey.Rules
	schedule *schedule.Schedule
	workers  int
	failed   func(storage.ErrorClass)
	log      zerolog.Logger
	now      func() time.Time

	mu      sync.Mutex
	targets map[storage.RepositoryID]*target
	failing map[storage.RepositoryID]bool // the last poll failed, and has been told of
}

func newPulls(x *Indexer, o Options) *pulls {
	return &pulls{
		store: o.Store, rules: x.rules.Load, workers: o.Limits.Total, log: o.Log, now: o.Now,
		schedule: schedule.New(schedule.Options{Limits: o.Limits, Now: o.Now}),
		failed:   func(c storage.ErrorClass) { x.metrics.failed(c) },
		failing:  map[storage.RepositoryID]bool{},
	}
}

// set says of which repositories pull requests are read: those of the targets that have a source and may be reached.
func (p *pulls) set(ctx context.Context, targets map[storage.RepositoryID]*target) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := map[storage.RepositoryID]*target{}
	var items []schedule.Item
	for _, id := range slices.Sorted(maps.Keys(targets)) {
		t := targets[id]
		if t.IsDormant || t.pulls.Load() == nil {
			continue
		}
		item := schedule.Item{ID: id, Host: t.host()}
		if p.targets[id] == nil { // else the schedule knows when it was read
			cursor, err := p.store.PullRequestCursor(ctx, id)
			if err != nil {
				return fmt.Errorf("pull requests of repository %q: %w", t.Spec.Name, err)
			}
			item.Seen, item.Changed = cursor.SeenAt, cursor.Newest
		}
		of[id], items = t, append(items, item)
	}
	p.targets = of
	p.schedule.Set(items)
	return nil
}

func (p *pulls) target(id storage.RepositoryID) *target {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.targets[id]
}

// run polls until the context ends, and returns when all polls have ended.
func (p *pulls) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for range p.workers {
		g.Go(func() error { return p.work(ctx) })
	}
	return g.Wait()
}

func (p *pulls) work(ctx context.Context) error {
	for {
		id, err := p.schedule.Take(ctx)
		if err != nil {
			return err
		}
		outcome := schedule.Outcome{}
		if t := p.target(id); t != nil {
			changed, err := p.poll(ctx, id, t)
			if ctx.Err() != nil {
				p.schedule.Done(id, schedule.Outcome{})
				return ctx.Err()
			}
			outcome = schedule.Outcome{
				Changed: changed, Failed: err != nil, RetryAfter: waitAfter(err), Throttled: Classify(err) == storage.ClassThrottled,
			}
			p.report(id, t, err)
		}
		p.schedule.Done(id, outcome)
	}
}

// poll reads what changed of one repository's pull requests, and gives when the latest of them did; zero when none did.
func (p *pulls) poll(ctx context.Context, id storage.RepositoryID, t *target) (changed time.Time, err error) {
	t.pulling.Lock()
	defer t.pulling.Unlock()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", ErrPanic, v)
			p.log.Error().Str("repo", t.Spec.Name).Interface("panic", v).Bytes("stack", debug.Stack()).Msg("a poll of pull requests panicked")
		}
	}()
	rules := p.rules()
	cursor, err := p.store.PullRequestCursor(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	if !cursor.SeenAt.IsZero() && cursor.Rules != rules.Fingerprint() {
		if err := p.search(ctx, id, cursor, rules); err != nil {
			return time.Time{}, err
		}
	}
	seenAt := p.now()
	since := time.Time{}
	isRenewal := t.renew.Load()
	if !isRenewal && !cursor.Newest.IsZero() && seenAt.Sub(cursor.WholeAt) < wholeEvery {
		since = cursor.Newest.Add(-pullOverlap)
	}
	source := t.pulls.Load()
	if source == nil {
		return time.Time{}, nil // taken away since it was scheduled
	}
	told, err := (*source)(ctx, since)
	if err != nil {
		return time.Time{}, err
	}
	u := storage.PullRequestUpdate{Reset: since.IsZero(), Changed: distinctPulls(told), Rules: rules.Fingerprint(), SeenAt: seenAt}
	if u.Reset && !isRenewal && cursor.Count >= plausible && 2*len(u.Changed) < cursor.Count {
		u.Reset = false
		p.log.Warn().Str("repo", t.Spec.Name).Int("had", cursor.Count).Int("has", len(u.Changed)).
			Msg("the host lists less than half of the pull requests that it had: those that are missing are kept until a full reindex")
	}
	for i := range u.Changed {
		prepare(&u.Changed[i], rules)
		if at := u.Changed[i].Updated; at.After(cursor.Newest) && at.After(changed) {
			changed = at
		}
	}
	if err := p.store.SetPullRequests(ctx, id, u); err != nil {
		return time.Time{}, err
	}
	if isRenewal {
		t.renew.Store(false)
	}
	return changed, nil
}

// search finds the keys of the pull requests in the index anew, by other rules than they were found by.
func (p *pulls) search(ctx context.Context, id storage.RepositoryID, cursor storage.PullRequestCursor, rules *issuekey.Rules) error {
	u := storage.PullRequestUpdate{Rules: rules.Fingerprint(), SeenAt: cursor.SeenAt}
	for pull, err := range p.store.PullRequestsOf(ctx, id) {
		if err != nil {
			return err
		}
		before := pull.Keys
		if prepare(&pull, rules); !slices.Equal(before, pull.Keys) {
			u.Changed = append(u.Changed, pull)
		}
	}
	return p.store.SetPullRequests(ctx, id, u)
}

// report tells operators of a failure, once in a row at a level that is noticed, and of its end.
func (p *pulls) report(id storage.RepositoryID, t *target, err error) {
	p.mu.Lock()
	had := p.failing[id]
	if err != nil {
		p.failing[id] = true
	} else {
		delete(p.failing, id)
	}
	p.mu.Unlock()
	if err == nil {
		if had {
			p.log.Info().Str("repo", t.Spec.Name).Uint32("repo_id", uint32(id)).Msg("pull requests are read again")
		}
		return
	}
	class := Classify(err)
	p.failed(class)
	level := zerolog.WarnLevel
	if had {
		level = zerolog.DebugLevel
	}
	p.log.WithLevel(level).Err(err).Str("host", t.host()).Str("repo", t.Spec.Name).Uint32("repo_id", uint32(id)).
		Str("class", string(class)).Msg("pull requests not read; those that are known still answer")
}

// distinctPulls gives of each pull request what changed last: one that changes while pages are read is on two of them.
func distinctPulls(told []storage.PullRequest) []storage.PullRequest {
	at := make(map[string]int, len(told))
	var out []storage.PullRequest
	for _, p := range told {
		i, twice := at[p.ID]
		switch {
		case !twice:
			at[p.ID] = len(out)
			out = append(out, p)
		case p.Updated.After(out[i].Updated):
			out[i] = p
		}
	}
	return out
}

// prepare bounds the description and finds the keys: in the title and the names of the branches by the rules of names, in the
// description by those of messages.
func prepare(p *storage.PullRequest, rules *issuekey.Rules) {
	p.Title, p.Description = strings.ToValidUTF8(p.Title, "\uFFFD"), strings.ToValidUTF8(p.Description, "\uFFFD")
	if len(p.Description) > maxDescription {
		end := maxDescription
		for !utf8.RuneStart(p.Description[end]) {
			end--
		}
		p.Description = p.Description[:end]
	}
	keys := issuekey.AppendKeys[storage.IssueKey](nil, rules, p.Description)
	for _, name := range []string{p.Title, p.Source, p.Target} {
		keys = issuekey.AppendNameKeys(keys, rules, name)
	}
	slices.Sort(keys)
	p.Keys = slices.Compact(keys)
}

// RefreshPullRequests has the pull requests of repositories read as soon as there is room: a webhook, or a person, says that they
// changed. Requests that come while one waits are one. Unknown ids, and repositories whose host lists none, are passed over.
func (x *Indexer) RefreshPullRequests(ids ...storage.RepositoryID) { x.pulls.schedule.Nudge(ids...) }

// ReadPullRequests reads now what changed of one repository's pull requests.
func (x *Indexer) ReadPullRequests(ctx context.Context, id storage.RepositoryID) error {
	t := x.pulls.target(id)
	if t == nil {
		return ErrUnknownRepository
	}
	_, err := x.pulls.poll(ctx, id, t)
	return err
}
