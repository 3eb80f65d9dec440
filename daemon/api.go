package daemon

import (
	"context"
	"errors"
	"fmt"

	"keytrail/httpapi"
	"keytrail/indexer/issuekey"
	"keytrail/storage"
)

// newAPI makes the HTTP API over an index, whose keys follow the rules in force at each question.
func newAPI(store storage.Store, indexer httpapi.Indexer, rules func() *issuekey.Rules, o httpapi.Options) (*httpapi.Server, error) {
	o.Store, o.Indexer, o.Version = store, indexer, versionOf().Version
	o.Keys = func(text string) (storage.IssueKey, error) {
		key, err := rules().Canonical(text)
		return storage.IssueKey(key), err
	}
	o.ExplainText = func(text string) []httpapi.Finding { return findings(rules(), text, false) }
	o.ExplainCommit = func(ctx context.Context, oid storage.OID) (httpapi.CommitExplanation, error) {
		return explainCommit(ctx, store, rules(), oid)
	}
	return httpapi.New(o)
}

// findings gives what the key grammar says about each candidate in a message, or in a name.
func findings(rules *issuekey.Rules, text string, isName bool) []httpapi.Finding {
	var out []httpapi.Finding
	for _, f := range rules.Explain(text, isName) {
		out = append(out, httpapi.Finding{
			Text: f.Text, Start: f.Start, End: f.End, Key: storage.IssueKey(f.Key), Found: f.Key != "", Reason: f.Reason,
		})
	}
	return out
}

// explainCommit says why a commit is or is not in the index.
func explainCommit(ctx context.Context, store storage.Store, rules *issuekey.Rules, oid storage.OID) (httpapi.CommitExplanation, error) {
	e := httpapi.CommitExplanation{SHA: oid}
	keyed := false
	for id, err := range store.Holders(ctx, oid) {
		if err != nil {
			return e, err
		}
		hit, err := store.Commit(ctx, id, oid)
		if errors.Is(err, storage.ErrNotFound) {
			continue // it has been dropped since
		}
		if err != nil {
			return e, err
		}
		r, err := store.Repository(ctx, id)
		if err != nil {
			return e, err
		}
		h := httpapi.CommitHolder{
			Repository: httpapi.RepositoryRef{ID: id, Name: r.Name},
			Keys:       hit.Keys, Findings: findings(rules, hit.Message, false), Branches: hit.Branches, Tags: hit.Tags,
		}
		if !r.SeenAt.IsZero() {
			seen := r.SeenAt
			h.LastSuccess = &seen
		}
		keyed = keyed || len(hit.Keys) > 0
		e.Repositories = append(e.Repositories, h)
	}
	e.Indexed = len(e.Repositories) > 0
	var err error
	e.Reason, err = reasonFor(ctx, store, e.Indexed, keyed)
	return e, err
}

func reasonFor(ctx context.Context, store storage.Store, isIndexed, isKeyed bool) (string, error) {
	switch {
	case isKeyed:
		return "it is indexed, and linked to the keys listed", nil
	case isIndexed:
		return "it is indexed, but neither its message nor a note on it holds an issue key; the findings say what was refused and why", nil
	}
	failing, never := 0, 0
	for r, err := range store.Repositories(ctx) {
		if err != nil {
			return "", err
		}
		switch r.State() {
		case storage.StateFailing:
			failing++
		case storage.StateNew:
			never++
		}
	}
	return fmt.Sprintf("no indexed ref of any repository reaches it: it was never pushed, its branch or tag is gone, the refspecs "+
		"leave its ref out, or its repository is behind (%s failing, %d not indexed yet; see /api/v1/repositories)",
		plural(failing, "repository"), never), nil
}
