package indexer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"keytrail/indexer/issuekey"
	"keytrail/indexer/mirror"
	"keytrail/storage"
)

// ErrPanic stands for a panic in a job or a discovery, which ends that and nothing else.
var ErrPanic = errors.New("internal error")

// Phase is a part of a job that may take long.
type Phase string

// The phases, in their order.
const (
	PhaseLook  Phase = "looking"
	PhaseFetch Phase = "fetching"
	PhaseWalk  Phase = "walking"
	PhaseStore Phase = "storing"
)

// Progress says how far a job is.
type Progress struct {
	Phase   Phase
	Bytes   int64 // received
	Objects int   // received
	Commits int64 // walked
}

// Result is what one job did.
type Result struct {
	Changed  bool
	Refs     int   // that the refspecs select
	Bytes    int64 // received
	Advanced storage.Advanced
	NoCommit []string // refs that changed and point to no commit
	Lacking  []string // branches that are left as they were, for that the server did not send their commits
	Refused  []mirror.RefusedRef
	Took     time.Duration
}

// Look does one job: it looks at a repository and brings its index up to date. progress may be nil; it is called
// often, from the job's goroutine. A repository has one job at a time; a second one waits.
func (x *Indexer) Look(ctx context.Context, id storage.RepositoryID, progress func(Progress)) (result Result, err error) {
	t, err := x.target(id)
	if err != nil {
		return Result{}, err
	}
	t.busy.Lock()
	defer t.busy.Unlock()
	began := x.now()
	nudged := t.nudged.Swap(0)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrPanic, p)
			x.log.Error().Str("repo", t.Spec.Name).Interface("panic", p).Bytes("stack", debug.Stack()).Msg("a job panicked")
		}
		result.Took = x.now().Sub(began)
		x.report(ctx, t, result, err, nudged)
	}()
	if progress == nil {
		progress = func(Progress) {}
	}
	result, err = x.attempt(ctx, t, progress)
	if x.repair(t, err) {
		result, err = x.attempt(ctx, t, progress)
	}
	return result, err
}

// repair prepares a second attempt after an error that one can mend, and reports whether it did.
func (x *Indexer) repair(t *target, err error) bool {
	switch {
	case errors.Is(err, storage.ErrStale):
		return true // somebody else was first; the second attempt begins with what they left
	case errors.Is(err, mirror.ErrDeepened):
		x.log.Info().Err(err).Str("repo", t.Spec.Name).Msg("the repository has more history than it had")
		if err := t.source.Discard(); err != nil {
			x.log.Error().Err(err).Str("repo", t.Spec.Name).Msg("the mirror cannot be removed")
			return false
		}
		t.reset.Store(true)
		return true
	case errors.Is(err, mirror.ErrCorrupt):
		if t.source == nil {
			return false
		}
		if _, isLocal := mirror.LocalPath(t.Spec.URL); isLocal {
			return false // it is the user's own
		}
		x.log.Warn().Err(err).Str("repo", t.Spec.Name).Msg("the mirror is damaged; it is fetched anew")
		if err := t.source.Discard(); err != nil {
			x.log.Error().Err(err).Str("repo", t.Spec.Name).Msg("the damaged mirror cannot be removed")
			return false
		}
		return true
	case errors.Is(err, storage.ErrIncomplete):
		x.log.Warn().Err(err).Str("repo", t.Spec.Name).Msg("the index does not fit its repository; it is indexed anew")
		t.reset.Store(true)
		return true
	}
	return false
}

