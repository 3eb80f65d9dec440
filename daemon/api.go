package daemon

import (
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