// attempt is a job without its second chances.
func (x *Indexer) attempt(ctx context.Context, t *target, progress func(Progress)) (Result, error) {
	var result Result
	source, err := x.open(t)
	if err != nil {
		return result, err
	}
	rules := x.rules.Load()
	rec, err := x.store.Repository(ctx, t.id)
	if err != nil {
		return result, err
	}
	reset := t.reset.Load() || rec.Version > 0 && rec.Rules != rules.Fingerprint()
	if reset || rec.Version == 0 {
		t.seen = mirror.Digest{}
	}
	progress(Progress{Phase: PhaseLook})
	seenAt := x.now()
	look, err := source.Look(ctx, t.seen)
	if err != nil {
		return result, err
	}
	if look.IsSame {
		result.Refs = rec.Tips
		return result, x.store.RecordLook(ctx, t.id, storage.Look{At: seenAt})
	}
	result.Refs, result.Refused = look.Count, look.Refused
	d, err := x.compare(ctx, rec, look, reset)
	if err != nil {
		return result, err
	}
	if d.isEmpty() && rec.Version > 0 && !reset && rec.DefaultBranch == look.Head {
		t.seen = look.Digest
		return result, x.store.RecordLook(ctx, t.id, storage.Look{At: seenAt})
	}
	t.noteChange(seenAt)
	t.seen = mirror.Digest{} // until the step is made: after a failure, all refs are compared again
	job := &job{x: x, t: t, source: source, rules: rules, rec: rec, progress: progress, result: &result}
	advance := storage.Advance{
		Repository: t.id, Reset: reset, DefaultBranch: look.Head, Rules: rules.Fingerprint(), SeenAt: seenAt,
	}
	if err := job.advance(ctx, look, d, advance); err != nil {
		return result, err
	}
	result.Changed = true
	if rec.Version > 0 { // at first they are due anyway
		x.RefreshPullRequests(t.id) // a merge or a new branch comes with a change of one
	}
	if len(result.Lacking) == 0 {
		t.seen = look.Digest
	}
	t.reset.CompareAndSwap(reset, false)
	return result, nil
}

// job carries what the steps of one attempt share.
type job struct {
	x        *Indexer
	t        *target
	source   Source
	rules    *issuekey.Rules
	rec      storage.Repository
	progress func(Progress)
	result   *Result
}

// advance fetches and walks what differs and hands it to the store.
func (j *job) advance(ctx context.Context, look *mirror.Look, d difference, a storage.Advance) error {
	fetched, err := j.source.Fetch(ctx, look, d.changed, func(p mirror.Progress) {
		j.progress(Progress{Phase: PhaseFetch, Bytes: p.Bytes, Objects: p.Objects})
	})
	j.result.Bytes, j.result.Lacking = fetched.Bytes, fetched.Lacking
	j.x.metrics.receivedBytes.Add(float64(fetched.Bytes))
	if err != nil {
		return err
	}
	var tips []storage.OID
	for _, r := range fetched.Refs {
		change := storage.TipChange{
			Tip: storage.Tip{Ref: r.Name, OID: r.OID, Commit: r.Commit, Keys: j.nameKeys(r.Name)},
			Old: d.old[r.Name],
		}
		a.Tips = append(a.Tips, change)
		switch {
		case j.t.Refspecs.IsNotes(r.Name):
		case r.Commit.IsZero():
			j.result.NoCommit = append(j.result.NoCommit, r.Name)
		default:
			tips = append(tips, r.Commit)
		}
	}
	for _, ref := range d.deleted {
		a.Tips = append(a.Tips, storage.TipChange{Tip: storage.Tip{Ref: ref}, Old: d.old[ref]})
	}
	if a.Notes, err = j.notes(ctx, fetched.Refs, d); err != nil {
		return err
	}
	a.Commits = j.commits(ctx, tips, a.Reset)
	began := j.x.now()
	j.result.Advanced, err = j.x.store.Advance(ctx, a)
	j.x.metrics.advanceDuration.Observe(j.x.now().Sub(began).Seconds())
	return err
}

// commits walks from the tips to what the index holds. The keys are found by the walk's workers.
func (j *job) commits(ctx context.Context, tips []storage.OID, isReset bool) iter.Seq2[storage.Commit, error] {
	var known func(storage.OID) (bool, error)
	if !isReset && j.rec.Commits > 0 {
		known = func(oid storage.OID) (bool, error) { return j.x.store.Holds(ctx, j.t.id, oid) }
	}
	return func(yield func(storage.Commit, error) bool) {
		walked := int64(0)
		for commits, err := range j.source.Walk(ctx, tips, known, j.appendKeys) {
			if err != nil {
				yield(storage.Commit{}, err)
				return
			}
			for i := range commits {
				if !yield(commits[i], nil) {
					return
				}
			}
			walked += int64(len(commits))
			j.progress(Progress{Phase: PhaseWalk, Bytes: j.result.Bytes, Commits: walked})
		}
		j.progress(Progress{Phase: PhaseStore, Bytes: j.result.Bytes, Commits: walked})
	}
}

// notes reads what changed under the notes refs.
func (j *job) notes(ctx context.Context, changed []mirror.Ref, d difference) ([]storage.NotesUpdate, error) {
	var updates []storage.NotesUpdate
	for _, r := range changed {
		if !j.t.Refspecs.IsNotes(r.Name) {
			continue
		}
		changes, isWhole, err := j.source.Notes(ctx, r.Name, d.old[r.Name], r.OID)
		if err != nil {
			return nil, err
		}
		u := storage.NotesUpdate{Ref: r.Name, Reset: isWhole}
		for _, n := range changes {
			u.Changes = append(u.Changes, storage.Note{
				Ref: r.Name, Object: n.Object, Text: n.Text, Deleted: n.Deleted, Keys: j.appendKeys(nil, n.Text),
			})
		}
		updates = append(updates, u)
	}
	for _, ref := range d.deleted {
		if j.t.Refspecs.IsNotes(ref) {
			updates = append(updates, storage.NotesUpdate{Ref: ref, Reset: true})
		}
	}
	return updates, nil
}

// report tells operators what a job did: the store, the metrics, the log.
func (x *Indexer) report(ctx context.Context, t *target, result Result, err error, nudged int64) {
	if ctx.Err() != nil && err != nil {
		return // it was ended, it did not fail
	}
	outcome := "unchanged"
	switch {
	case err != nil:
		outcome = "failed"
	case result.Changed:
		outcome = "changed"
	}
	x.metrics.fetched(t.Spec.Integration, outcome, result.Took)
	if err != nil {
		x.reportFailure(ctx, t, err)
		return
	}
	t.changed.Store(0)
	if nudged != 0 {
		x.metrics.pushVisible.Observe(x.now().Sub(time.Unix(0, nudged)).Seconds())
	}
	if !result.Changed {
		return
	}
	a := result.Advanced
	x.metrics.commitsIndexed.Add(float64(a.CommitsAdded))
	x.log.Info().Str("host", t.host()).Str("repo", t.Spec.Name).Uint32("repo_id", uint32(t.id)).
		Int("refs", a.TipsChanged).Int64("commits", a.CommitsAdded).Int64("dropped", a.CommitsDropped).
		Int64("bytes", result.Bytes).Float64("took_s", result.Took.Seconds()).Msg("repository indexed")
	for _, ref := range result.Lacking {
		x.log.Warn().Str("repo", t.Spec.Name).Str("ref", ref).Msg("ref not indexed: the server sends packs without its commit")
	}
	for _, r := range result.Refused {
		x.log.Warn().Str("repo", t.Spec.Name).Str("ref", r.Name).Str("reason", r.Reason).Msg("ref not indexed")
	}
}

func (x *Indexer) reportFailure(ctx context.Context, t *target, err error) {
	class := Classify(err)
	x.metrics.failed(class)
	failure := storage.Look{At: x.now(), Class: class, Text: err.Error()}
	if err := x.store.RecordLook(ctx, t.id, failure); err != nil {
		x.log.Error().Err(err).Str("repo", t.Spec.Name).Msg("a failure could not be recorded")
	}
	level := zerolog.WarnLevel
	if class == storage.ClassBug || class == storage.ClassFull || class == storage.ClassCorrupt {
		level = zerolog.ErrorLevel
	}
	x.log.WithLevel(level).Err(err).Str("host", t.host()).Str("repo", t.Spec.Name).Uint32("repo_id", uint32(t.id)).
		Str("class", string(class)).Msg("repository not indexed")
}

// nameKeys finds the keys in the name of a branch; other refs do not link by name.
func (j *job) nameKeys(ref string) []storage.IssueKey {
	branch, ok := strings.CutPrefix(ref, "refs/heads/")
	if !ok {
		return nil
	}
	return issuekey.AppendNameKeys[storage.IssueKey](nil, j.rules, branch)
}

// appendKeys finds the keys in a message or a note.
func (j *job) appendKeys(dst []storage.IssueKey, text string) []storage.IssueKey {
	return issuekey.AppendKeys(dst, j.rules, text)
}
